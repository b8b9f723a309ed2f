"""What the scripts of this folder share: tensors as JSON, seven digits, written where the tests look for them."""
import json
import pathlib

import torch

folder = pathlib.Path(__file__).resolve().parents[2] / "test" / "golden"


def pack(tensor):
    values = tensor.detach().to(torch.float64).reshape(-1).tolist()
    return {"shape": list(tensor.shape), "data": [float(f"{value:.8g}") for value in values]}


def write(name, content):
    """Write test/golden/NAME.json; `npx biome format --write test/golden` gives it its final form."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"torch": torch.__version__, **content}))
    print(path, path.stat().st_size, "bytes")


def uniform(*shape, low=-1.0, high=1.0):
    """Values that float32 holds exactly, computed with in float64."""
    return (torch.rand(*shape) * (high - low) + low).float().double()
