"""Layers and norms of src/nn against PyTorch, values and gradients: python scripts/golden/layers.py"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write

torch.manual_seed(1)
cases = []


def case(name, layer, options, x, parameters, forward):
    leaves = {key: value.clone().requires_grad_() for key, value in {"x": x, **parameters}.items()}
    y = forward(leaves["x"], leaves)
    g = uniform(*y.shape)
    (y * g).sum().backward()
    cases.append(
        {
            "name": name,
            "layer": layer,
            "options": options,
            "inputs": {key: pack(value) for key, value in leaves.items()},
            "g": pack(g),
            "y": pack(y),
            "gradients": {key: pack(value.grad) for key, value in leaves.items()},
        }
    )


def conv(name, x, weight, bias=True, **options):
    f = {2: F.conv2d, 3: F.conv3d}[x.dim() - 2]
    names = {"channels": weight.shape[0], "kernel": list(weight.shape[2:]), "bias": bias, **options}
    parameters = {"weight": weight, **({"bias": uniform(weight.shape[0])} if bias else {})}
    case(name, "conv", names, x, parameters, lambda x, p: f(x, p["weight"], p.get("bias"), **options))


conv("2-D padded", uniform(2, 3, 4, 5), uniform(2, 3, 3, 3), padding=1)
conv(
    "2-D, every option at once",
    uniform(2, 4, 7, 6),
    uniform(6, 2, 3, 2),
    stride=[2, 1],
    dilation=[1, 2],
    padding=[1, 2],
    groups=2,
)
conv("3-D strided", uniform(1, 2, 5, 4, 6), uniform(3, 2, 3, 3, 3), bias=False, stride=2, padding=1)
conv("3-D dilated and grouped", uniform(1, 4, 5, 5, 5), uniform(2, 2, 2, 2, 2), dilation=2, padding=1, groups=2)
conv("3-D pointwise", uniform(2, 3, 2, 3, 2), uniform(2, 3, 1, 1, 1))


def up(name, x, weight):
    f = {2: F.conv_transpose2d, 3: F.conv_transpose3d}[x.dim() - 2]
    factor = list(weight.shape[2:])
    case(
        name,
        "upConv",
        {"channels": weight.shape[1], "factor": factor},
        x,
        {"weight": weight, "bias": uniform(weight.shape[1])},
        lambda x, p: f(x, p["weight"], p["bias"], stride=factor),
    )


up("2-D by 2", uniform(2, 3, 3, 2), uniform(3, 2, 2, 2))
up("3-D by 2", uniform(2, 2, 2, 3, 2), uniform(2, 3, 2, 2, 2))
up("3-D by 1, 2, 3", uniform(1, 3, 2, 2, 2), uniform(3, 2, 1, 2, 3))

case(
    "with bias",
    "linear",
    {"channels": 4},
    uniform(3, 5),
    {"weight": uniform(4, 5), "bias": uniform(4)},
    lambda x, p: F.linear(x, p["weight"], p["bias"]),
)


def affine(channels):
    return {"scale": uniform(channels, low=0.5, high=1.5), "shift": uniform(channels)}


case(
    "2-D",
    "instanceNorm",
    {},
    uniform(2, 3, 4, 3) * 5 + 2,
    affine(3),
    lambda x, p: F.instance_norm(x, weight=p["scale"], bias=p["shift"]),
)
case(
    "3-D, epsilon 1e-3",
    "instanceNorm",
    {"epsilon": 1e-3},
    uniform(1, 2, 2, 3, 4) * 0.1 + 30,
    affine(2),
    lambda x, p: F.instance_norm(x, weight=p["scale"], bias=p["shift"], eps=1e-3),
)
case(
    "2 groups",
    "groupNorm",
    {"groups": 2},
    uniform(2, 4, 3, 2) * 3,
    affine(4),
    lambda x, p: F.group_norm(x, 2, p["scale"], p["shift"]),
)
case(
    "over channels and space",
    "layerNorm",
    {},
    uniform(2, 3, 2, 2, 2) * 3 - 1,
    affine(3),
    lambda x, p: F.group_norm(x, 1, p["scale"], p["shift"]),
)

# Batch norm: two training steps, the statistics they leave, and what prediction then gives.
shape = (2, 3, 2, 3)
parameters = affine(3)
mean, variance = torch.zeros(3).double(), torch.ones(3).double()
steps = []
for _ in range(2):
    x = (uniform(*shape) * 4 + 1.5).requires_grad_()
    scale, shift = (parameters[key].clone().requires_grad_() for key in ("scale", "shift"))
    y = F.batch_norm(x, mean, variance, scale, shift, training=True, momentum=0.1)
    g = uniform(*shape)
    (y * g).sum().backward()
    steps.append(
        {
            "x": pack(x),
            "g": pack(g),
            "y": pack(y),
            "gradients": {"x": pack(x.grad), "scale": pack(scale.grad), "shift": pack(shift.grad)},
            "runningMean": pack(mean),
            "runningVariance": pack(variance),
        }
    )
x = uniform(1, 3, 2, 2) * 4
y = F.batch_norm(x, mean, variance, parameters["scale"], parameters["shift"], training=False)
batch_norm = {
    "parameters": {key: pack(value) for key, value in parameters.items()},
    "steps": steps,
    "prediction": {"x": pack(x), "y": pack(y)},
}
write("layers", {"cases": cases, "batchNorm": batch_norm})
