"""Fresh samples of PyTorch's operators, modules, optimisers and schedules for `parity`, the first two drawn from
PyTorch's own tables of tests: what it computes, in float64, for arguments that the stored samples lack.
`LILITH_GOLDEN=OUT parity` runs them.

    python tests/parity/make_samples.py OUT [--seed 0] [--each 8] [--only REGEX] [--integers] [--views]

Needs torch, numpy, safetensors, expecttest and hypothesis."""

import argparse
import inspect
import json
import math
import pathlib
import random
import re
import warnings

import torch
from safetensors.torch import save_file
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

MOST_ELEMENTS = 4000
IN_ORDER = False
VIEWS = False
# Draws, uninitialised memory, and what is no function of values.
LEFT_OUT = re.compile(r"rand|empty|dropout|bernoulli|multinomial|normal|uniform|exponential|cauchy|geometric|rrelu|"
                      r"^_|jiterator|sparse|to_sparse|item|nn.functional.scaled_mm|__rand|data_ptr|nested|torch\.ops")


DTYPES = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64}


class Refused(Exception):
    """A sample that the format has no words for."""


class Writer:
    """The tensors and the entries of a file."""

    def __init__(self):
        self.tensors, self.entries = {}, {}

    def put(self, key, tensor):
        if tensor.dtype not in DTYPES or tensor.layout != torch.strided:
            raise Refused(str(tensor.dtype))
        self.pending[key] = tensor.detach().resolve_neg().contiguous().clone()
        return {"t": key} | self.view_of(tensor)

    def view_of(self, tensor):
        """As what part of a larger or otherwise ordered tensor `parity` gives it."""
        if not VIEWS or tensor.dim() == 0 or tensor.numel() == 0:
            return {}
        return {"view": random.choice(["strided", "inner", "flipped"] + ["transposed"] * 2 * (tensor.dim() > 1))}

    def encode(self, value, key):
        if isinstance(value, torch.Tensor):
            return self.put(key, value)
        if isinstance(value, (list, tuple)):
            return [self.encode(v, f"{key}.{i}") for i, v in enumerate(value)]
        if isinstance(value, slice):
            return {"slice": [value.start, value.stop, value.step]}
        if isinstance(value, torch.dtype):
            if value not in DTYPES:
                raise Refused(str(value))
            return {"dtype": str(value)}
        if isinstance(value, float) and not math.isfinite(value):
            return {"f": str(value)}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.device):
            return str(value)
        raise Refused(type(value).__name__)

    def begin(self):
        self.pending = {}

    def commit(self, name, entry):
        self.tensors.update(self.pending)
        self.entries[name] = json.dumps(entry)

    def save(self, path):
        if self.entries:
            save_file(self.tensors, path, metadata=dict(self.entries, producer="torch " + torch.__version__))


def leaves(value, key):
    if isinstance(value, torch.Tensor):
        yield key, value
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from leaves(v, f"{key}.{i}")


def widened(value):
    """Floating tensors as float64 leaves that want a gradient."""
    if isinstance(value, torch.Tensor):
        t = value.detach().clone()
        return t.double().requires_grad_() if t.dtype == torch.float32 else t
    if isinstance(value, (list, tuple)):
        return type(value)(map(widened, value)) if type(value) in (list, tuple) else tuple(map(widened, value))
    return value


def size_of(value):
    return sum(t.numel() for _, t in leaves(value, ""))


def record(w, name, call, args, kwargs, entry, extra=(), differentiable=True):
    """Runs it and writes what came out, with the gradients of a random combination."""
    wide, wide_kwargs = [widened(a) for a in args], {k: widened(v) for k, v in kwargs.items()}
    result = call(*wide, **wide_kwargs)
    if isinstance(result, torch.Tensor):
        result = (result,)
    outs = list(leaves(tuple(result), "out"))
    if not outs or len(outs) != len(list(leaves(tuple(r for r in result), ""))) or any(r is None for r in result):
        raise Refused("no tensors")
    entry["outs"], cotangents, total = [], {}, None
    for key, out in outs:
        w.put(f"{name}/{key}", out)
        entry["outs"].append(f"{name}/{key}")
        if differentiable and out.requires_grad and out.dtype == torch.float64:
            ct = torch.randn_like(out.detach().contiguous()).float().double()
            w.put(f"{name}/cot_{key}", ct.float())
            cotangents[key] = f"{name}/cot_{key}"
            part = (out * ct).sum()
            total = part if total is None else total + part
    if total is not None and torch.isfinite(total):
        inputs = [("g" + k, t) for k, t in leaves(wide, "") if t.requires_grad]
        inputs += [("gk" + k, t) for k, t in leaves(list(wide_kwargs.values()), "") if t.requires_grad]
        inputs += extra
        try:
            grads = torch.autograd.grad(total, [t for _, t in inputs], allow_unused=True)
        except (RuntimeError, NotImplementedError):
            grads = None  # no gradient in PyTorch
        if grads is not None:
            entry["cot"] = cotangents
            entry["grad"] = {}
            for (key, _), g in zip(inputs, grads):
                if g is not None:
                    w.put(f"{name}/{key}", g)
                    entry["grad"][key] = f"{name}/{key}"
    w.commit(name, entry)


