"""Forward passes of real networks: Lilith, PyTorch and ONNX Runtime in turn, from the same weights; checks
that they agree and prints a table."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn as nn
import torchvision.models as zoo
from torchvision.models.resnet import BasicBlock, ResNet

import infer_runtimes
import torch_large
import workload

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LENGTH = 128


class ResNet20(ResNet):
    """The form for CIFAR: three stages, a 3x3 stem."""

    def __init__(self):
        super().__init__(BasicBlock, [3, 3, 3, 3], num_classes=10)
        self.inplanes = 16
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.maxpool = nn.Identity()
        self.layer1 = self._make_layer(BasicBlock, 16, 3)
        self.layer2 = self._make_layer(BasicBlock, 32, 3, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 64, 3, stride=2)
        self.layer4 = nn.Identity()
        self.fc = nn.Linear(64, 10)


def encoder_layers(count, width, heads, norm_first, eps):
    return nn.ModuleList(nn.TransformerEncoderLayer(width, heads, 4 * width, activation="gelu", layer_norm_eps=eps,
                                                    batch_first=True, norm_first=norm_first) for _ in range(count))


class Vit(nn.Module):
    def __init__(self, width=768):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.conv_proj = nn.Conv2d(3, width, 16, stride=16)
        self.places = nn.ParameterList([torch.zeros(1, 197, width)])
        self.layers = encoder_layers(12, width, 12, True, 1e-6)
        self.ln = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 1000)

    def forward(self, x):
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), patches], 1) + self.places[0]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.ln(x[:, 0]))


class MiniLm(nn.Module):
    symbols = 30522

    def __init__(self, width=384):
        super().__init__()
        self.words = nn.Embedding(self.symbols, width)
        self.positions = nn.Embedding(512, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = encoder_layers(6, width, 12, False, 1e-12)

    def forward(self, tokens):
        x = self.norm(self.words(tokens) + self.positions(torch.arange(tokens.shape[1])))
        for layer in self.layers:
            x = layer(x)
        return x.mean(1)


class Gpt2(nn.Module):
    symbols = 50257

    def __init__(self, width=768):
        super().__init__()
        self.wte = nn.Embedding(self.symbols, width)
        self.wpe = nn.Embedding(1024, width)
        self.h = nn.ModuleList(torch_large.Block(width, 12) for _ in range(12))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, self.symbols, bias=False)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x[:, -1]))


NETWORKS = {
    "resnet20": ResNet20, "squeezenet": zoo.squeezenet1_1, "resnet18": zoo.resnet18, "vgg11": zoo.vgg11,
    "minilm": MiniLm, "densenet": zoo.densenet121, "gpt2": Gpt2, "mobilenet": zoo.mobilenet_v2,
    "efficientnet": zoo.efficientnet_b0, "vit": Vit, "convnext": zoo.convnext_tiny, "resnet50": zoo.resnet50,
}


def load(model, path, names):
    """Weights in the order in which both list them: parameters, then buffers."""
    tensors = workload.read_safetensors(path)
    found = (tensors[name] for name in names if not name.endswith("num_batches_tracked"))
    with torch.no_grad():
        for name, own in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("num_batches_tracked"):
                continue
            value = next(found, np.empty(0))
            if value.size != own.numel():
                raise SystemExit(f"networks: {name} is {tuple(own.shape)} here and {value.shape} there")
            own.copy_(torch.from_numpy(value).reshape(own.shape))


def input_of(model, name, batch):
    if hasattr(model, "symbols"):
        return (torch.arange(batch * LENGTH) * 7919 % model.symbols).reshape(batch, LENGTH)
    side = 32 if name == "resnet20" else 224
    x = np.sin(np.arange(batch * 3 * side * side, dtype=np.float64) * 0.37).astype(np.float32)
    return torch.from_numpy(x.reshape(batch, 3, side, side))


def timed(f, runs):
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        y = f()
        times.append((time.perf_counter() - start) * 1e3)
    return times[1:], np.asarray(y).reshape(-1)[:8].tolist()


def peers(name, args):
    """In a process of its own, with MKL unlocked: PyTorch's and ONNX Runtime's times as JSON."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    load(model, args.weights, json.loads(args.order))
    x = input_of(model, name, args.batch)
    result = {}
    with torch.inference_mode():
        last = model.to(memory_format=torch.channels_last)
        moved = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
        result["pytorch"] = timed(lambda: last(moved).numpy(), args.runs)
    model = model.to(memory_format=torch.contiguous_format)
    _, run = infer_runtimes.onnx_runtime(infer_runtimes.exported(model, x), args.threads)
    array = x.numpy()
    result["onnxruntime"] = timed(lambda: run(array), args.runs)
    print(json.dumps(result))


def measure(name, args, environment):
    """{who: times}, and whether the results agree."""
    times, agree = {}, True
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.safetensors")
        order = subprocess.run([args.lilith, name, "--runs", "0", "--save", weights], capture_output=True, check=True,
                               text=True).stdout
        for _ in range(args.rounds):
            common = [name, "--batch", str(args.batch), "--runs", str(args.runs), "--threads", str(args.threads)]
            own = json.loads(subprocess.run([args.lilith, *common], capture_output=True, check=True).stdout)
            other = subprocess.run([sys.executable, __file__, *common, "--weights", weights, "--order", order],
                                   capture_output=True, env=environment, text=True)
            if other.returncode:
                raise SystemExit(other.stderr[-2000:])
            times.setdefault("lilith", []).extend(own["times_ms"])
            for who, (samples, outputs) in json.loads(other.stdout.splitlines()[-1]).items():
                times.setdefault(who, []).extend(samples)
                scale = max(abs(v) for v in outputs)
                worst = max(abs(a - b) for a, b in zip(own["outputs"], outputs)) / scale
                if worst > 2e-3:
                    print(f"{name}: outputs of Lilith and {who} differ by {worst:.2%}")
                    agree = False
    return times, agree


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lilith", type=pathlib.Path, default=ROOT / "build/release/bin/networks")
    parser.add_argument("--weights", help=argparse.SUPPRESS)
    parser.add_argument("--order", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.weights:
        peers(args.names[0], args)
        return 0
    environment = dict(os.environ, LD_PRELOAD=str(pathlib.Path(sys.prefix) / "libmkl-unlocked.so"))
    all_agree = True
    print(f"| network, batch {args.batch} | Lilith ms (least) | PyTorch channels-last | ONNX Runtime | ratio to the faster |")
    print("|---|---|---|---|---|")
    for name in args.names:
        times, agree = measure(name, args, environment)
        all_agree &= agree
        shown = {who: f"{statistics.median(t):.2f} ({min(t):.2f})" for who, t in times.items()}
        best = min(min(t) for who, t in times.items() if who != "lilith")
        print(f"| {name} | {shown['lilith']} | {shown['pytorch']} | {shown['onnxruntime']} | "
              f"{best / min(times['lilith']):.2f} |", flush=True)
    return 0 if all_agree else 1


if __name__ == "__main__":
    sys.exit(main())
