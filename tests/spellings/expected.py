#!/usr/bin/env python3
"""What PyTorch gives for the lines of the spelling tests.

    LILITH_SPELLINGS=lines.txt build/release/bin/spellings_tests
    python tests/spellings/expected.py lines.txt > tests/spellings/expected.jsonl

One JSON object a line: the outputs (dtype, shape, values; of numbers of the host no dtype) and the
gradient of x of their weighted sum, where there is one. Last run with torch 2.15.
"""
import json
import math
import sys
import warnings

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.distributions as D
import torch.optim.swa_utils
import torchvision.transforms as T
from torch import optim
from torch.optim import lr_scheduler as lr
from torch.utils import data

warnings.simplefilter("ignore")
NAMES = {torch.float32: "f32", torch.float64: "f64", torch.int64: "i64", torch.int32: "i32", torch.bool: "bool",
         torch.float16: "f16", torch.bfloat16: "bf16", torch.uint8: "u8"}


def grid(shape, by, start):
    n = math.prod(shape)
    return ((torch.arange(n, dtype=torch.float64) * 7 + 3) % 11 * by + start).float().view(shape).clone()


def values():
    x = grid((2, 3), 0.375, -1.625)
    return {
        "x": x, "y": grid((2, 3), 0.25, 0.5), "p": grid((2, 3), 0.0625, 0.125), "v": grid((3,), 0.5, -2.25),
        "m": grid((3, 3), 0.25, -1), "s": torch.tensor(1.5), "img": grid((1, 2, 4, 4), 0.25, -1.125),
        "kernel": grid((3, 2, 3, 3), 0.125, -0.5), "seq": grid((4, 2, 3), 0.25, -1), "mask": x > 0.25,
        "n": torch.tensor([[0, 2, 1], [1, 0, 2]]), "index": torch.tensor([2, 0]),
    }


def photo(img):
    return (img * 20 + 60).repeat(1, 2, 1, 1)[:, :3].byte()


def rates(make):
    opt = optim.SGD([torch.zeros(1)], lr=1, momentum=0.9)
    schedule = make(opt)
    out = [float(opt.param_groups[0]["lr"])]
    for _ in range(5):
        if isinstance(schedule, lr.ReduceLROnPlateau):
            schedule.step(1.0)
        else:
            schedule.step()
        out.append(float(opt.param_groups[0]["lr"]))
    return out


def after_steps(make, x):
    x = x.clone().requires_grad_()
    opt = make([x])
    for _ in range(3):
        x.grad = x.detach() ** 3
        opt.step()
    return x.detach()


def set_by(f, t):
    t = t.clone()
    f(t)
    return t


def flat(result):
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, numpy.ndarray):
        return [float(v) for v in result.reshape(-1)]
    if isinstance(result, (tuple, list)):
        return [e for part in result for e in flat(part)]
    return [float(result)]


def plain(v):
    return "nan" if math.isnan(v) else "inf" if v == math.inf else "-inf" if v == -math.inf else v


def shown(o):
    if not isinstance(o, torch.Tensor):
        return {"dtype": "", "shape": [], "values": [plain(o)]}
    return {"dtype": NAMES[o.dtype], "shape": list(o.shape),
            "values": [plain(float(v)) for v in o.detach().double().reshape(-1)]}


def run(line, env):
    # torch's own bool, float, int and range are not what a line means.
    python = {"bool": bool, "float": float, "int": int, "range": range, "true": True, "false": False}
    scope = {**vars(torch), **globals(), **python, **env}
    return flat(eval(line, scope))


def gradient_of(line):
    env = values()
    leaf = env["x"].requires_grad_()
    env["x"] = leaf * 1
    try:
        outputs = [o for o in run(line, env) if isinstance(o, torch.Tensor) and o.requires_grad]
        total = sum((o.float().reshape(-1) * (torch.arange(o.numel()) % 7 * 0.25 - 0.6)).sum() for o in outputs)
        return [plain(float(v)) for v in torch.autograd.grad(total, leaf)[0].reshape(-1)] if outputs else None
    except (RuntimeError, ValueError):
        return None


for text in open(sys.argv[1]):
    line = json.loads(text)
    torch.manual_seed(0)
    row = {"torch": line, "out": [shown(o) for o in run(line, values())]}
    # Random weights; initialisers write without a record.
    skipped = any(w in line for w in ("nn.Linear", "nn.Conv", "rand", "gumbel", "nn.Sequential", "set_by"))
    grad = None if skipped else gradient_of(line)
    if grad is not None:
        row["grad"] = grad
    print(json.dumps(row))
