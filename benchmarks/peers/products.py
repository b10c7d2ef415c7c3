"""Products in Lilith (`products`) and PyTorch (oneDNN, MKL) in turn, round after round: a table of least
times, of what part of the FMA peak they reach, and of what limits them."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PASSES = ("forward", "data", "weights")


def matmul(name, a, b, ta=False, tb=False):
    batch = 1
    for n in a[:-2]:
        batch *= n
    return {"name": name, "kind": "matmul", "a": a, "b": b, "ta": ta, "tb": tb,
            "flops": 2 * batch * a[-2] * a[-1] * b[-1],
            "bytes": 4 * batch * (a[-2] * a[-1] + a[-1] * b[-1] + a[-2] * b[-1])}


def conv(name, x, w, stride=1, padding=None, groups=1, passes=PASSES):
    padding = w[2] // 2 if padding is None else padding
    side = [(n + 2 * padding - w[2]) // stride + 1 for n in x[2:]]
    y = [x[0], w[0], *side]
    flops = 2 * x[0] * w[0] * side[0] * side[1] * w[1] * w[2] * w[3]
    sizes = [s[0] * s[1] * s[2] * s[3] for s in (x, w, y)]
    return [{"name": f"{name}, {p}", "kind": "conv", "pass": p, "x": x, "w": w, "y": y, "stride": stride,
             "padding": padding, "groups": groups, "flops": flops, "bytes": 4 * sum(sizes)} for p in passes]


def all_products():
    """60 of them."""
    square = [matmul(f"{n}", [n, n], [n, n]) for n in (128, 256, 512, 1024, 2048)]
    return square + [
        matmul("511 x 509 x 503", [511, 509], [509, 503]),
        matmul("1024, a transposed", [1024, 1024], [1024, 1024], ta=True),
        matmul("1024, b transposed", [1024, 1024], [1024, 1024], tb=True),
        matmul("1000, both transposed", [1000, 1000], [1000, 1000], ta=True, tb=True),
        matmul("20000 x 64 x 64", [20000, 64], [64, 64]),
        matmul("25088 x 96 x 384 (ConvNeXt)", [25088, 96], [96, 384], tb=True),
        matmul("64 x 4096 x 64", [64, 4096], [4096, 64]),
        matmul("32 x 100000 x 32", [32, 100000], [100000, 32]),
        matmul("1024 x 8 x 1024", [1024, 8], [8, 1024]),
        matmul("1 x 4096 x 4096", [1, 4096], [4096, 4096], tb=True),
        matmul("8 x 1024 x 4096", [8, 1024], [1024, 4096], tb=True),
        matmul("100 x 784 x 500 (vae)", [100, 784], [784, 500], tb=True),
        matmul("500 x 100 x 784 (vae, weights)", [500, 100], [100, 784], ta=True),
        matmul("64 x 256 x 1024 (lstm)", [64, 256], [256, 1024], tb=True),
        matmul("2048 x 384 x 1152 (gpt)", [2048, 384], [384, 1152], tb=True),
        matmul("2048 x 384 x 1536 (gpt)", [2048, 384], [384, 1536], tb=True),
        matmul("2048 x 1536 x 384 (gpt)", [2048, 1536], [1536, 384], tb=True),
        matmul("384 x 2048 x 1536 (gpt, weights)", [384, 2048], [2048, 1536], ta=True),
        matmul("96 of 128 x 64 x 128 (scores)", [96, 128, 64], [96, 64, 128], tb=True),
        matmul("96 of 128 x 128 x 64 (values)", [96, 128, 128], [96, 128, 64]),
        matmul("64 of 64", [64, 64, 64], [64, 64, 64]),
        matmul("12 of 65 x 33 x 47", [12, 65, 33], [12, 33, 47]),
        *conv("64ch 32x32 3x3", [32, 64, 32, 32], [64, 64, 3, 3]),
        *conv("128ch 16x16 3x3", [32, 128, 16, 16], [128, 128, 3, 3]),
        *conv("512ch 4x4 3x3", [32, 512, 4, 4], [512, 512, 3, 3]),
        *conv("64 to 128ch 32x32 3x3, stride 2", [32, 64, 32, 32], [128, 64, 3, 3], stride=2),
        *conv("cnn: 16 to 32ch 14x14 3x3", [100, 16, 14, 14], [32, 16, 3, 3]),
        *conv("lenet: 20 to 50ch 12x12 5x5", [100, 20, 12, 12], [50, 20, 5, 5], padding=0),
        *conv("ResNet-50: 256 to 64ch 56x56 1x1", [4, 256, 56, 56], [64, 256, 1, 1]),
        *conv("ResNet-50: 3 to 64ch 224x224 7x7, stride 2", [2, 3, 224, 224], [64, 3, 7, 7], stride=2,
              passes=("forward", "weights")),
        *conv("VGG: 128ch 112x112 3x3", [1, 128, 112, 112], [128, 128, 3, 3], passes=("forward",)),
        *conv("VGG: 512ch 14x14 3x3", [1, 512, 14, 14], [512, 512, 3, 3]),
        *conv("MobileNet: 96ch 56x56 3x3, depthwise", [8, 96, 56, 56], [96, 1, 3, 3], groups=96),
        *conv("MobileNet: 24 to 144ch 56x56 1x1", [8, 24, 56, 56], [144, 24, 1, 1], passes=("forward",)),
        *conv("ConvNeXt: 96ch 56x56 7x7, depthwise", [8, 96, 56, 56], [96, 1, 7, 7], groups=96,
              passes=("forward", "data")),
    ]


def torch_call(p, dtype):
    """A function of the number of the set, in the faster form: oneDNN's layout for images is channels last."""
    if p["kind"] == "matmul":
        def operand(shape, turned):
            lying = torch.randn(*shape[:-2], shape[-1], shape[-2]).transpose(-1, -2) if turned else torch.randn(shape)
            return lying.to(dtype)
        sets = [(operand(p["a"], p["ta"]), operand(p["b"], p["tb"])) for _ in range(2)]
        return lambda k: torch.matmul(*sets[k])
    layout = torch.channels_last

    def image(shape):
        return torch.randn(shape).to(dtype).contiguous(memory_format=layout)
    w = [image(p["w"]) for _ in range(2)]
    x, y = [image(p["x"]) for _ in range(2)], [image(p["y"]) for _ in range(2)]
    numbers = [p["stride"]] * 2, [p["padding"]] * 2, [1, 1]
    if p["pass"] == "forward":
        return lambda k: torch.conv2d(x[k], w[k], None, *numbers, p["groups"])
    mask = [p["pass"] == "data", p["pass"] == "weights", False]
    return lambda k: torch.ops.aten.convolution_backward(y[k], x[k], w[k], None, *numbers, False, [0, 0], p["groups"],
                                                         mask)


