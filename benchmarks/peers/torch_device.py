"""Where PyTorch's steps run: its device, the exactness of its products there, a step as one CUDA graph."""

import torch


def choose(args):
    """The device of `--device`; products there are exact f32, or TF32 where --tf32 asks for it."""
    if not args.device.startswith("cuda"):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device")
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32
    return torch.device(args.device)


def adam(model, args, fused):
    """Adam whose step counts lie on the device where its update is part of a graph."""
    return torch.optim.Adam(model.parameters(), lr=getattr(args, "lr", 1e-3), fused=fused or None,
                            capturable=args.variant == "graph")


def captured(step, example, model, optimizer):
    """`step(x, y)`, a whole training step that returns its loss, as a CUDA graph that copies its inputs
    into its own. What the steps before the capture did to the weights is undone."""
    if not example[0].is_cuda:
        raise SystemExit("the variant graph needs --device cuda")
    inputs = [t.clone() for t in example]
    weights = [p.detach().clone() for p in model.parameters()]
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step(*inputs)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(*inputs)
    with torch.no_grad():
        for p, w in zip(model.parameters(), weights):
            p.copy_(w)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()

    def run(*batch):
        for own, given in zip(inputs, batch):
            own.copy_(given)
        graph.replay()
        return loss

    return run
