"""Run the files that bench/export.mjs wrote in Python's onnxruntime, and compare with what Gyrus made of them."""
import json
import sys

import numpy as np
import onnx
import onnxruntime

folder = sys.argv[1]
found = []
for described in json.load(open(f"{folder}/described.json")):
    name = described["id"]
    path = f"{folder}/{name}.onnx"
    onnx.checker.check_model(path, full_check=True)
    graph = onnx.load(path).graph
    image = np.fromfile(f"{folder}/{name}-image.bin", np.float32).reshape(described["image"])
    ours = np.fromfile(f"{folder}/{name}-output.bin", np.float32).reshape(described["output"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"image": image})
    found.append(
        {
            "id": name,
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "domains": sorted({node.domain for node in graph.node}),
            "nodes": len(graph.node),
            "largestDifference": float(np.abs(theirs - ours).max() / np.abs(ours).max()),
        }
    )
print(json.dumps(found))
