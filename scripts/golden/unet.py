"""U-Nets of src/models against PyTorch: the same tiny weights, forward, gradient and ten steps of training.

python scripts/golden/unet.py
"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write


def center(x, like):
    for axis in range(2, x.dim()):
        extra = x.shape[axis] - like.shape[axis]
        x = x.narrow(axis, extra // 2, like.shape[axis])
    return x


def block(p, name, x, norm, slope, padding, stride):
    conv = {2: F.conv2d, 3: F.conv3d}[x.dim() - 2]
    for i in range(2):
        at = f"{name}.conv{i}"
        x = conv(x, p[f"{at}.weight"], p.get(f"{at}.bias"), stride=stride if i == 0 else 1, padding=padding)
        if norm:
            x = F.instance_norm(x, weight=p[f"{at}.norm.scale"], bias=p[f"{at}.norm.shift"])
        x = F.leaky_relu(x, slope)
    return x


def unet(p, x, levels, norm, slope, padding, pool):
    two = x.dim() == 4
    skips = []
    for level in range(levels):
        if level > 0 and pool:
            x = (F.max_pool2d if two else F.max_pool3d)(x, 2)
        x = block(p, f"encoder{level}", x, norm, slope, padding, 2 if level > 0 and not pool else 1)
        skips.append(x)
    up = F.conv_transpose2d if two else F.conv_transpose3d
    for level in reversed(range(levels - 1)):
        x = up(x, p[f"up{level}.weight"], p[f"up{level}.bias"], stride=2)
        x = torch.cat([center(skips[level], x), x], 1)
        x = block(p, f"decoder{level}", x, norm, slope, padding, 1)
    return (F.conv2d if two else F.conv3d)(x, p["head.weight"], p["head.bias"])


def parameters(widths, channels, classes, dimensions, norm):
    p = {}

    def add(name, *shape):
        p[name] = uniform(*shape) * (3 / torch.tensor(shape[1:]).prod()).sqrt().item() if len(shape) > 1 else uniform(*shape) * 0.1
        p[name] = p[name].float().double()

    def blocks(name, into, width):
        for i in range(2):
            add(f"{name}.conv{i}.weight", width, into if i == 0 else width, *[3] * dimensions)
            if norm:
                p[f"{name}.conv{i}.norm.scale"] = uniform(width, low=0.5, high=1.5)
                add(f"{name}.conv{i}.norm.shift", width)
            else:
                add(f"{name}.conv{i}.bias", width)

    for level, width in enumerate(widths):
        blocks(f"encoder{level}", channels if level == 0 else widths[level - 1], width)
    for level in reversed(range(len(widths) - 1)):
        add(f"up{level}.weight", widths[level + 1], widths[level], *[2] * dimensions)
        add(f"up{level}.bias", widths[level])
        blocks(f"decoder{level}", 2 * widths[level], widths[level])
    add("head.weight", classes, widths[0], *[1] * dimensions)
    add("head.bias", classes)
    return p


def dice_loss(logits, labels):
    p = F.softmax(logits, 1)
    axes = [0, *range(2, logits.dim())]
    t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).double()
    score = (2 * (p * t).sum(axes) + 1e-5) / (p.sum(axes) + t.sum(axes) + 1e-5)
    return 1 - score[1:].mean()


# Padded 3-D network with instance norm, as it is trained today.
torch.manual_seed(4)
widths = [2, 4]
p = {key: value.requires_grad_() for key, value in parameters(widths, 1, 3, 3, True).items()}
start = {key: pack(value) for key, value in p.items()}
x = uniform(2, 1, 4, 6, 8)
labels = (x[:, 0] > 0.3).long() + (x[:, 0] > 0.7).long()
plain = lambda x: unet(p, x, 2, True, 0.01, 1, False)
# Norms' scales and shifts and biases are not decayed.
optimizer = torch.optim.AdamW(
    [
        {"params": [v for v in p.values() if v.dim() > 1], "weight_decay": 0.01},
        {"params": [v for v in p.values() if v.dim() == 1], "weight_decay": 0.0},
    ],
    lr=1e-2,
)
losses = []
for step in range(10):
    optimizer.zero_grad()
    logits = plain(x)
    loss = F.cross_entropy(logits, labels) + dice_loss(logits, labels)
    loss.backward()
    if step == 0:
        first = {"logits": pack(logits), "gradients": {key: pack(value.grad) for key, value in p.items()}}
    optimizer.step()
    losses.append(loss.item())
padded = {"widths": widths, "start": start, "x": pack(x), "labels": pack(labels), **first, "losses": losses}

# Valid 2-D network with max pooling, as in the paper.
torch.manual_seed(5)
p = {key: value.requires_grad_() for key, value in parameters([2, 3, 4], 1, 2, 2, False).items()}
x = uniform(1, 1, 44, 44)
y = unet(p, x, 3, False, 0, 0, True)
g = uniform(*y.shape)
(y * g).sum().backward()
valid = {
    "widths": [2, 3, 4],
    "start": {key: pack(value) for key, value in p.items()},
    "x": pack(x),
    "g": pack(g),
    "y": pack(y),
    "gradients": {key: pack(value.grad) for key, value in p.items()},
}
write("unet", {"padded": padded, "valid": valid})
