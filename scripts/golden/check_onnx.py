"""Run an exported model in two other ONNX implementations and compare: see scripts/check-onnx.mjs.

onnx.checker, onnx's own reference evaluator (plain NumPy) and Python's onnxruntime.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

folder = sys.argv[1]
described = json.load(open(f"{folder}/described.json"))
model = onnx.load(described["model"])
onnx.checker.check_model(model, full_check=True)


def read(name):
    return np.fromfile(f"{folder}/{name}.bin", np.float32).reshape(described["shapes"][name])


image, ours = read("image"), read("probabilities")
session = onnxruntime.InferenceSession(described["model"], providers=["CPUExecutionProvider"])
results = {
    f"onnxruntime {onnxruntime.__version__}": session.run(None, {"image": image})[0],
    f"onnx reference {onnx.__version__}": ReferenceEvaluator(model).run(None, {"image": image})[0],
}
print(
    json.dumps(
        {
            "domains": sorted({node.domain for node in model.graph.node}),
            "operators": sorted({node.op_type for node in model.graph.node}),
            "metadata": sorted(json.loads(next(p.value for p in model.metadata_props if p.key == "gyrus"))),
            "largestDifference": {name: float(np.abs(found - ours).max()) for name, found in results.items()},
        }
    )
)
