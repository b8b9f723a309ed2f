"""A generator and a critic with gradient penalty, trained in turn as in Gulrajani et al. 2017, against PyTorch.

python scripts/golden/wgan.py
"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write

torch.manual_seed(8)
slope, penalty_weight, rate, betas = 0.01, 10.0, 1e-2, (0.5, 0.9)
widths, critic_widths = [2, 3], [2, 3]
extents, samples, repeats, iterations = (3, 4, 5), 2, 2, 3
voxels = 3 * 4 * 5


def weight(*shape):
    return (uniform(*shape) * (6 / torch.tensor(shape[1:]).prod()).sqrt()).float().double()


g, running, d = {}, {}, {}


def layer(p, name, into, out, norm=True):
    p[f"{name}.weight"] = weight(out, into, 3, 3, 3)
    p[f"{name}.bias"] = uniform(out) * 0.125
    if norm:
        p[f"{name}.norm.scale"] = uniform(out, low=0.5, high=1.5)
        p[f"{name}.norm.shift"] = uniform(out) * 0.125
        running[f"{name}.norm.runningMean"] = torch.zeros(out).double()
        running[f"{name}.norm.runningVariance"] = torch.ones(out).double()


layer(g, "encoder0", 1, widths[0])
layer(g, "encoder1", widths[0], widths[1])
layer(g, "decoder0", widths[1], widths[0])
layer(g, "head", widths[0], 1, norm=False)
layer(d, "conv0", 1, critic_widths[0], norm=False)
layer(d, "conv1", critic_widths[0], critic_widths[1], norm=False)
d["head.weight"], d["head.bias"] = weight(1, critic_widths[1] * voxels), uniform(1)
for p in (g, d):
    for key in p:
        p[key] = p[key].requires_grad_()
start = {f"generator.{k}": pack(v) for k, v in g.items()} | {f"critic.{k}": pack(v) for k, v in d.items()}


def conv(p, name, x):
    return F.conv3d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1)


def finish(name, x, keep):
    mean, variance = running[f"{name}.norm.runningMean"], running[f"{name}.norm.runningVariance"]
    if not keep:
        mean, variance = mean.clone(), variance.clone()
    y = F.batch_norm(x, mean, variance, g[f"{name}.norm.scale"], g[f"{name}.norm.shift"], training=True, momentum=0.1)
    return F.leaky_relu(y, slope)


def generator(x, keep):
    first = finish("encoder0", conv(g, "encoder0", x), keep)
    second = finish("encoder1", conv(g, "encoder1", first), keep)
    third = finish("decoder0", conv(g, "decoder0", second) + first, keep)
    return F.relu(conv(g, "head", third) + x)


def critic(x):
    y = F.leaky_relu(conv(d, "conv0", x), slope)
    y = F.leaky_relu(conv(d, "conv1", y), slope)
    return y.reshape(len(x), -1) @ d["head.weight"].T + d["head.bias"]


of_critic = torch.optim.Adam(d.values(), lr=rate, betas=betas)
of_generator = torch.optim.Adam(g.values(), lr=rate / 2, betas=betas)
batches, rows = [], []
for iteration in range(iterations):
    shape = (samples * (repeats + 1), 1, *extents)
    clean, noisy = uniform(*shape, low=0.0), uniform(*shape, low=0.0)
    mix = uniform(len(clean), 1, 1, 1, 1, low=0.0)
    batches.append({"clean": pack(clean), "noisy": pack(noisy), "mix": pack(mix)})
    row = {"critic loss": 0.0, "critic penalty": 0.0, "critic distance": 0.0, "critic norm": 0.0}
    for part in range(repeats + 1):
        x, y, a = (one[part * samples:(part + 1) * samples] for one in (clean, noisy, mix))
        if part < repeats:
            fake = generator(y, False).detach()
            between = (a * x + (1 - a) * fake).requires_grad_()
            (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            norms = slopes.flatten(1).norm(dim=1)
            penalty = ((norms - 1) ** 2).mean()
            distance = critic(x).mean() - critic(fake).mean()
            loss = penalty_weight * penalty - distance
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
            for name, value in (("loss", loss), ("penalty", penalty), ("distance", distance), ("norm", norms.mean())):
                row[f"critic {name}"] += value.item() / repeats
        else:
            found = generator(y, True)
            loss = F.mse_loss(found, x) - 0.1 * critic(found).mean()
            of_generator.zero_grad()
            loss.backward()
            of_generator.step()
            row["generator loss"] = loss.item()
    rows.append(row)

write(
    "wgan",
    {
        "torch": torch.__version__,
        "widths": widths,
        "criticWidths": critic_widths,
        "samples": samples,
        "extents": list(extents),
        "repeats": repeats,
        "rate": rate,
        "start": start,
        "batches": batches,
        "rows": rows,
        "end": {f"parameter/generator.{k}": pack(v) for k, v in g.items()}
        | {f"parameter/critic.{k}": pack(v) for k, v in d.items()}
        | {f"statistic/generator.{k}": pack(v) for k, v in running.items()},
    },
)
