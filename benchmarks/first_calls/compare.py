"""First calls of Lilith (no cache on disk; a warm one) and of PyTorch in turn: the medians as a table."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ["decode", "sentences", "episodes", "images", "slices", "annealed"]


def run(command, env):
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="*", default=WORK)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lilith", default=ROOT / "build/release/bin/first_calls")
    parser.add_argument("--venv", type=pathlib.Path, default=ROOT / ".venv/peers")
    args = parser.parse_args()
    unlocked = args.venv / "libmkl-unlocked.so"
    peer = dict(os.environ, **({"LD_PRELOAD": str(unlocked)} if unlocked.exists() else {}))
    print("| work | PyTorch first | again | Lilith first, nothing on disk | from disk | again | compiled | planned | cold/PyTorch | warm/PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for work in args.work:
        rows = {"torch": [], "cold": [], "warm": []}
        for _ in range(args.rounds):
            rows["torch"].append(run([args.venv / "bin/python", HERE / "torch_first_calls.py", work], peer))
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o700)
                env = dict(os.environ, LILITH_CACHE=folder)
                for kind in ("cold", "warm"):
                    rows[kind].append(run([args.lilith, work], env))
        ms = {k: {f: statistics.median(r[f] for r in v) for f in ("first_ms", "again_ms")} for k, v in rows.items()}
        cold, torch = rows["cold"][-1], ms["torch"]["first_ms"]
        print(f"| {work} | {torch:.0f} ms | {ms['torch']['again_ms']:.0f} ms | {ms['cold']['first_ms']:.0f} ms | "
              f"{ms['warm']['first_ms']:.0f} ms | {ms['cold']['again_ms']:.0f} ms | {cold['compiled']} | {cold['planned']} | "
              f"{ms['cold']['first_ms'] / torch:.2f} | {ms['warm']['first_ms'] / torch:.2f} |", flush=True)


main()