def sample_op(w, op, dtype, each, start):
    full = op.name + ("__" + op.variant_test_name if op.variant_test_name else "")
    samples = [s for s in op.sample_inputs("cpu", dtype, requires_grad=False)]
    samples = [s for s in samples if size_of((s.input, *s.args, *s.kwargs.values())) <= MOST_ELEMENTS]
    if not IN_ORDER:
        random.shuffle(samples)
    count = start
    for s in samples[:each]:
        name = f"{full}/{count}"
        w.begin()
        try:
            args = [s.input, *s.args]
            entry = {
                "args": [w.encode(a, f"{name}/{'in' if i == 0 else f'a{i - 1}'}") for i, a in enumerate(args)],
                "kwargs": {k: w.encode(v, f"{name}/k_{k}") for k, v in s.kwargs.items()},
            }
            record(w, name, op.op, args, s.kwargs, entry, differentiable=op.supports_autograd)
            count += 1
        except (Refused, RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
            continue
    return count


def sample_module(w, info, each):
    full = info.name if info.name.startswith("nn.") else "nn." + info.name
    inputs = list(info.module_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False))
    if not IN_ORDER:
        random.shuffle(inputs)
    count = 0
    for m in inputs[:each]:
        name = f"{full}/{count}"
        w.begin()
        try:
            ctor, call = m.constructor_input, m.forward_input
            entry = {
                "ctor_args": w.encode(list(ctor.args), f"{name}/c"),
                "ctor_kwargs": {k: w.encode(v, f"{name}/ck_{k}") for k, v in ctor.kwargs.items()},
                "args": [w.encode(a, f"{name}/a{i}") for i, a in enumerate(call.args)],
                "kwargs": {k: w.encode(v, f"{name}/k_{k}") for k, v in call.kwargs.items()},
            }
            module = info.module_cls(*ctor.args, **ctor.kwargs).float().eval()
            entry["state"] = {k: f"{name}/sd.{k}" for k in module.state_dict()}
            for k, t in module.state_dict().items():
                w.put(f"{name}/sd.{k}", t)
            module = module.double()
            extra = [("gp." + k, p) for k, p in module.named_parameters()]
            record(w, name, module, list(call.args), call.kwargs, entry, extra)
            count += 1
        except (Refused, RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError):
            continue


