"""Ten training steps of the benchmark's 3-D U-Net at tiny width, in float64: what every back end has to agree with.

python scripts/golden/browser.py

Weights and images come from the integer formula of test/browser/workload.ts, so no file holds them.
"""
import numpy
import torch
import torch.nn.functional as F

from golden import write
from nets import dice_loss, unet

widths, classes, batch, rate, steps = [2, 4, 8], 3, 2, 1e-2, 10


def noise(stream, count):
    at = numpy.arange(1, count + 1, dtype=numpy.uint64)
    low = numpy.uint64(0xFFFFFFFF)
    h = (at * numpy.uint64(0x9E3779B1) & low) ^ numpy.uint64((stream + 1) * 0x85EBCA6B & 0xFFFFFFFF)
    h = (h ^ (h >> numpy.uint64(16))) * numpy.uint64(0x7FEB352D) & low
    h = (h ^ (h >> numpy.uint64(15))) * numpy.uint64(0x846CA68B) & low
    return ((h ^ (h >> numpy.uint64(16))) >> numpy.uint64(8)).astype(numpy.float64) / 2**23 - 1


def images(extents):
    axes = [abs(2 * numpy.arange(extent) - extent) for extent in extents]
    far = numpy.maximum(numpy.maximum(axes[0][:, None, None], axes[1][None, :, None]), axes[2][None, None, :])
    label = numpy.stack([numpy.where(far < inner(extents) + 4 * n, 2, numpy.where(far < 2 * inner(extents) + 4, 1, 0)) for n in range(batch)])
    count = far.size
    # The formula counts voxels through the whole batch.
    image = numpy.stack([noise(1000 + n, batch * count)[n * count : (n + 1) * count].reshape(extents) + label[n] / 2 for n in range(batch)])
    image = torch.tensor(image.astype(numpy.float32)).double()[:, None]
    return image, torch.tensor(label)


def inner(extents):
    return min(extents) // 4


def shapes():
    found = {}

    def blocks(name, into, width):
        for i in range(2):
            found[f"{name}.conv{i}.weight"] = [width, into if i == 0 else width, 3, 3, 3]
            found[f"{name}.conv{i}.norm.scale"] = [width]
            found[f"{name}.conv{i}.norm.shift"] = [width]

    for level, width in enumerate(widths):
        blocks(f"encoder{level}", 1 if level == 0 else widths[level - 1], width)
    for level in reversed(range(len(widths) - 1)):
        found[f"up{level}.weight"] = [widths[level + 1], widths[level], 2, 2, 2]
        found[f"up{level}.bias"] = [widths[level]]
        blocks(f"decoder{level}", 2 * widths[level], widths[level])
    found["head.weight"] = [classes, widths[0], 1, 1, 1]
    found["head.bias"] = [classes]
    return found


def parameters():
    made = {}
    for stream, (name, shape) in enumerate(sorted(shapes().items())):
        count = int(numpy.prod(shape))
        reach = numpy.sqrt(3 / numpy.prod(shape[1:])) if len(shape) > 1 else 0.1
        values = (1.0 if name.endswith(".scale") else 0.0) + reach * noise(stream, count)
        made[name] = torch.tensor(values.astype(numpy.float32)).double().reshape(shape).requires_grad_()
    return made


def train(extents):
    p = parameters()
    x, labels = images(extents)
    optimizer = torch.optim.AdamW(
        [
            {"params": [v for v in p.values() if v.dim() > 1], "weight_decay": 0.01},
            {"params": [v for v in p.values() if v.dim() == 1], "weight_decay": 0.0},
        ],
        lr=rate,
    )
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        logits = unet(p, x, len(widths), True, 0.01, 1, False)
        loss = F.cross_entropy(logits, labels) + dice_loss(logits, labels)
        loss.backward()
        optimizer.step()
        losses.append(float(f"{loss.item():.9g}"))
    norms = {key: float(f"{value.norm().item():.9g}") for key, value in p.items()}
    return {"extents": list(extents), "losses": losses, "norms": norms}


write("browser", {"whole": train((40, 56, 40)), "cut": train((8, 8, 8))})
