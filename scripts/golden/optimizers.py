"""Optimisers of src/optim against torch.optim, five steps with changing rates: python scripts/golden/optimizers.py

The loss of step t is Σ target_t p + ½ Σ p²; the weight is decayed, the bias is not.
"""
import torch

from golden import pack, uniform, write

torch.manual_seed(3)
start = {"weight": uniform(3, 2), "bias": uniform(3)}
targets = [{key: uniform(*value.shape) * 3 for key, value in start.items()} for _ in range(5)]
rates = [0.1, 0.1, 0.05, 0.02, 0.01]
cases = []


def case(name, ours, options, make, decay=0.0, clip=None):
    p = {key: value.clone().requires_grad_() for key, value in start.items()}
    optimizer = make(
        [{"params": [p["weight"]], "weight_decay": decay}, {"params": [p["bias"]], "weight_decay": 0.0}]
    )
    after, norms = [], []
    for target, rate in zip(targets, rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        sum((target[key] * p[key]).sum() + 0.5 * (p[key] ** 2).sum() for key in p).backward()
        if clip is not None:
            norms.append(torch.nn.utils.clip_grad_norm_(list(p.values()), clip).item())
        optimizer.step()
        after.append({key: pack(value) for key, value in p.items()})
    cases.append({"name": name, "optimizer": ours, "options": options, "after": after, "norms": norms})


O = torch.optim
case("plain", "sgd", {}, lambda g: O.SGD(g, lr=1))
case("momentum", "sgd", {"momentum": 0.9}, lambda g: O.SGD(g, lr=1, momentum=0.9))
case(
    "Nesterov and weight decay",
    "sgd",
    {"momentum": 0.9, "nesterov": True, "weightDecay": 0.1},
    lambda g: O.SGD(g, lr=1, momentum=0.9, nesterov=True),
    decay=0.1,
)
case("defaults", "adam", {}, lambda g: O.Adam(g))
case(
    "weight decay in the gradient",
    "adam",
    {"weightDecay": 0.1, "beta1": 0.5, "beta2": 0.99, "epsilon": 1e-4},
    lambda g: O.Adam(g, betas=(0.5, 0.99), eps=1e-4),
    decay=0.1,
)
case("decoupled weight decay", "adamW", {"weightDecay": 0.1}, lambda g: O.AdamW(g), decay=0.1)
case("clipped", "sgd", {"clip": 1.5}, lambda g: O.SGD(g, lr=1), clip=1.5)
case("clipped and decayed", "adamW", {"clip": 1.5, "weightDecay": 0.1}, lambda g: O.AdamW(g), decay=0.1, clip=1.5)
write(
    "optimizers",
    {
        "start": {key: pack(value) for key, value in start.items()},
        "targets": [{key: pack(value) for key, value in target.items()} for target in targets],
        "rates": rates,
        "cases": cases,
    },
)
