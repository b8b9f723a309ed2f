"""scikit-image under measurement: one radon and one unfiltered iradon of a disc, on request.

Speaks lines: the settings as JSON, then a number of pixels along a side; answers with seconds of processor time.
"""
import json
import sys
import time

import numpy
import skimage
from skimage.transform import iradon, radon

settings = json.loads(sys.stdin.readline())
angles = numpy.arange(settings["views"]) * 180 / settings["views"]
print(json.dumps({"version": f"scikit-image {skimage.__version__}"}), flush=True)

for line in sys.stdin:
    size = int(line)
    grid = numpy.arange(size) - size // 2
    disc = (grid[:, None] ** 2 + grid[None, :] ** 2 < (size / 2 - 2) ** 2).astype(float)
    start = time.process_time()
    sinogram = radon(disc, angles, circle=True)
    middle = time.process_time()
    iradon(sinogram, angles, filter_name=None, circle=True)
    end = time.process_time()
    print(json.dumps({"forward": middle - start, "back": end - middle}), flush=True)
