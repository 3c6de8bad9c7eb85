"""Draw every mesh file of a folder (and the folders in it) onto one sheet, the name under each.

    python examples/contact_sheet.py FOLDER -o sheet.png

A line for each file says how much of its picture is covered and how many colours it has. Exits with 1 when a
picture covers 5 % or less, or has 50 colours or fewer: an empty, a black or a blank picture would.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.model import MeshError
from r3d_cli.scene.readers import FORMATS, read_mesh

LEAST_COVERAGE, LEAST_COLORS = 0.05, 50
LABEL = 22  # pixels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("contact_sheet.png"))
    parser.add_argument(
        "--tile", type=int, default=224, help="side of a picture, pixels (default %(default)s)"
    )
    parser.add_argument("--columns", type=int, default=5, help="pictures in a row (default %(default)s)")
    parser.add_argument(
        "--z-up", action="append", default=[], metavar="NAME", help="a file whose z axis is up"
    )
    arguments = parser.parse_args()

    tiles, faults = [], 0
    for path in sorted(arguments.folder.rglob("*")):
        if path.suffix.lower().removeprefix(".") not in FORMATS:
            continue
        name = str(path.relative_to(arguments.folder))
        try:
            mesh = read_mesh(path)
        except MeshError as error:
            print(error, file=sys.stderr)
            faults += 1
            continue
        if not len(mesh.faces):
            print(f"{name}: a point cloud, left out")
            continue
        camera = frame(mesh, up="z" if name in arguments.z_up else "auto")
        picture = draw(mesh, camera, size=(arguments.tile, arguments.tile))
        colors = len(np.unique(picture.image.reshape(-1, 3), axis=0))
        fits = picture.coverage > LEAST_COVERAGE and colors > LEAST_COLORS
        faults += not fits
        print(f"{name}: {picture.coverage:.1%} covered, {colors} colours{'' if fits else ': TOO LITTLE'}")
        tiles.append((name, picture.image))
    if not tiles:
        print(
            f"{arguments.folder}: no mesh files; name a folder that holds {', '.join(FORMATS)}",
            file=sys.stderr,
        )
        return 1
    sheet(tiles, arguments.tile, arguments.columns).save(arguments.output, optimize=True)
    print(f"{arguments.output}: {len(tiles)} pictures")
    return 1 if faults else 0


def sheet(tiles: list[tuple[str, np.ndarray]], side: int, columns: int) -> Image.Image:
    """Pictures in rows, each with its name under it."""
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (min(columns, len(tiles)) * side, rows * (side + LABEL)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for i, (name, image) in enumerate(tiles):
        x, y = i % columns * side, i // columns * (side + LABEL)
        page.paste(Image.fromarray(image), (x, y))
        pen.text((x + side / 2, y + side + LABEL / 2), name, fill="black", font=font, anchor="mm")
    return page


if __name__ == "__main__":
    sys.exit(main())
