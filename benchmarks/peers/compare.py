"""Runs Lilith and the peers in turn (A B C A B C …), checks that their loss curves agree, and prints
a table of times. Results as JSON lines go to --out."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ["cnn", "lenet", "vae"]
LARGE = ["gpt", "lstm", "resnet18"]
# Where Adam's first steps amplify rounding (a gradient near 0 moves its weight by the rate, up or down):
# two layouts of PyTorch differ by 1 % within three steps of 1e-3. Curves are compared at this rate.
CHECK_LR = {"resnet18": 1e-5}


def environment(unlock, args):
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env["LILITH_PRECISION"] = args.precision or ("high" if args.tf32 or not on_gpu(args) else "highest")
    if unlock and not args.mkl_as_shipped:
        env["LD_PRELOAD"] = str(args.venv / "libmkl-unlocked.so")
    return env


def run(command, env):
    """The JSON lines that a command printed."""
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(f"compare: {' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}\n")
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def start_of_all(model, args, folder):
    """What Lilith writes for the peers: a folder of weights and batches, or a file of weights of a
    large model, whose batches each side makes. None where there is no Lilith."""
    if model in LARGE or args.infer:
        path = os.path.join(folder, "initial.safetensors")
        if args.large.exists():
            run([args.large, model, "--save-initial", path, "--steps", "0"], os.environ)
        return path if os.path.exists(path) else None
    if args.lilith.exists() and run([args.lilith, "bench", model, "--json", "--dump", folder], os.environ):
        return folder
    return None


def on_gpu(args):
    return args.device.startswith("cuda")


def large_contestants(model, args, weights):
    common = [model, "--threads", str(args.threads), "--steps", str(args.runs or 10), "--device", args.device]
    if args.batch:
        common += ["--batch", str(args.batch)]
    if args.infer:
        common.append("--infer")
    result = {}
    start = ["--weights", weights] if weights else []
    if args.large.exists():
        result["lilith"] = ([args.large, *common, "--json"], False)
    default = "eager,compile,graph" if on_gpu(args) else "eager,compile" if args.infer else "eager,fused"
    for variant in (args.torch or default).split(","):
        if variant:
            command = [args.venv / "bin" / "python", HERE / "torch_large.py", *common, "--variant", variant]
            command += ["--tf32"] if args.tf32 else []
            result[f"pytorch {variant}"] = (command + start, True)
    if args.infer and not on_gpu(args):
        common = [c for c in common if c not in ("--infer", "--device", args.device)]
        for variant in ("onnxruntime", "openvino"):
            command = [args.venv / "bin" / "python", HERE / "infer_runtimes.py", *common, "--variant", variant]
            result[variant] = (command + start, False)
    return result


def contestants(model, args, dump):
    if model in LARGE or args.infer:
        return large_contestants(model, args, dump)
    python = args.venv / "bin" / "python"
    common = ["--threads", str(args.threads), "--runs", str(args.runs or 100), "--device", args.device]
    result = {}
    if args.lilith.exists():
        result["lilith"] = ([args.lilith, "bench", model, "--json", *common], False)
    if dump:
        common += ["--dump", dump]
    if args.tf32:
        common.append("--tf32")
    default = "eager,compile,graph" if on_gpu(args) else "eager,channels-last,channels-last-fused"
    for variant in (args.torch or default).split(","):
        if variant:
            command = [python, HERE / "torch_step.py", model, "--variant", variant, *common]
            result[f"pytorch {variant}"] = (command, True)
    if not args.no_jax:
        result["jax"] = ([python, HERE / "jax_step.py", model, *common], False)
    return result


def check_rows(model, field, rows, args):
    """What the contestants reported, or, where the timed runs may not be compared, runs of their own."""
    if model not in CHECK_LR or args.infer:
        return rows
    if args.no_check:
        return {}
    result = {}
    for name, (command, unlock) in field.items():
        for row in run(command + ["--lr", str(CHECK_LR[model])], environment(unlock, args)):
            result[name] = row
    return result


def check_curves(model, rows, tolerance):
    """Every contestant must compute the same thing: losses within a relative tolerance that grows as
    rounding spreads."""
    reference, agree = None, True
    for name, row in rows.items():
        curve = row.get("losses")
        if not curve:
            print(f"  {model}: {name} reports no losses")
            continue
        if reference is None:
            reference = (name, curve)
            continue
        worst = max(abs(a - b) / max(abs(b), 1e-3) for a, b in zip(curve, reference[1]))
        if worst > tolerance:
            print(f"  {model}: losses of {name} and {reference[0]} differ by {worst:.2%}")
            agree = False
    return agree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS, help=f"{', '.join(MODELS)} (default), {', '.join(LARGE)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, help="timed steps a round (default 100; of a large model 10)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch", help="variants, comma-separated: eager, fused, compile, compile-autotune, graph (a "
                        "CUDA graph); of the small models also channels-last, channels-last-fused")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:0: for all of them")
    parser.add_argument("--tf32", action="store_true", help="products of f32 on a GPU in TF32, on all sides")
    parser.add_argument("--precision", choices=["highest", "high"], help="of Lilith: on a CPU `high`, its default, has "
                        "Winograd's tiles of 4x4")
    parser.add_argument("--mkl-as-shipped", action="store_true", help="PyTorch without the library that unlocks MKL")
    parser.add_argument("--batch", type=int, help="of a large model, and of --infer, in place of its own")
    parser.add_argument("--infer", action="store_true", help="forward passes, of all six; beside ONNX Runtime and OpenVINO too")
    parser.add_argument("--no-check", action="store_true", help="without the runs that compare resnet18's losses")
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--lilith", type=pathlib.Path, default=ROOT / "build/release/bin/lilith")
    parser.add_argument("--large", type=pathlib.Path, default=ROOT / "build/release/bin/large_models")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".venv/peers")
    parser.add_argument("--tolerance", type=float, help="of losses, relative (default 0.01; of a large model 0.001)")
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()

    agree = True
    for model in args.models:
        with tempfile.TemporaryDirectory() as folder:
            field = contestants(model, args, start_of_all(model, args, folder))
            times, rows = {name: [] for name in field}, {}
            for _ in range(args.rounds):
                for name, (command, unlock) in field.items():
                    for row in run(command, environment(unlock, args)):
                        times[name] += row.get("times_ms", [row["median_ms"], row["min_ms"]])
                        rows[name] = row
                        if args.out:
                            with args.out.open("a") as out:
                                out.write(json.dumps(row) + "\n")
            tolerance = args.tolerance or (0.001 if model in LARGE or args.infer else 0.01)
            agree &= check_curves(model, check_rows(model, field, rows, args), tolerance)
        base = statistics.median(times["lilith"]) if times.get("lilith") else None
        where = args.device if on_gpu(args) else f"{args.threads} threads"
        print(f"{model}, batch {next(iter(rows.values()))['batch']}, {where}" if rows else model)
        for name, samples in times.items():
            if samples:
                median = statistics.median(samples)
                ratio = f"  {median / base:6.2f}x" if base else ""
                print(f"  {name:<28} median {median:9.3f} ms   min {min(samples):9.3f} ms{ratio}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
