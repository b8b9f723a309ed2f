"""Networks and losses that several scripts of this folder train, with weights by name."""
import torch
import torch.nn.functional as F


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


def dice_loss(logits, labels):
    p = F.softmax(logits, 1)
    axes = [0, *range(2, logits.dim())]
    t = F.one_hot(labels, logits.shape[1]).movedim(-1, 1).double()
    score = (2 * (p * t).sum(axes) + 1e-5) / (p.sum(axes) + t.sum(axes) + 1e-5)
    return 1 - score[1:].mean()
