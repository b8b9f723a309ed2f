"""The peer of bench/step.mjs: one training step of the same 3-D U-Net in PyTorch, on request.

Reads a line of JSON (the workload), then answers every line "steps N" with a line of JSON: seconds of each step.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

workload = json.loads(sys.stdin.readline())
widths, extents = workload["widths"], workload["extents"]
batch, classes = workload["batch"], workload["classes"]
torch.set_num_threads(workload["threads"])


def block(inputs, outputs, stride):
    layers = []
    for i in range(2):
        layers += [
            nn.Conv3d(inputs if i == 0 else outputs, outputs, 3, stride if i == 0 else 1, 1, bias=False),
            nn.InstanceNorm3d(outputs, affine=True),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        levels = range(len(widths) - 1)
        self.encoder = nn.ModuleList(
            [block(1 if i == 0 else widths[i - 1], w, 1 if i == 0 else 2) for i, w in enumerate(widths)]
        )
        self.up = nn.ModuleList([nn.ConvTranspose3d(widths[i + 1], widths[i], 2, 2) for i in levels])
        self.decoder = nn.ModuleList([block(2 * widths[i], widths[i], 1) for i in levels])
        self.head = nn.Conv3d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        for i in reversed(range(len(widths) - 1)):
            x = self.decoder[i](torch.cat([skips[i], self.up[i](x)], 1))
        return self.head(x)


torch.manual_seed(1)
model = UNet().to(memory_format=torch.channels_last_3d)
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
image = torch.randn(batch, 1, *extents).to(memory_format=torch.channels_last_3d)
label = torch.randint(0, classes, (batch, *extents))


def step():
    optimizer.zero_grad()
    logits = model(image)
    probabilities = logits.softmax(1)
    target = F.one_hot(label, classes).movedim(-1, 1).float()
    axes = (0, 2, 3, 4)
    overlap = (probabilities * target).sum(axes)
    dice = (2 * overlap + 1e-5) / (probabilities.sum(axes) + target.sum(axes) + 1e-5)
    loss = F.cross_entropy(logits, label) + 1 - dice[1:].mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 12)
    optimizer.step()


parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"version": torch.__version__, "parameters": parameters}), flush=True)
for line in sys.stdin:
    seconds = []
    for _ in range(int(line.split()[1])):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds), flush=True)
