"""PyTorch under measurement: the workloads of bench/workloads.json in its own layers, on request.

Speaks the lines of bench/engines/serve.mjs. Weights and batch come from a safetensors file that Gyrus wrote; modules
carry the names of Gyrus's scopes, so that names map by rule and load_state_dict is strict.
"""
import ctypes
import json
import mmap
import pathlib
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
UP = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORM = {
    ("batch", 2): nn.BatchNorm2d,
    ("batch", 3): nn.BatchNorm3d,
    ("instance", 2): lambda width: nn.InstanceNorm2d(width, affine=True),
    ("instance", 3): lambda width: nn.InstanceNorm3d(width, affine=True),
}


class Unit(nn.Module):
    """Convolution, norm, (leaky) ReLU."""

    def __init__(self, inputs, outputs, norm, dimensions, slope=0.0, stride=1):
        super().__init__()
        self.conv = CONV[dimensions](inputs, outputs, 3, stride, 1, bias=norm is None)
        if norm is not None:
            self.norm = NORM[norm, dimensions](outputs)
        self.normed = norm is not None
        self.activation = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.conv(x)
        return self.activation(self.norm(x) if self.normed else x)


class Chain(nn.Module):
    """Units called conv0, conv1, … in a row."""

    def __init__(self, units):
        super().__init__()
        self.names = [f"conv{i}" for i in range(len(units))]
        for name, unit in zip(self.names, units):
            self.add_module(name, unit)

    def forward(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        return x


class UNet(nn.Module):
    def __init__(self, dimensions, widths, classes, norm, slope, down):
        super().__init__()
        self.depth, self.pools = len(widths), down == "maxPool"
        self.pool = {2: nn.MaxPool2d, 3: nn.MaxPool3d}[dimensions](2)

        def block(inputs, outputs, stride):
            return Chain(
                [
                    Unit(inputs, outputs, norm, dimensions, slope, stride),
                    Unit(outputs, outputs, norm, dimensions, slope),
                ]
            )

        for i, width in enumerate(widths):
            stride = 2 if i > 0 and down == "stride" else 1
            self.add_module(f"encoder{i}", block(1 if i == 0 else widths[i - 1], width, stride))
        for i in range(self.depth - 1):
            self.add_module(f"up{i}", UP[dimensions](widths[i + 1], widths[i], 2, 2))
            self.add_module(f"decoder{i}", block(2 * widths[i], widths[i], 1))
        self.head = CONV[dimensions](widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i in range(self.depth):
            if i > 0 and self.pools:
                x = self.pool(x)
            x = getattr(self, f"encoder{i}")(x)
            skips.append(x)
        for i in reversed(range(self.depth - 1)):
            x = torch.cat([skips[i], getattr(self, f"up{i}")(x)], 1)
            x = getattr(self, f"decoder{i}")(x)
        return self.head(x)


class VoxCNN(nn.Module):
    def __init__(self, blocks, hidden, classes, extents):
        super().__init__()
        self.names, inputs = [], 1
        for i, widths in enumerate(blocks):
            units = []
            for width in widths:
                units.append(Unit(inputs, width, None, 3))
                inputs = width
            self.names.append(f"block{i}")
            self.add_module(f"block{i}", Chain(units))
        voxels = 1
        for extent in extents:
            voxels *= extent >> len(blocks)
        self.pool = nn.MaxPool3d(2)
        self.full0 = nn.Linear(inputs * voxels, hidden[0], bias=False)
        self.norm0 = nn.BatchNorm1d(hidden[0])
        self.full1 = nn.Linear(hidden[0], hidden[1])
        self.head = nn.Linear(hidden[1], classes)

    def forward(self, x):
        for name in self.names:
            x = self.pool(getattr(self, name)(x))
        x = F.relu(self.norm0(self.full0(x.flatten(1))))
        return self.head(F.relu(self.full1(x)))


class EncoderDecoder(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.stages, inputs = [], 1
        for kind, stages in (("encoder", encoder), ("decoder", decoder)):
            for i, stage in enumerate(stages):
                units = []
                for n in range(stage["convolutions"]):
                    stride = stage.get("stride", 1) if n == 0 else 1
                    units.append(Unit(inputs, stage["width"], "batch", 2, stride=stride))
                    inputs = stage["width"]
                self.add_module(f"{kind}{i}", Chain(units))
                self.stages.append((kind, f"{kind}{i}"))
        self.head = nn.Conv2d(inputs, 1, 1)

    def forward(self, x):
        for kind, name in self.stages:
            if kind == "decoder":
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = getattr(self, name)(x)
        return self.head(x)


class Critic(nn.Module):
    def __init__(self, widths, slope, extents):
        super().__init__()
        voxels = 1
        for extent in extents:
            voxels *= extent
        inputs = [1, *widths]
        self.body = Chain([Unit(i, o, None, 3, slope) for i, o in zip(inputs, widths)])
        self.head = nn.Linear(widths[-1] * voxels, 1)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


def build(workload):
    spec = dict(workload["network"])
    kind, extents = spec.pop("kind"), workload["image"][2:]
    if kind == "unet":
        return UNet(**spec)
    if kind == "voxcnn":
        return VoxCNN(**spec, extents=extents)
    if kind == "encoderDecoder":
        return EncoderDecoder(**spec)
    return Critic(**spec, extents=extents)


def torch_name(path, known):
    """Name of a Gyrus parameter in the modules above."""
    path = path.replace("full0.norm.", "norm0.")
    if path.startswith("conv"):
        path = f"body.{path}"
    for ours, theirs in (
        ("norm.scale", "norm.weight"),
        ("norm.shift", "norm.bias"),
        ("norm0.scale", "norm0.weight"),
        ("norm0.shift", "norm0.bias"),
        ("runningMean", "running_mean"),
        ("runningVariance", "running_var"),
    ):
        path = path.replace(ours, theirs)
    head, leaf = path.rsplit(".", 1)
    return path if path in known else f"{head}.conv.{leaf}"


def read_safetensors(path):
    """Tensors that share the file's pages: nothing here adds to the peak that is measured."""
    types = {"F32": (torch.float32, 4), "U8": (torch.uint8, 1)}
    with open(path, "rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    (length,) = struct.unpack("<Q", pages[:8])
    header = json.loads(pages[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype, width = types[entry["dtype"]]
        flat = torch.frombuffer(pages, dtype=dtype, count=(end - begin) // width, offset=8 + length + begin)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def load(model, tensors):
    known = model.state_dict()
    state = {}
    for path, value in tensors.items():
        kind, _, name = path.partition("/")
        if kind in ("parameter", "statistic"):
            state[torch_name(name, known)] = value
    for name, value in known.items():
        if name.endswith("num_batches_tracked"):
            state[name] = value
    model.load_state_dict(state, strict=True)


def segmentation_loss(model, batch, _):
    logits, label = model(batch["image"]), batch["label"]
    probabilities = logits.softmax(1)
    target = F.one_hot(label, logits.shape[1]).movedim(-1, 1).float()
    axes = [0, *range(2, logits.dim())]
    overlap = (probabilities * target).sum(axes)
    dice = (2 * overlap + 1e-5) / (probabilities.sum(axes) + target.sum(axes) + 1e-5)
    return F.cross_entropy(logits, label) + 1 - dice[1:].mean()


def critic_loss(model, batch, workload):
    real, made, share = batch["real"], batch["made"], batch["share"]
    scores = model(torch.cat([real, made]))
    between = (real * share + made * (1 - share)).requires_grad_()
    (slope,) = torch.autograd.grad(model(between).sum(), between, create_graph=True)
    norm = (slope.flatten(1).square().sum(1) + 1e-12).sqrt()
    count = len(real)
    return scores[count:].mean() - scores[:count].mean() + workload["penalty"] * (norm - 1).square().mean()


LOSSES = {
    "segmentation": segmentation_loss,
    "classification": lambda model, batch, _: F.cross_entropy(model(batch["image"]), batch["label"]),
    "regression": lambda model, batch, _: F.mse_loss(model(batch["image"]), batch["target"]),
    "critic": critic_loss,
}


def optimizer_of(model, spec):
    rate, betas = spec["learningRate"], (spec.get("beta1", 0.9), spec.get("beta2", 0.999))
    if spec["name"] == "adam":
        return torch.optim.Adam(model.parameters(), rate, betas)
    # As everywhere in practice: weights decay, biases and norms do not.
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": spec["weightDecay"]},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0},
    ]
    return torch.optim.AdamW(groups, rate, betas)


class Engine:
    def __init__(self, settings):
        self.settings = settings
        on_gpu = settings["device"] != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if on_gpu else "cpu")
        torch.set_num_threads(settings["threads"])
        workload = self.workload = settings["workload"]
        tensors = read_safetensors(settings["data"])
        began = time.perf_counter()
        self.model = build(workload)
        load(self.model, tensors)
        rank = len(workload["image"])
        last = torch.channels_last_3d if rank == 5 else torch.channels_last
        self.format = last if settings["format"] == "channels_last" else torch.contiguous_format
        self.model.to(self.device, memory_format=self.format)
        self.batch = {}
        for name, value in tensors.items():
            if name.startswith("batch/"):
                wanted = torch.int64 if value.dtype == torch.uint8 else value.dtype
                value = value.to(self.device, wanted, copy=True)
                if value.dim() == rank and value.is_floating_point():
                    value = value.contiguous(memory_format=self.format)
                self.batch[name[6:]] = value
        self.training = settings["kind"] == "train"
        self.model.train(self.training)
        if self.training:
            self.optimizer = optimizer_of(self.model, workload["optimizer"])
        self.about = {
            "version": f"PyTorch {torch.__version__.split('+')[0]}{' cuda' if on_gpu else ''}",
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "openSeconds": time.perf_counter() - began,
        }

    def step(self):
        if not self.training:
            with torch.inference_mode():
                result = self.model(self.batch["image"])
        else:
            self.optimizer.zero_grad()
            result = LOSSES[self.workload["task"]](self.model, self.batch, self.workload)
            result.backward()
            clip = self.workload["optimizer"].get("clip")
            if clip is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), clip)
            self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return result.detach()

    def check(self, count):
        results = [self.step() for _ in range(count)]
        if self.training:
            return {"losses": [loss.item() for loss in results]}
        flat = results[-1].cpu().contiguous().flatten()
        pathlib.Path(self.settings["output"]).write_bytes(ctypes.string_at(flat.data_ptr(), 4 * len(flat)))
        return {"output": self.settings["output"]}

    def steps(self, count):
        clock = time.process_time if self.settings.get("cpuTime") else time.perf_counter
        seconds = []
        for _ in range(count):
            began = clock()
            self.step()
            seconds.append(clock() - began)
        return seconds

    def memory(self, _=None):
        try:
            status = pathlib.Path("/proc/self/status").read_text()
            peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
        except OSError:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {"peakBytes": peak}


engine = None
for line in sys.stdin:
    try:
        if engine is None:
            engine = Engine(json.loads(line))
            reply = engine.about
        else:
            command, *count = line.split()
            reply = getattr(engine, command)(*map(int, count))
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps(reply), flush=True)
