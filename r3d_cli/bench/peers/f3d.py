"""f3d, the viewer: a picture of a file, as a command. Where there is no display, under an Xvfb that runs
already: starting it is not timed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from r3d_cli.bench.child import die_with_parent
from r3d_cli.bench.command_line import Command
from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.render import Inputs

NAME = "f3d"
EXECUTABLE, INSTALL = "f3d", "apt install f3d xvfb"
DEVICES = ("cpu",)  # where it draws is up to the display


def render(inputs: Inputs) -> Prepared:
    picture = inputs.folder / "f3d.png"
    camera = inputs.camera
    command = Command(
        "f3d",
        "--dry-run",
        "--quiet",
        str(inputs.path),
        f"--output={picture}",
        "--no-background",
        f"--resolution={inputs.image},{inputs.image}",
        f"--camera-position={_triple(camera.center)}",
        f"--camera-focal-point={_triple(camera.center + camera.R[:, 2])}",
        f"--camera-view-up={_triple(camera.R[:, 1])}",
        f"--camera-view-angle={camera.fov}",
        environment={"DISPLAY": os.environ.get("DISPLAY") or start_xvfb()},
        keeps=picture,
    )
    return Prepared(command)


def _triple(values: object) -> str:
    return ",".join(f"{value:.9g}" for value in values)  # type: ignore[attr-defined]


def start_xvfb() -> str:
    """Start an X server without a screen, which ends with this process; returns its display.

    Raises:
        ImportError: There is none to start.
    """
    program = shutil.which("Xvfb")
    if program is None:
        raise ImportError("f3d needs a display, and Xvfb is not installed")
    reads, writes = os.pipe()
    subprocess.Popen(
        [program, "-displayfd", str(writes), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=[writes],
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    os.close(writes)
    with os.fdopen(reads) as answer:
        number = answer.readline().strip()
    if not number:
        raise RuntimeError("Xvfb does not start")
    return f":{number}"
