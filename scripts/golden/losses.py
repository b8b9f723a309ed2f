"""Losses of src/loss against PyTorch, values and gradients: python scripts/golden/losses.py"""
import torch
import torch.nn.functional as F

from golden import pack, uniform, write

torch.manual_seed(2)
cases = []


def case(name, loss, options, inputs, wrt, forward):
    leaf = inputs[wrt].clone().requires_grad_()
    value = forward(leaf)
    value.backward()
    cases.append(
        {
            "name": name,
            "loss": loss,
            "options": options,
            "inputs": {key: pack(tensor) for key, tensor in inputs.items()},
            "wrt": wrt,
            "value": value.item(),
            "gradient": pack(leaf.grad),
        }
    )


logits = uniform(2, 3, 4, 3) * 3
labels = torch.randint(0, 3, (2, 4, 3))
solid = uniform(2, 4, 2, 3, 2) * 3
solid_labels = torch.randint(0, 3, (2, 2, 3, 2))  # class 3 never occurs
weights = torch.tensor([0.5, 1.0, 4.0]).double()
voxels = uniform(2, 4, 3, low=0.0, high=2.0)
voxels[0, :2] = 0

both = {"logits": logits, "labels": labels}
case("plain, 2-D", "crossEntropy", {}, both, "logits", lambda x: F.cross_entropy(x, labels))
case(
    "plain, 3-D",
    "crossEntropy",
    {},
    {"logits": solid, "labels": solid_labels},
    "logits",
    lambda x: F.cross_entropy(x, solid_labels),
)
case(
    "class weights",
    "crossEntropy",
    {"classWeights": weights.tolist()},
    both,
    "logits",
    lambda x: F.cross_entropy(x, labels, weight=weights),
)


def weighted(x, w):
    return (F.cross_entropy(x, labels, reduction="none") * w).sum() / w.sum()


case(
    "voxel weights, some 0",
    "crossEntropy",
    {},
    {**both, "weights": voxels},
    "logits",
    lambda x: weighted(x, voxels),
)
case(
    "class and voxel weights",
    "crossEntropy",
    {"classWeights": weights.tolist()},
    {**both, "weights": voxels},
    "logits",
    lambda x: weighted(x, voxels * weights[labels]),
)
case(
    "voxels left out by weight 0",
    "crossEntropy",
    {},
    {**both, "weights": (labels != 2).double()},
    "logits",
    lambda x: F.cross_entropy(x, torch.where(labels == 2, -100, labels), ignore_index=-100),
)


def soft_dice(x, target, batch, background, smooth):
    scores = []
    p = F.softmax(x, 1)
    first = 0 if background else 1
    for k in range(first, x.shape[1]):
        for samples in [range(x.shape[0])] if batch else [[n] for n in range(x.shape[0])]:
            q = torch.stack([p[n, k] for n in samples])
            t = torch.stack([(target[n] == k).double() for n in samples])
            scores.append((2 * (q * t).sum() + smooth) / (q.sum() + t.sum() + smooth))
    return 1 - torch.stack(scores).mean()


for batch in (True, False):
    for background in (True, False):
        options = {"batch": batch, "background": background, "smooth": 1e-5 if batch else 1.0}
        case(
            f"batch {batch}, background {background}",
            "softDice",
            options,
            {"logits": solid, "labels": solid_labels},
            "logits",
            lambda x: soft_dice(x, solid_labels, **options),
        )

pair = {"prediction": uniform(2, 1, 3, 4), "target": uniform(2, 1, 3, 4)}
case("l1", "l1", {}, pair, "prediction", lambda x: F.l1_loss(x, pair["target"]))
case("l2", "l2", {}, pair, "prediction", lambda x: F.mse_loss(x, pair["target"]))
targets = {"logits": uniform(2, 1, 3, 4) * 4, "targets": uniform(2, 1, 3, 4, low=0.0)}
case(
    "soft targets",
    "binaryCrossEntropy",
    {},
    targets,
    "logits",
    lambda x: F.binary_cross_entropy_with_logits(x, targets["targets"]),
)


def gradient_difference(x, y):
    parts = [(torch.diff(y, dim=d).abs() - torch.diff(x, dim=d).abs()).square().mean() for d in (2, 3)]
    return sum(parts) / 2


case(
    "2-D", "gradientDifference", {}, pair, "prediction", lambda x: gradient_difference(x, pair["target"])
)

D = torch.distributions
normals = {name: uniform(3, 4) * 2 for name in ("mean", "logVariance", "otherMean", "otherLogVariance")}


def normal(mean, log_variance):
    return D.Normal(mean, (log_variance / 2).exp())


def per_sample(p, q):
    return D.kl_divergence(p, q).sum() / 3


for wrt in ("mean", "logVariance"):
    one = {name: normals[name] for name in ("mean", "logVariance")}

    def given(x, wrt=wrt):
        return [x if name == wrt else normals[name] for name in ("mean", "logVariance")]

    case(
        f"by {wrt}",
        "klStandardNormal",
        {},
        one,
        wrt,
        lambda x: per_sample(normal(*given(x)), D.Normal(torch.zeros(3, 4).double(), 1.0)),
    )
    case(
        f"by {wrt}",
        "klDiagonalNormal",
        {},
        normals,
        wrt,
        lambda x: per_sample(normal(*given(x)), normal(normals["otherMean"], normals["otherLogVariance"])),
    )
coins = {"logits": uniform(3, 2, 2) * 3, "others": uniform(3, 2, 2) * 3}
case(
    "by p",
    "klBernoulli",
    {},
    coins,
    "logits",
    lambda x: per_sample(D.Bernoulli(logits=x), D.Bernoulli(logits=coins["others"])),
)
case(
    "by q",
    "klBernoulli",
    {},
    coins,
    "others",
    lambda x: per_sample(D.Bernoulli(logits=coins["logits"]), D.Bernoulli(logits=x)),
)
classes = {"logits": uniform(3, 4, 2) * 3, "others": uniform(3, 4, 2) * 3}


def categorical(x):
    return D.Categorical(logits=x.movedim(1, -1))


case(
    "by p",
    "klCategorical",
    {},
    classes,
    "logits",
    lambda x: per_sample(categorical(x), categorical(classes["others"])),
)
write("losses", {"cases": cases})
