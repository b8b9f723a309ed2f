"""U-Nets of src/models against PyTorch: the same tiny weights, forward, gradient and ten steps of training.

python scripts/golden/unet.py
"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write
from nets import dice_loss, unet


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
