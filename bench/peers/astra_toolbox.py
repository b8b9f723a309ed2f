"""The ASTRA toolbox under measurement: one projection and one backprojection of a disc by its processor's projectors.

Speaks lines: the geometry as JSON, then a projector's name (strip, linear); answers with seconds of processor time.
"""
import json
import sys
import time

import astra
import numpy

settings = json.loads(sys.stdin.readline())
size, bins, views = settings["imageSize"], settings["bins"], settings["views"]
width = settings["binSizeMm"] / settings["pixelSizeMm"]
volume = astra.create_vol_geom(size, size)
angles = numpy.arange(views) * numpy.pi / views
lines = astra.create_proj_geom("parallel", width, bins, angles)
grid = numpy.arange(size) - (size - 1) / 2
disc = (grid[:, None] ** 2 + grid[None, :] ** 2 < (size / 2 - 1) ** 2).astype(numpy.float32)
print(json.dumps({"version": f"ASTRA {astra.__version__}"}), flush=True)

for line in sys.stdin:
    projector = astra.create_projector(line.strip(), lines, volume)
    start = time.process_time()
    number, sinogram = astra.create_sino(disc, projector)
    middle = time.process_time()
    image, _ = astra.create_backprojection(sinogram, projector)
    end = time.process_time()
    astra.data2d.delete([number, image])
    astra.projector.delete(projector)
    print(json.dumps({"forward": middle - start, "back": end - middle}), flush=True)
