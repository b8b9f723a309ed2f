"""Conventions of src/ops that have a name elsewhere, against PyTorch: python scripts/golden/ops.py"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write

torch.manual_seed(5)
cases = []


def case(name, op, x, options, y):
    cases.append({"name": name, "op": op, "options": options, "x": pack(x), "y": pack(y)})


shapes = [([1, 2, 5, 4], [7, 9]), ([2, 1, 6, 7], [3, 2]), ([1, 2, 3, 4], [6, 12])]
solids = [([1, 1, 3, 4, 2], [5, 4, 6]), ([1, 2, 4, 5, 6], [2, 3, 6])]
for shape, size in shapes + solids:
    x = uniform(*shape)
    linear = "bilinear" if len(size) == 2 else "trilinear"
    title = f"{shape} to {size}"
    for align, flag in (("halfPixel", False), ("alignCorners", True)):
        y = F.interpolate(x, size=size, mode=linear, align_corners=flag)
        case(f"linear {align} {title}", "resize", x, {"size": size, "mode": "linear", "align": align}, y)
    y = F.interpolate(x, size=size, mode="nearest-exact")
    case(f"nearest {title}", "resize", x, {"size": size, "mode": "nearest", "align": "halfPixel"}, y)
x = uniform(1, 2, 4, 5)
case("reflect", "reflectPad", x, {"width": [2, 3]}, F.pad(x, (3, 3, 2, 2), mode="reflect"))
case("edge", "edgePad", x, {"width": [2, 3]}, F.pad(x, (3, 3, 2, 2), mode="replicate"))
x = uniform(1, 1, 3, 4, 4)
case("3-D reflect", "reflectPad", x, {"width": 1}, F.pad(x, (1,) * 6, mode="reflect"))
x = uniform(2, 2, 7, 6)
pooling = {"kernel": [3, 2], "stride": [2, 1], "padding": [1, 1]}
sizes = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1)}
case("with padding", "averagePool", x, pooling, F.avg_pool2d(x, **sizes))
case(
    "without",
    "averagePool",
    x,
    {**pooling, "countPadding": False},
    F.avg_pool2d(x, **sizes, count_include_pad=False),
)
case("to 3x4", "adaptiveAveragePool", x, {"size": [3, 4]}, F.adaptive_avg_pool2d(x, (3, 4)))
x = uniform(2, 2, 5, 4)
y, indices = F.max_pool2d(x, 2, return_indices=True)
case("2-D", "maxUnpool", x, {"kernel": [2, 2]}, F.max_unpool2d(y, indices, 2, output_size=x.shape[2:]))
x = uniform(1, 2, 5, 4, 2)
y, indices = F.max_pool3d(x, 2, return_indices=True)
case("3-D", "maxUnpool", x, {"kernel": [2, 2, 2]}, F.max_unpool3d(y, indices, 2, output_size=x.shape[2:]))
x = uniform(3, 5) * 4
case("elu", "elu", x, {}, F.elu(x))
case("selu", "selu", x, {}, F.selu(x))
case("gelu", "gelu", x, {}, F.gelu(x))
case("cumulative sum", "cumSum", x, {"axis": 1}, torch.cumsum(x, 1))
case("log sum exp", "logSumExp", x * 30, {"axis": 1}, torch.logsumexp(x * 30, 1, keepdim=True))
write("ops", {"cases": cases})
