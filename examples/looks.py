"""What ``r3d render`` can make of one mesh: themes, shadings and passes on one sheet.

    python examples/looks.py examples/spot/spot.obj -o looks.png

The options of each picture stand under it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from contact_sheet import sheet
from PIL import Image

COMMAND = Path(sys.executable).with_name("r3d")

LOOKS = (
    "",
    "--theme clay",
    "--theme blueprint",
    "--wireframe 0.7",
    "--shading flat",
    "--shading unlit",
    "--light 1,0.3,0.2,orange --ambient 0.02",
    "--shading soft-phong --sigma 1e-3",
    "--pass depth",
    "--pass normal",
    "--pass faceid",
    "--pass position",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mesh")
    parser.add_argument("-o", "--output", type=Path, default=Path("looks.png"))
    parser.add_argument("--azimuth", default="150", help="camera's turn, degrees (default %(default)s)")
    parser.add_argument(
        "--tile", type=int, default=256, help="side of a picture, pixels (default %(default)s)"
    )
    options = parser.parse_args()
    tiles = []
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        view = ["--azimuth", options.azimuth, "--size", str(options.tile), "-o", str(picture)]
        for look in LOOKS:
            command = [COMMAND, "render", options.mesh, *view, *look.split()]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                sys.stderr.write(done.stderr)
                return done.returncode
            tiles.append((look or "r3d render", np.asarray(Image.open(picture).convert("RGB"))))
    sheet(tiles, options.tile, 4).save(options.output, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
