"""Time and memory of ``r3d render`` as a command: many files, a film, a large depth map, passes.

    python examples/benchmarks/render_figures.py --small examples/spot/spot.obj suzanne.obj \
        --film examples/spot/spot.obj --large stanford-bunny.obj --passes nefertiti.obj --json render.json

Each line is the median of whole processes, their start included, their range, and their largest memory.
The small meshes are copied, with what lies beside the first of them, until there are ``--count`` files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from r3d_cli.scene.readers import read_mesh

COMMAND = Path(sys.executable).with_name("r3d")
PASSES = "rgb,depth,normal,mask"

Row = dict[str, Any]


def run(*arguments: object) -> tuple[float, float]:
    """Seconds that a process of r3d takes, and MiB that it holds at most."""
    start = time.perf_counter()
    quiet = os.open(os.devnull, os.O_WRONLY)
    command = [str(COMMAND), *map(str, arguments)]
    process = os.posix_spawn(COMMAND, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 2)])
    os.close(quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(command)}: failed; run it by hand to see why")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def figure(what: str, repeats: int, *arguments: object) -> Row:
    runs = [run(*arguments) for _ in range(repeats)]
    seconds = [second for second, _ in runs]
    return {
        "what": what,
        "seconds": statistics.median(seconds),
        "range": [min(seconds), max(seconds)],
        "peak_mib": max(mib for _, mib in runs),
    }


def copies(meshes: list[str], count: int, folder: Path) -> float:
    """Fill a folder with copies; seconds that it takes to read them all."""
    for beside in Path(meshes[0]).parent.iterdir():
        if beside.is_file() and beside.suffix.lower() in (".mtl", ".png", ".jpg"):
            shutil.copy(beside, folder)
    files = []
    for number in range(count):
        source = Path(meshes[number % len(meshes)])
        files.append(Path(shutil.copy(source, folder / f"{number:05}{source.suffix}")))
    start = time.perf_counter()
    for file in files:
        read_mesh(file)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", nargs="+", metavar="MESH", help="meshes to draw many copies of")
    parser.add_argument("--count", type=int, default=200, help="of those copies (default %(default)s)")
    parser.add_argument("--size", type=int, default=512, help="of pictures, pixels (default %(default)s)")
    parser.add_argument("--film", metavar="MESH", help="mesh to turn in a GIF of 36 frames")
    parser.add_argument("--large", metavar="MESH", help="mesh for a depth map")
    parser.add_argument("--large-size", type=int, default=8192, help="its side, pixels (default %(default)s)")
    parser.add_argument("--passes", metavar="MESH", help=f"mesh to draw {PASSES} of, beside rgb alone")
    parser.add_argument("--repeats", type=int, default=5, help="processes a figure (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()

    rows: list[Row] = []

    def add(row: Row) -> None:
        low, high = (1e3 * second for second in row["range"])
        more = "".join(f", {key.replace('_', ' ')} {row[key]:.3g}" for key in list(row)[4:])
        took = f"{1e3 * row['seconds']:.0f} ms ({low:.0f} to {high:.0f})"
        print(f"{row['what']}: {took}, {row['peak_mib']:.0f} MiB{more}", flush=True)
        rows.append(row)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = "--size", options.size
        if options.small:
            (folder / "many").mkdir()
            reading = copies(options.small, options.count, folder / "many")
            what = f"{options.count} files at {options.size}²"
            many = "render", folder / "many", *size, "-o", folder / "out/{stem}.png"
            row = figure(what, options.repeats, *many)
            row["ms_a_file_beyond_reading"] = 1e3 * (row["seconds"] - reading) / options.count
            row["ms_a_file_to_read"] = 1e3 * reading / options.count
            add(row)
        if options.film:
            film = "render", options.film, "--turntable", folder / "film.gif", "--frames", 36, *size
            what = f"GIF of 36 frames of {Path(options.film).name} at {options.size}²"
            add(figure(what, options.repeats, *film))
        if options.large:
            depth = "--pass", "depth", "--bits", 16, "--size", options.large_size, "-o", folder / "depth.png"
            what = f"16-bit depth of {Path(options.large).name} at {options.large_size}²"
            add(figure(what, options.repeats, "render", options.large, *depth))
        if options.passes:
            start = "render", options.passes, *size, "-o"
            alone = figure(f"rgb of {Path(options.passes).name}", options.repeats, *start, folder / "rgb.png")
            add(alone)
            row = figure(PASSES, options.repeats, *start, folder / "{pass}.png", "--pass", PASSES)
            row["times_rgb_alone"] = row["seconds"] / alone["seconds"]
            add(row)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
