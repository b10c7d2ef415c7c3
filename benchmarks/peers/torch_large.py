"""Steps of the large models in PyTorch: gpt, lstm, resnet18; forward passes of cnn, lenet and vae too. Initial weights are the file that
`large_models MODEL --save-initial FILE` wrote, batches those of large_data.py."""

import argparse
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

import large_data
import torch_device
import torch_digits
import workload

SYMBOLS = 65


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.c_attn(x).split(c, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(b, t, c))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    batch, length = 16, 128

    def __init__(self, width=384, heads=6, blocks=6):
        super().__init__()
        self.wte = nn.Embedding(SYMBOLS, width)
        self.wpe = nn.Embedding(self.length, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, SYMBOLS, bias=False)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class CharLstm(nn.Module):
    batch, length = 64, 64

    def __init__(self, embedding=128, hidden=256):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, embedding)
        self.lstm = nn.LSTM(embedding, hidden, num_layers=2, batch_first=True)
        self.fc = nn.Linear(hidden, SYMBOLS)

    def forward(self, x):
        return self.fc(self.lstm(self.embedding(x))[0])


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                                          nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    batch, channels, side = 128, 3, 32

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


MODELS = {"gpt": Gpt, "lstm": CharLstm, "resnet18": ResNet18, "cnn": torch_digits.Cnn, "lenet": torch_digits.LeNet,
          "vae": torch_digits.Vae}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--weights", help="file that large_models --save-initial wrote")
    parser.add_argument("--variant", choices=["eager", "fused", "compile", "compile-autotune", "graph"],
                        default="eager", help="fused: Adam's update, eager; graph: the step as a CUDA graph")
    parser.add_argument("--fused", action="store_true", help="fused Adam in any variant")
    parser.add_argument("--autocast", choices=["bf16", "f16"], help="products in this dtype")
    parser.add_argument("--infer", action="store_true", help="the forward pass alone, in test mode")
    parser.add_argument("--steps", dest="runs", type=int, default=20, help="timed steps")
    parser.add_argument("--curve", type=int, default=5, help="steps before, whose losses are reported")
    parser.add_argument("--batches", type=int, default=40, help="different batches, taken in turn")
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    workload.add_device(parser)
    return parser.parse_args()


def make_model(args):
    model = MODELS[args.model]()
    if args.weights:
        found = workload.read_safetensors(args.weights)
        names = {k.removeprefix("net."): torch.from_numpy(v) for k, v in found.items()}
        model.load_state_dict(names, strict=True)
    return model


def make_data(args, model, device):
    """Batches as tensors of the device, images channels last."""
    result = []
    for i in range(min(args.curve + args.runs, args.batches)):
        if hasattr(model, "side"):
            x, y = large_data.image_batch(i, args.batch, model.channels, model.side)
            x = torch.from_numpy(x).to(memory_format=torch.channels_last)
        else:
            x, y = large_data.text_batch(i, args.batch, model.length)
            x = torch.from_numpy(x)
        result.append((x.to(device), torch.from_numpy(y).to(device)))
    return result


def loss_of(logits, y):
    return F.cross_entropy(logits.flatten(0, -2), y.flatten())


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    device = torch_device.choose(args)
    model = make_model(args)
    if hasattr(model, "side"):
        model = model.to(memory_format=torch.channels_last)
    model = model.to(device)
    args.batch = args.batch or model.batch
    data = make_data(args, model, device)
    fused = args.fused or args.variant == "fused"
    opt = torch_device.adam(model, args, fused)
    model.train(not args.infer)
    forward = model
    if args.variant.startswith("compile"):
        forward = torch.compile(model, mode="max-autotune" if args.variant == "compile-autotune" else "default")

    half = {"bf16": torch.bfloat16, "f16": torch.float16, None: None}[args.autocast]

    def autocast():
        return torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None)

    def train(x, y):
        opt.zero_grad(set_to_none=True)
        with autocast():
            loss = loss_of(forward(x), y)
        loss.backward()
        opt.step()
        return loss.detach()

    def infer(i):
        with torch.inference_mode(), autocast():
            logits = forward(data[i][0])
        if device.type == "cuda":
            torch.cuda.synchronize()
        return logits

    if args.variant == "graph" and not args.infer:
        train = torch_device.captured(train, data[0], model, opt)

    if args.fused and args.variant != "fused":
        args.variant += "-fused"
    common = {"batch": args.batch, "mkl_unlocked": "libmkl-unlocked" in os.environ.get("LD_PRELOAD", "")}
    if args.infer:
        workload.measure(args, "pytorch", torch.__version__, infer, len(data), mode="infer", **common,
                         loss_of=lambda i, logits: loss_of(logits, data[i][1]).item())
    else:
        workload.measure(args, "pytorch", torch.__version__, lambda i: train(*data[i]).item(), len(data), **common)


if __name__ == "__main__":
    main()
