"""
Predict as a folder of `gyrus export` says, with NumPy, SciPy and ONNX Runtime alone, and compare with what Gyrus wrote:
    python scripts/golden/predictor.py EXPORT SCAN LABELS
Written after the sentences under "how" in predictor.json. Not here: cascades, regions, thick voxels, masks, CT.
"""
import itertools
import json
import sys

import nibabel
import numpy as np
import onnxruntime
from scipy import ndimage


def starts(extent, patch, overlap):
    if extent <= patch:
        return [-((patch - extent) // 2)]
    steps = int(np.ceil((extent - patch) / max(1, patch * (1 - overlap))))
    return [int(np.floor(n * (extent - patch) / steps + 0.5)) for n in range(steps + 1)]


def resized(channel, shape, order):
    if channel.shape == tuple(shape):
        return channel
    factors = [to / have for to, have in zip(shape, channel.shape)]
    out = ndimage.zoom(channel, factors, order=order, grid_mode=True, mode="nearest")
    return np.clip(out, channel.min(), channel.max()) if order == 3 else out


def outputs(image, model, files, folder):
    """The mean output of a stage's networks over a prepared image."""
    configuration = model["plan"]["configurations"][model["configuration"]]
    flat = configuration["dimensions"] == 2
    patch = ([1] if flat else []) + configuration["patch"]
    profiles = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in patch]
    weights = np.einsum("i,j,k->ijk", *profiles)
    axes = [axis + (1 if flat else 0) for axis in model["mirrorAxes"]]
    mirrorings = [some for n in range(len(axes) + 1) for some in itertools.combinations(axes, n)]
    places = list(itertools.product(*(starts(n, p, model["overlap"]) for n, p in zip(image.shape[1:], patch))))
    total, summed = 0, 0
    for file in files:
        session = onnxruntime.InferenceSession(f"{folder}/{file}", providers=["CPUExecutionProvider"])
        for place in places:
            inside = [slice(max(0, a), min(n, a + p)) for a, n, p in zip(place, image.shape[1:], patch)]
            window = [slice(s.start - a, s.stop - a) for s, a in zip(inside, place)]
            fed = np.zeros([image.shape[0], *patch], np.float32)
            fed[(slice(None), *window)] = image[(slice(None), *inside)]
            for some in mirrorings:
                turned = np.ascontiguousarray(np.flip(fed, [axis + 1 for axis in some]))
                (found,) = session.run(None, {"image": turned[None, :, 0] if flat else turned[None]})
                found = found[0][:, None] if flat else found[0]
                found = np.flip(found, [axis + 1 for axis in some]).astype(np.float64)
                if np.isscalar(summed):
                    summed = np.zeros([found.shape[0], *image.shape[1:]])
                    total = np.zeros(image.shape[1:])
                summed[(slice(None), *inside)] += (found * weights)[(slice(None), *window)]
                total[tuple(inside)] += weights[tuple(window)]
    return summed / total


def main(folder, scan, labels):
    predictor = json.load(open(f"{folder}/predictor.json"))
    canonical = nibabel.as_closest_canonical(nibabel.load(scan))
    voxels = np.asarray(canonical.dataobj, dtype=np.float32)
    if voxels.ndim == 3:
        voxels = voxels[..., None]
    plan = predictor["stages"][predictor["ensemble"][0]]["model"]["plan"]
    assert plan["dataset"]["regions"] is None
    axes = plan["axes"]
    spacing = [float(canonical.header.get_zooms()[axis]) for axis in axes]
    assert max(spacing) / min(spacing) <= plan["resampling"]["separateAbove"]
    image = np.moveaxis(voxels, 3, 0).transpose([0, *(axis + 1 for axis in axes)])
    nonzero = np.argwhere((image != 0).any(0))
    box = tuple(slice(low, high + 1) for low, high in zip(nonzero.min(0), nonzero.max(0)))
    cropped = image[(slice(None), *box)].astype(np.float64)
    for channel, about in zip(cropped, plan["channels"]):
        assert about["scheme"] in ("zscore", "none") and not about["withinMask"]
        if about["scheme"] == "zscore":
            channel[...] = (channel - channel.mean()) / channel.std()
    mean = 0
    for name in predictor["ensemble"]:
        stage = predictor["stages"][name]
        configuration = stage["model"]["plan"]["configurations"][name]
        assert "previous" not in configuration
        target = [spacing[0]] * (3 - configuration["dimensions"]) + configuration["spacingMm"]
        shape = [round(have / want * n) for have, want, n in zip(spacing, target, cropped.shape[1:])]
        prepared = np.stack([resized(channel, shape, 3) for channel in cropped]).astype(np.float32)
        found = outputs(prepared, stage["model"], stage["files"], folder)
        mean = mean + np.stack([resized(one, cropped.shape[1:], 1) for one in found])
    classes = np.zeros(image.shape[1:], int)
    classes[box] = np.argmax(mean, 0)
    for step in predictor["postprocessing"]:
        mask = np.isin(classes, step["keepLargest"])
        pieces, count = ndimage.label(mask, np.ones((3, 3, 3)))
        if count > 1:
            sizes = ndimage.sum(mask, pieces, range(1, count + 1))
            classes[mask & (pieces != 1 + int(np.argmax(sizes)))] = 0
    ours = np.array(plan["dataset"]["labelValues"])[classes.transpose(np.argsort(axes))]
    theirs = np.asarray(nibabel.as_closest_canonical(nibabel.load(labels)).dataobj)
    print(f"{scan}: {int((ours != theirs).sum())} of {ours.size} voxels differ, {int((theirs != 0).sum())} are labelled")


main(*sys.argv[1:])
