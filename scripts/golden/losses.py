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
write("losses", {"cases": cases})
