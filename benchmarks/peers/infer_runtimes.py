"""Forward passes in ONNX Runtime and OpenVINO: the models of torch_large.py, exported from PyTorch, from
the same weights and batches."""

import argparse
import io
import warnings

import numpy as np
import torch

import torch_large
import workload


def exported(model, example):
    """The model as the bytes of an ONNX file."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (example,), content, input_names=["x"], output_names=["y"], opset_version=17,
                          dynamo=False)
    return content.getvalue()


def onnx_runtime(onnx, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    return onnxruntime.__version__, lambda x: session.run(None, {"x": x})[0]


def open_vino(onnx, threads):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(onnx)), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return openvino.__version__, lambda x: request.infer({"x": x}, share_inputs=True)[compiled.output(0)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=sorted(torch_large.MODELS))
    parser.add_argument("--variant", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--weights", help="file that large_models --save-initial wrote")
    parser.add_argument("--steps", dest="runs", type=int, default=20, help="timed passes")
    parser.add_argument("--curve", type=int, default=5, help="passes before, whose losses are reported")
    parser.add_argument("--batches", type=int, default=40, help="different batches, taken in turn")
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.device = "cpu"

    torch.manual_seed(0)
    model = torch_large.make_model(args).eval()
    args.batch = args.batch or model.batch
    data = torch_large.make_data(args, model, torch.device("cpu"))
    onnx = exported(model, data[0][0])
    version, run = {"onnxruntime": onnx_runtime, "openvino": open_vino}[args.variant](onnx, args.threads)
    inputs = [np.ascontiguousarray(x.numpy()) for x, _ in data]
    workload.measure(args, args.variant, version, lambda i: run(inputs[i]), len(data), batch=args.batch, mode="infer",
                     loss_of=lambda i, y: torch_large.loss_of(torch.from_numpy(np.array(y)), data[i][1]).item())


if __name__ == "__main__":
    main()
