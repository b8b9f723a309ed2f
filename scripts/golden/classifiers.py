"""Classifiers of src/models against PyTorch: weights by a formula, in prediction and, of the autoencoder, in training;
and how many parameters the papers' networks have.

python scripts/golden/classifiers.py
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from golden import pack, write

torch.set_default_dtype(torch.float64)


def fill(module):
    """Every parameter in turn: sin(0.37 i + n) times a scale; statistics likewise."""
    for n, (name, p) in enumerate(module.named_parameters()):
        i = torch.arange(p.numel(), dtype=torch.float64)
        wave = torch.sin(0.37 * i + n)
        if p.dim() > 1:
            p.data = (wave * (3.0 / p[0].numel()) ** 0.5).reshape(p.shape)
        else:
            p.data = (0.2 * wave + (1 if getattr(module, "scales", set()) and name in module.scales else 0)).reshape(p.shape)
    return module


def image(*shape):
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (0.5 + 0.5 * torch.sin(0.011 * i * i + i)).reshape(shape)


class Named(nn.Module):
    """Layers in the order in which Gyrus declares them, and which parameters are scales of norms."""

    def finish(self):
        self.scales = {
            f"{name}.weight" for name, m in self.named_modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))
        }
        return self


class VoxCnn(Named):
    def __init__(self, blocks, padding, flat, hidden):
        super().__init__()
        layers, c = [], 1
        for convs, width in blocks:
            for _ in range(convs):
                layers += [nn.Conv3d(c, width, 3, padding=padding), nn.ReLU()]
                c = width
            layers += [nn.MaxPool3d(2)]
        layers += [nn.Flatten(), nn.Linear(flat, hidden[0]), nn.ReLU(), nn.BatchNorm1d(hidden[0])]
        layers += [nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Linear(hidden[1], 2)]
        self.all = nn.Sequential(*layers)
        self.finish()

    def forward(self, x):
        return self.all(x)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.f = nn.ModuleList([nn.BatchNorm3d(c), nn.Conv3d(c, c, 3, padding=1), nn.BatchNorm3d(c), nn.Conv3d(c, c, 3, padding=1)])

    def forward(self, x, shortcuts=True):
        y = self.f[1](F.relu(self.f[0](x)))
        y = self.f[3](F.relu(self.f[2](y)))
        return x + y if shortcuts else y


class VoxResNet(Named):
    def __init__(self, stem, stages, pool, flat, hidden, shortcuts=True):
        super().__init__()
        self.pool, self.shortcuts = pool, shortcuts
        self.stem, self.stages, c = nn.ModuleList(), nn.ModuleList(), 1
        for width in stem:
            self.stem += [nn.Conv3d(c, width, 3, padding=1), nn.BatchNorm3d(width)]
            c = width
        for s, (width, blocks) in enumerate(stages):
            parts = ([nn.BatchNorm3d(c)] if s else []) + [nn.Conv3d(c, width, 3, 2, 1)] + [Block(width) for _ in range(blocks)]
            self.stages.append(nn.ModuleList(parts))
            c = width
        self.fc, self.head = nn.Linear(flat, hidden), nn.Linear(hidden, 2)
        self.finish()

    def forward(self, x):
        for conv, norm in zip(self.stem[::2], self.stem[1::2]):
            x = F.relu(norm(conv(x)))
        for stage in self.stages:
            for part in stage:
                if isinstance(part, Block):
                    x = part(x, self.shortcuts)
                else:
                    x = part(x) if isinstance(part, nn.Conv3d) else F.relu(part(x))
        # As many windows as cover everything; of PyTorch's adaptive ones two cover an axis as ours do.
        counts = [-(-n // self.pool) for n in x.shape[2:]]
        return self.head(F.relu(self.fc(F.adaptive_max_pool3d(x, counts).flatten(1))))


def pooled(x):
    """Max pooling by 2 with zeros before an odd extent; extents of 1 stay."""
    before = [n % 2 if n > 1 else 0 for n in x.shape[2:]]
    x = F.pad(x, sum([[b, 0] for b in reversed(before)], []))
    kernel = [min(2, n) for n in x.shape[2:]]
    y, at = F.max_pool3d(x, kernel, return_indices=True)
    return y, at, before, x.shape[2:], kernel


class ConvFc(Named):
    def __init__(self, widths, padding, flat, hidden):
        super().__init__()
        layers, c = [], 1
        for width in widths:
            layers += [nn.Conv3d(c, width, 3, padding=padding), nn.BatchNorm3d(width)]
            c = width
        self.stages, self.linear = nn.ModuleList(layers), nn.ModuleList()
        for width in hidden + [2]:
            self.linear.append(nn.Linear(flat, width))
            flat = width
        self.finish()

    def forward(self, x):
        for conv, norm in zip(self.stages[::2], self.stages[1::2]):
            x = pooled(F.relu(norm(conv(x))))[0]
        x = x.flatten(1)
        for linear in self.linear[:-1]:
            x = F.relu(linear(x))
        return self.linear[-1](x)


class AutoEncoder(Named):
    def __init__(self, widths, padding):
        super().__init__()
        self.padding = padding
        layers, c = [], 1
        for width in widths:
            layers += [nn.Conv3d(c, width, 3, padding=padding), nn.BatchNorm3d(width)]
            c = width
        self.down, up = nn.ModuleList(layers), []
        for n in reversed(range(len(widths))):
            up += [nn.Conv3d(widths[n], widths[n - 1] if n else 1, 3, padding=2 - padding)]
            up += [nn.BatchNorm3d(widths[n - 1])] if n else []
        self.up = nn.ModuleList(up)
        self.finish()

    def forward(self, x):
        kept = []
        for conv, norm in zip(self.down[::2], self.down[1::2]):
            x, *how = pooled(F.relu(norm(conv(x))))
            kept.append(how)
        for n in range(len(kept)):
            at, before, shape, kernel = kept.pop()
            x = F.max_unpool3d(x, at, kernel, output_size=shape)
            x = x[:, :, before[0] :, before[1] :, before[2] :]
            x = self.up[2 * n](x)
            if 2 * n + 1 < len(self.up):
                x = F.relu(self.up[2 * n + 1](x))
        return x


class Basic(nn.Module):
    def __init__(self, i, o, stride, projection):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.past = nn.ModuleList([nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)]) if projection and (stride > 1 or i != o) else None
        self.stride, self.more = stride, o - i

    def forward(self, x, kind):
        y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
        if kind == "none":
            return F.relu(y)
        if self.past is not None:
            return F.relu(y + self.past[1](self.past[0](x)))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


class ResNet(Named):
    def __init__(self, channels, stem, widths, blocks, kind, classes):
        super().__init__()
        self.large, self.kind = stem == "large", kind
        self.stem = nn.Conv2d(channels, widths[0], 7 if self.large else 3, 2 if self.large else 1, 3 if self.large else 1, bias=False)
        self.norm, c = nn.BatchNorm2d(widths[0]), widths[0]
        self.blocks = nn.ModuleList()
        for s, (width, count) in enumerate(zip(widths, blocks)):
            for n in range(count):
                self.blocks.append(Basic(c, width, 2 if s and not n else 1, kind == "projection"))
                c = width
        self.head = nn.Linear(c, classes)
        self.finish()

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        if self.large:
            x = F.max_pool2d(x, 3, 2, 1)
        for block in self.blocks:
            x = block(x, self.kind)
        return self.head(x.mean((2, 3)))


def count(module):
    return sum(p.numel() for p in module.parameters())


def answer(module, x):
    with torch.no_grad():
        return pack(fill(module).eval()(x))


paper = [(2, 8), (2, 16), (3, 32), (3, 64)]
stages = [(64, 2), (64, 2), (128, 2)]
write("classifiers", {
    "parameters": {
        "vox-cnn": count(VoxCnn(paper, 0, 64, [128, 64])),
        "vox-resnet": count(VoxResNet([32, 32], stages, 7, 1024, 128)),
        "conv5-fc3": count(ConvFc([8, 16, 32, 64, 128], 1, 128 * 6 * 7 * 6, [1300, 50])),
        "conv4-fc3": count(ConvFc([15, 25, 50, 50], 0, 400, [50, 40])),
        "resnet-18": count(ResNet(3, "large", [64, 128, 256, 512], [2] * 4, "projection", 1000)),
        **{f"residual-{d}": count(ResNet(3, "small", [16, 32, 64], [(d - 2) // 6] * 3, "zeros", 10)) for d in (20, 32, 44, 56, 110)},
    },
    "logits": {
        "vox-cnn": answer(VoxCnn([(1, 3), (2, 4)], 0, 48, [6, 5]), image(2, 1, 19, 20, 23)),
        "vox-resnet": answer(VoxResNet([3], [(4, 1), (5, 1)], 2, 5 * 8, 4), image(2, 1, 9, 12, 16)),
        "plain": answer(VoxResNet([3], [(4, 1), (5, 1)], 2, 5 * 8, 4, False), image(2, 1, 9, 12, 16)),
        "conv-fc": answer(ConvFc([3, 4, 5], 1, 5 * 1 * 2 * 2, [6]), image(2, 1, 3, 11, 16)),
        "conv-fc-valid": answer(ConvFc([3, 4], 0, 4 * 1 * 2 * 2, [6]), image(2, 1, 10, 13, 14)),
        "autoencoder": answer(AutoEncoder([3, 4], 1), image(1, 1, 3, 7, 6)),
        "autoencoder-valid": answer(AutoEncoder([3, 4], 0), image(1, 1, 10, 11, 12)),
        "resnet-18": answer(ResNet(2, "large", [3, 4], [1, 2], "projection", 3), image(2, 2, 19, 22)),
        "residual-14": answer(ResNet(1, "small", [3, 4, 5], [2, 2, 2], "zeros", 3), image(2, 1, 9, 8)),
        "plain-14": answer(ResNet(1, "small", [3, 4, 5], [2, 2, 2], "none", 3), image(2, 1, 9, 8)),
    },
})
