#!/usr/bin/env python3
"""The inferences of bench_infer.c in onnxruntime, on one thread: the peer that it is compared with.

Prints the same names, in microseconds. Input and output are bound once, which is onnxruntime's quickest
way from Python. Needs numpy, onnx and onnxruntime; says so and ends with 77 where they are missing.
"""
import json
import sys
import time

try:
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    print("reference_infer.py: numpy, onnx or onnxruntime is not installed", file=sys.stderr)
    sys.exit(77)

WARM, CALLS = 200, 4001


def weights(name, *shape):
    made = np.random.default_rng(1).normal(0, 0.05, shape).astype(np.float32)
    return numpy_helper.from_array(made, name)


def model(nodes, initialisers, shape):
    graph = helper.make_graph(
        nodes, "bench", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])], initialisers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    return made.SerializeToString()


def mlp():
    nodes = [helper.make_node("Gemm", ["x", "w0", "b0"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("Gemm", ["r", "w1", "b1"], ["y"])]
    return model(nodes, [weights("w0", 42, 64), weights("b0", 64), weights("w1", 64, 5), weights("b1", 5)],
                 [1, 42]), (1, 42)


def cnn():
    nodes = [helper.make_node("Conv", ["x", "k", "c"], ["a"], kernel_shape=[10]),
             helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[5], strides=[5]),
             helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("Gemm", ["f", "w0", "b0"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("Gemm", ["r", "w1", "b1"], ["y"])]
    return model(nodes, [weights("k", 64, 6, 10), weights("c", 64), weights("w0", 512, 256),
                         weights("b0", 256), weights("w1", 256, 5), weights("b1", 5)],
                 [1, 6, 50]), (1, 6, 50)


def measure(name, made):
    content, shape = made
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    bound = session.io_binding()
    x = np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)
    bound.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    bound.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 5), np.float32)))
    times = []
    for _ in range(WARM + CALLS):
        start = time.perf_counter()
        session.run_with_iobinding(bound)
        times.append(time.perf_counter() - start)
    times = sorted(times[WARM:])
    for end, at in (("us", CALLS // 2), ("p99_us", CALLS * 99 // 100)):
        print(json.dumps({"name": f"{name}_{end}", "value": round(times[at] * 1e6, 3), "unit": "us"}))


if __name__ == "__main__":
    measure("infer.mlp", mlp())
    measure("infer.cnn", cnn())