def in_torch(p, dtype, ms):
    call, times, total = torch_call(p, dtype), [], 0
    with torch.inference_mode():
        for k in range(100000):
            if k >= 5 and total >= ms:
                break
            begin = time.perf_counter()
            call(k % 2)
            took = (time.perf_counter() - begin) * 1e3
            if k >= 2:
                times.append(took)
                total += took
    return {"min_ms": min(times), "median_ms": statistics.median(times)}


class Lilith:
    def __init__(self, args):
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and not k.startswith("MALLOC_")}
        self.process = subprocess.Popen([args.products, "--threads", str(args.threads)], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"products: {question}: {answer['error']}")
        return answer


def begin_again(library):
    """MKL's slow path on other makers' processors lifted, and memory of results kept: a result of many
    megabytes would otherwise be new pages at each call."""
    if "MALLOC_MMAP_MAX_" in os.environ:
        return
    drop = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    environment = {k: v for k, v in os.environ.items() if k not in drop}
    environment |= {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 33), "MALLOC_TOP_PAD_": str(1 << 28)}
    if library.exists():
        environment["LD_PRELOAD"] = str(library)
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="products in whose name this is")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ms", type=float, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="of operands and results; the peak stays that of f32's FMAs")
    parser.add_argument("--bandwidth", type=float, default=45, help="GB/s from memory, for the roofline")
    parser.add_argument("--products", type=pathlib.Path, default=ROOT / "build/release/bin/products")
    args = parser.parse_args()
    begin_again(pathlib.Path(sys.prefix) / "libmkl-unlocked.so")
    torch.set_num_threads(args.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    lilith = Lilith(args)
    print("| product | GFLOP | Lilith ms (median) | % of peak | PyTorch ms (median) | % of peak | ratio |")
    print("|---|---|---|---|---|---|---|")
    percents, ratios = [], []
    for p in all_products():
        if args.only not in p["name"]:
            continue
        own, other, peaks = [], [], []
        for _ in range(args.rounds):
            own.append(lilith.ask(p | {"ms": args.ms, "dtype": args.dtype}))
            other.append(in_torch(p, dtype, args.ms))
            peaks.append(lilith.ask({"kind": "peak"})["gflops"])
        least = [min(r["min_ms"] for r in runs) for runs in (own, other)]
        middle = [statistics.median(r["median_ms"] for r in runs) for runs in (own, other)]
        limit = p["flops"] / max(peaks) / 1e6
        bound = p["bytes"] * dtype.itemsize / 4 / args.bandwidth / 1e6 > limit
        percent = [100 * limit / ms for ms in least]
        percents.append((percent[0], bound, p["name"]))
        ratios.append(least[1] / least[0])
        print(f"| {p['name']}{' *' if bound else ''} | {p['flops'] / 1e9:.3f} | {least[0]:.3f} ({middle[0]:.3f}) | "
              f"{percent[0]:.0f} | {least[1]:.3f} ({middle[1]:.3f}) | {percent[1]:.0f} | {ratios[-1]:.2f} |", flush=True)
    free = sorted(p for p, bound, _ in percents if not bound)
    if free:
        print(f"\n{len(percents)} products, {len(free)} whose operands and results take less from memory than the FMAs (the "
              f"others have a *): median {statistics.median(free):.0f} % of the peak, {sum(p < 60 for p in free)} under "
              f"60 %; ratio over PyTorch: median {statistics.median(ratios):.2f}, {sum(r < 0.9 for r in ratios)} under 0.9")


if __name__ == "__main__":
    main()
