"""What both peers share: the cases, initial weights and batches, and the timing loop."""

import argparse
import json
import os
import statistics
import struct
import time

import numpy as np

BATCH = {"cnn": 100, "lenet": 100, "vae": 100}
# Parameters in PyTorch's layout. Lilith dumps the same, by these names or in this order.
SHAPES = {
    "cnn": {
        "conv1.weight": (16, 1, 3, 3), "conv1.bias": (16,),
        "conv2.weight": (32, 16, 3, 3), "conv2.bias": (32,),
        "conv3.weight": (32, 32, 3, 3), "conv3.bias": (32,),
        "fc.weight": (10, 288), "fc.bias": (10,),
    },
    "lenet": {
        "conv1.weight": (20, 1, 5, 5), "conv1.bias": (20,),
        "conv2.weight": (50, 20, 5, 5), "conv2.bias": (50,),
        "fc1.weight": (500, 800), "fc1.bias": (500,),
        "fc2.weight": (10, 500), "fc2.bias": (10,),
    },
    "vae": {
        "enc1.weight": (500, 784), "enc1.bias": (500,),
        "enc2.weight": (5, 500), "enc2.bias": (5,),
        "enc3.weight": (5, 500), "enc3.bias": (5,),
        "dec1.weight": (500, 5), "dec1.bias": (500,),
        "dec2.weight": (784, 500), "dec2.bias": (784,),
    },
}
DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32}


def read_safetensors(path):
    """All tensors of a safetensors file, in the file's order."""
    with open(path, "rb") as f:
        content = f.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        data = np.frombuffer(content[8 + length + begin : 8 + length + end], DTYPES[entry["dtype"]])
        tensors[name] = data.reshape(entry["shape"]).copy()
    return tensors


def match_weights(model, found):
    """Weights by name, or, where another name was given, the next one of the same shape."""
    left = dict(found)
    weights = {}
    for name, shape in SHAPES[model].items():
        if name in left and left[name].shape == shape:
            weights[name] = left.pop(name)
    for name, shape in SHAPES[model].items():
        if name not in weights:
            key = next((k for k, v in left.items() if v.shape == shape), None)
            if key is None:
                raise SystemExit(f"{model}: no dumped weight of shape {shape} for {name}")
            weights[name] = left.pop(key)
    return weights


def made_up(model, steps):
    """Weights and batches for a run without Lilith's: uniform weights, blurred noise as images."""
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in SHAPES[model].items():
        fan_in = int(np.prod(SHAPES[model][name.split(".")[0] + ".weight"][1:]))
        bound = fan_in**-0.5
        weights[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    n = BATCH[model]
    batches = []
    for _ in range(steps):
        y = rng.integers(0, 10, n)
        x = rng.uniform(0, 1, (n, 1, 28, 28)).astype(np.float32)
        x[np.arange(n), 0, 2 * y + 2] += 1  # a line that tells the class
        x /= x.max()
        batch = {"x": x, "y": y.astype(np.int64)}
        if model == "vae":
            batch["eps"] = rng.standard_normal((n, 5)).astype(np.float32)
        batches.append(batch)
    return weights, batches


def load(model, dump, steps):
    """`lilith bench MODEL --dump DIR` writes DIR/MODEL.weights.safetensors (parameters) and
    DIR/MODEL.batches.safetensors (x.0, y.0, x.1, …; eps.i where the model draws noise)."""
    if dump is None:
        return made_up(model, steps)
    weights = match_weights(model, read_safetensors(os.path.join(dump, f"{model}.weights.safetensors")))
    flat = read_safetensors(os.path.join(dump, f"{model}.batches.safetensors"))
    batches = {}
    for name, value in flat.items():
        field, index = name.rsplit(".", 1)
        batches.setdefault(int(index), {})[field] = value
    batches = [batches[i] for i in sorted(batches)]
    for batch in batches:
        batch["x"] = batch["x"].reshape(-1, 1, 28, 28).astype(np.float32)
    return weights, batches


def add_device(parser):
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--tf32", action="store_true", help="products of f32 on a GPU in TF32")


def arguments(variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=sorted(BATCH))
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--dump", help="folder that `lilith bench --dump` wrote")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--curve", type=int, default=20, help="steps whose losses are reported")
    parser.add_argument("--runs", type=int, default=100)
    add_device(parser)
    return parser.parse_args()


def measure(args, peer, version, step, num_batches, batch=None, mode="train", loss_of=None, **more):
    """Runs `step(i)` on batch i; prints one JSON line. A step returns its loss, or what the untimed
    `loss_of(i, result)` makes one of."""
    losses, times = [], []
    for n in range(args.curve + args.runs):
        i = n % num_batches
        start = time.perf_counter()
        result = step(i)
        times.append((time.perf_counter() - start) * 1e3)
        losses.append(loss_of(i, result) if loss_of else result)
    timed = times[args.curve :]
    print(json.dumps({
        "name": args.model, "mode": mode, "peer": peer, "variant": args.variant, "version": version,
        "batch": batch or BATCH[args.model], "device": args.device, "threads": args.threads,
        "median_ms": round(statistics.median(timed), 4), "min_ms": round(min(timed), 4),
        "runs": args.runs, "first_step_ms": round(times[0], 1), "loss": losses[-1], "losses": losses[: args.curve],
        "times_ms": [round(t, 4) for t in timed], **more,
    }))