def network():
    """Linear(2,3)-Sigmoid-Linear(3,1)-Sigmoid, and its input."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sigmoid(), torch.nn.Linear(3, 1), torch.nn.Sigmoid())
    return net.double(), torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=torch.float64)


def some(choices):
    """Keyword arguments, each given or not."""
    return {name: random.choice(values) for name, values in choices.items() if random.random() < 0.5}


BETAS = {"betas": [(0.9, 0.999), (0.8, 0.95), (0.5, 0.9)], "eps": [1e-8, 1e-6], "lr": [0.1, 0.01, 1.0],
         "weight_decay": [0.0, 0.01, 0.1], "maximize": [True, False]}
OPTIMIZERS = {
    "SGD": {"lr": [0.1, 0.5], "momentum": [0.9, 0.5], "dampening": [0.0, 0.3], "weight_decay": [0.0, 0.01],
            "nesterov": [False, True], "maximize": [True, False]},
    "Adam": BETAS | {"amsgrad": [True, False]},
    "AdamW": BETAS | {"amsgrad": [True, False]},
    "Adamax": BETAS,
    "NAdam": BETAS | {"momentum_decay": [4e-3, 0.01]},
    "RAdam": BETAS,
    "Adagrad": {"lr": [0.1, 1.0], "lr_decay": [0.0, 0.01], "weight_decay": [0.0, 0.01], "eps": [1e-10, 1e-6],
                "initial_accumulator_value": [0.0, 0.1], "maximize": [True, False]},
    "Adadelta": {"lr": [1.0, 0.5], "rho": [0.9, 0.8], "eps": [1e-6, 1e-4], "weight_decay": [0.0, 0.01],
                 "maximize": [True, False]},
    "RMSprop": {"lr": [0.1, 0.01], "alpha": [0.99, 0.9], "eps": [1e-8, 1e-5], "weight_decay": [0.0, 0.01],
                "momentum": [0.0, 0.9], "centered": [True, False], "maximize": [True, False]},
    "ASGD": {"lr": [0.1, 0.01], "lambd": [1e-4, 0.01], "alpha": [0.75, 0.5], "t0": [1e6, 3, 0],
             "weight_decay": [0.0, 0.01], "maximize": [True, False]},
    "Rprop": {"lr": [0.1, 0.01], "etas": [(0.5, 1.2), (0.7, 1.5)], "step_sizes": [(1e-6, 50.0), (1e-3, 0.1)],
              "maximize": [True, False]},
    "Adafactor": {"lr": [0.1, 0.01], "beta2_decay": [-0.8, -0.5], "eps": [(None, 1e-3), (1e-8, 1e-2)], "d": [1.0, 2.0],
                  "weight_decay": [0.0, 0.01], "maximize": [True, False]},
    "LBFGS": {"lr": [0.1, 1.0], "max_iter": [4, 10], "history_size": [100, 2], "max_eval": [5],
              "line_search_fn": ["strong_wolfe"], "tolerance_grad": [1e-7, 1e-3]},
}


# What a group may have for itself.
OF_GROUPS = ["lr", "weight_decay", "eps", "alpha", "rho", "lambd", "momentum_decay", "lr_decay", "d"]


def accepted(function, kwargs):
    """Those that this PyTorch knows, and those that it wants."""
    known = inspect.signature(function).parameters
    wanted = {"lr": 0.1} if known["lr"].default is not known["lr"].empty and not isinstance(known["lr"].default, float) else {}
    return wanted | {k: v for k, v in kwargs.items() if k in known}


def optimizer_runs(each):
    net, x = network()
    names = [(0, "weight"), (0, "bias"), (2, "weight"), (2, "bias")]
    init = [getattr(net[i], n).detach().clone() for i, n in names]
    runs = []
    for name, choices in OPTIMIZERS.items():
        for _ in range(each):
            kwargs = accepted(getattr(torch.optim, name), some(choices))
            if kwargs.get("nesterov") and (not kwargs.get("momentum") or kwargs.get("dampening")):
                kwargs |= {"momentum": 0.9, "dampening": 0.0}
            with torch.no_grad():
                for (i, n), value in zip(names, init):
                    getattr(net[i], n).copy_(value)
            own = {}
            if name != "LBFGS" and random.random() < 0.5:  # the second layer has some of its own
                own = {k: v for k, v in some({k: choices[k] for k in OF_GROUPS if k in choices}).items()
                       if isinstance(v, (int, float))}
            groups = [{"params": net[0].parameters()}, {"params": net[2].parameters(), **own}] if own else net.parameters()
            optimizer = getattr(torch.optim, name)(groups, **kwargs)

            def closure():
                optimizer.zero_grad()
                loss = net(x).sum()
                loss.backward()
                return loss

            after = {}
            for step in range(13):
                optimizer.step(closure)
                after[str(step)] = [getattr(net[i], n).flatten().tolist() for i, n in names]
            runs.append({"optimizer": name, "kwargs": kwargs, "after_step": after} | ({"groups": {"b": own}} if own else {}))
    return {"producer": "torch " + torch.__version__, "input": x.tolist(), "init": [t.flatten().tolist() for t in init],
            "param_order": "W1 b1 W2 b2", "runs": runs}


SCHEDULERS = {
    "StepLR": ({"step_size": 4}, {"gamma": [0.1, 0.7]}),
    "MultiStepLR": ({"milestones": [2, 5, 5, 11]}, {"gamma": [0.1, 0.5]}),
    "ExponentialLR": ({"gamma": 0.8}, {}),
    "CosineAnnealingLR": ({"T_max": 7}, {"eta_min": [0.01, 0.1]}),
    "CosineAnnealingWarmRestarts": ({"T_0": 3}, {"T_mult": [1, 2, 3], "eta_min": [0.02]}),
    "LinearLR": ({}, {"start_factor": [0.1, 0.5], "end_factor": [0.2, 0.9], "total_iters": [1, 6, 20]}),
    "ConstantLR": ({}, {"factor": [0.1, 0.5], "total_iters": [1, 7]}),
    "PolynomialLR": ({}, {"power": [0.5, 1.0, 3.0], "total_iters": [1, 9]}),
    "OneCycleLR": ({"max_lr": 0.7}, {"pct_start": [0.2, 0.6], "anneal_strategy": ["cos", "linear"],
                                     "three_phase": [True, False], "div_factor": [10.0], "final_div_factor": [50.0],
                                     "cycle_momentum": [True, False], "base_momentum": [0.7]}),
    "CyclicLR": ({"base_lr": 0.1, "max_lr": 0.9}, {"step_size_up": [4, 7], "step_size_down": [3, 9], "gamma": [0.9],
                                                   "mode": ["triangular", "triangular2", "exp_range"],
                                                   "cycle_momentum": [True, False]}),
    "LambdaLR": ({}, {}),
    "MultiplicativeLR": ({}, {}),
}


# By their names in schedulers.cpp.
LAMBDAS = {"power": lambda t: 0.9**t, "inverse": lambda t: 1 / (1 + t), "warmup": lambda t: min((t + 1) / 5, 1.0),
           "steps": lambda t: 0.5 ** (t // 7), "one": lambda t: 1}


def scheduler_runs(each):
    runs = []
    for name, (given, choices) in SCHEDULERS.items():
        for _ in range(each):
            kwargs = given | some(choices)
            if name == "OneCycleLR":
                kwargs |= random.choice([{"total_steps": 40}, {"epochs": 8, "steps_per_epoch": 5}])
            a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.3}], lr=0.5, momentum=0.9)
            functions = dict(kwargs)
            if name in ("LambdaLR", "MultiplicativeLR"):
                words = random.sample(sorted(LAMBDAS), 2)
                kwargs["lr_lambda"] = random.choice([words[0], words])
                functions["lr_lambda"] = ([LAMBDAS[w] for w in words] if kwargs["lr_lambda"] == words
                                          else LAMBDAS[words[0]])
            schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **functions)
            rates, second = [], []
            for _ in range(39):
                rates.append(optimizer.param_groups[0]["lr"])
                second.append(optimizer.param_groups[1]["lr"])
                optimizer.step()
                schedule.step()
            runs.append({"scheduler": name, "kwargs": kwargs, "base_lr": 0.5, "lr": rates,
                         "second_base_lr": 0.3, "second_lr": second})
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--only", default="")
    parser.add_argument("--integers", action="store_true", help="also operands of int64, uint8 and bool")
    parser.add_argument("--in-order", action="store_true", help="the first ones of PyTorch's tables, not any")
    parser.add_argument("--views", action="store_true", help="arguments are parts of other tensors: strided, flipped …")
    args = parser.parse_args()
    global IN_ORDER, VIEWS
    IN_ORDER, VIEWS = args.in_order, args.views
    warnings.filterwarnings("ignore")
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    core, functional, modules = Writer(), Writer(), Writer()
    for op in op_db:
        if LEFT_OUT.search(op.name) or not re.search(args.only, op.name):
            continue
        w = functional if op.name.startswith("nn.functional") else core
        count = 0
        if torch.float32 in op.dtypes:
            count = sample_op(w, op, torch.float32, args.each, count)
        for dtype in (torch.int64, torch.uint8, torch.bool) if args.integers else ():
            if dtype in op.dtypes:
                count = sample_op(w, op, dtype, max(1, args.each // 4), count)
    for info in module_db:
        if re.search(args.only, "nn." + info.name.removeprefix("nn.")):
            sample_module(modules, info, args.each)
    core.save(args.out / "core_fresh.safetensors")
    functional.save(args.out / "nn_fresh.safetensors")
    modules.save(args.out / "modules.safetensors")
    torch.set_default_dtype(torch.float64)  # of what optimisers keep, too
    (args.out / "optim.json").write_text(json.dumps(optimizer_runs(args.each)))
    (args.out / "schedulers.json").write_text(json.dumps(scheduler_runs(args.each)))
    print(len(core.entries), "core,", len(functional.entries), "nn.functional,", len(modules.entries), "modules")


if __name__ == "__main__":
    main()
