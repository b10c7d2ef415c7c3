"""sort and topk, values and places, in Lilith (`workloads`) and PyTorch in turn, round after round: a table."""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW, ROWS = (10000000,), (4096, 4096)
WORK = {
    "sort [10000000]": (ROW, torch.sort),
    "sort [10000000], descending": (ROW, lambda x: torch.sort(x, -1, True)),
    "sort [4096, 4096]": (ROWS, torch.sort),
    "sort [4096, 4096], dim 0": (ROWS, lambda x: torch.sort(x, 0)),
    "topk 10 [10000000]": (ROW, lambda x: torch.topk(x, 10)),
    "topk 100 [10000000]": (ROW, lambda x: torch.topk(x, 100)),
    "topk 100000 [10000000]": (ROW, lambda x: torch.topk(x, 100000)),
    "topk 10 [4096, 4096]": (ROWS, lambda x: torch.topk(x, 10)),
    "topk 100 [4096, 4096]": (ROWS, lambda x: torch.topk(x, 100)),
    "topk 1000 [4096, 4096]": (ROWS, lambda x: torch.topk(x, 1000)),
}


def in_torch(name, ms):
    """Least and median of PyTorch's runs."""
    shape, f = WORK[name]
    torch.manual_seed(0)
    x = torch.randn(shape)
    times = []
    with torch.inference_mode():
        f(x)
        start = time.perf_counter()
        while len(times) < 3 or (time.perf_counter() - start) * 1e3 < ms:
            begin = time.perf_counter()
            f(x)
            times.append((time.perf_counter() - begin) * 1e3)
    return min(times), statistics.median(times)


def in_lilith(name, args):
    command = [args.workloads, "--filter", f"^both: {re.escape(name)}$", "--ms", str(args.ms)]
    environment = dict(os.environ, LILITH_NUM_THREADS=str(args.threads))
    run = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    result = json.loads(run.stdout)
    return result["min_ms"], result["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="work in whose name this is")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ms", type=float, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workloads", type=pathlib.Path, default=ROOT / "build/release/bin/workloads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print("| work | Lilith ms (least) | PyTorch (least) | PyTorch over Lilith, least / median |")
    print("|---|---|---|---|")
    for name in WORK:
        if args.only not in name:
            continue
        own, other = [], []
        for _ in range(args.rounds):
            own.append(in_lilith(name, args))
            other.append(in_torch(name, args.ms))
        least = [min(m for m, _ in runs) for runs in (own, other)]
        middle = [statistics.median(m for _, m in runs) for runs in (own, other)]
        print(f"| {name} | {middle[0]:.1f} ({least[0]:.1f}) | {middle[1]:.1f} ({least[1]:.1f}) | "
              f"{least[1] / least[0]:.2f} / {middle[1] / middle[0]:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
