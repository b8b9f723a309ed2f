"""PyTorch for some minutes on the membranes of ISBI 2012: what a plain 2-D U-Net of 1.9 M parameters reaches.

    python bench/peers/membranes.py FOLDER --hold 7-14 [--minutes 8]

FOLDER holds image/N.png and label/N.png; the slices of --hold are kept apart. Beside it, on the same slices:
`gyrus train segment-unet --data FOLDER --labels 0=membrane,255=cell --folds 3 --fold 1 --minutes 8`.
Batches of four crops of 256x256, quarter turns and mirroring, cross-entropy and Dice, AdamW with a cosine over the time.
"""
import argparse
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

WIDTHS = [32, 64, 128, 256]
CROP, BATCH, RATE, WARMUP = 256, 4, 2e-3, 20


def unit(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def pair(inputs, outputs):
    return nn.Sequential(*unit(inputs, outputs), *unit(outputs, outputs))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(pair(a, b) for a, b in zip([1] + WIDTHS, WIDTHS))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(WIDTHS, WIDTHS[1:]))
        self.join = nn.ModuleList(pair(2 * a, a) for a in WIDTHS[:-1])
        self.head = nn.Conv2d(WIDTHS[0], 2, 1)

    def forward(self, x):
        kept = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](torch.cat([kept[level], self.up[level](x)], 1))
        return self.head(x)


def read(path):
    return np.asarray(Image.open(path)).astype(np.float32)


def batch_of(images, labels):
    crops = []
    for _ in range(BATCH):
        n = random.randrange(len(images))
        top, left = (random.randint(0, extent - CROP) for extent in images[n].shape)
        both = np.stack([images[n], labels[n]])[:, top : top + CROP, left : left + CROP]
        both = np.rot90(both, random.randrange(4), (1, 2))
        crops.append(both[:, :, :: random.choice((1, -1))].copy())
    x, y = torch.from_numpy(np.stack(crops, 1))
    return x[:, None].contiguous(memory_format=torch.channels_last), y.long()


def scores(predicted, truth):
    dice = [2 * ((predicted == c) & (truth == c)).sum() / ((predicted == c).sum() + (truth == c).sum()) for c in (0, 1)]
    return [*dice, (predicted == truth).mean()]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("--hold", required=True, help="first and last slice kept apart: 7-14")
    words.add_argument("--minutes", type=float, default=8)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    random.seed(given.seed)

    first, last = map(int, given.hold.split("-"))
    names = sorted((path.stem for path in (given.folder / "image").glob("*.png")), key=int)
    images = {name: read(given.folder / "image" / f"{name}.png") for name in names}
    images = {name: (image - image.mean()) / image.std() for name, image in images.items()}
    labels = {name: (read(given.folder / "label" / f"{name}.png") > 127).astype(np.float32) for name in names}
    held = [name for name in names if first <= int(name) <= last]
    used = [name for name in names if name not in held]

    network = UNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    began, steps, budget = time.monotonic(), 0, given.minutes * 60
    while (spent := time.monotonic() - began) < budget:
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * spent / budget)) / 2 * min(1, (steps + 1) / WARMUP)
        x, y = batch_of([images[name] for name in used], [labels[name] for name in used])
        logits = network(x)
        cell, truth = logits.softmax(1)[:, 1], y.float()
        dice = 2 * (cell * truth).sum() / (cell.sum() + truth.sum())
        loss = F.cross_entropy(logits, y) + 1 - dice
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 50 == 0:
            print(f"step {steps}, {spent:.0f} s, loss {loss.item():.4f}", flush=True)

    network.eval()
    with torch.no_grad():
        rows = [
            scores(network(torch.from_numpy(images[name])[None, None]).argmax(1)[0].numpy(), labels[name])
            for name in held
        ]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    membrane, cells, accuracy = np.mean(rows, 0)
    print(f"PyTorch {torch.__version__}, {parameters:,} parameters, {steps} steps, {len(held)} slices held out")
    print(f"Dice membrane {membrane:.4f}, cell {cells:.4f}, pixel accuracy {accuracy:.4f}")


main()
