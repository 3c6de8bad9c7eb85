"""Create a virtual environment that borrows the packages of the interpreter that runs this script.

Unlike ``venv --system-site-packages`` it also borrows from an interpreter
that is itself in a virtual environment.
Usage: python environment.py FOLDER
"""

import importlib.util
import sys
import venv
from pathlib import Path


def create(folder: Path) -> None:
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=importlib.util.find_spec("pip") is None).create(
        folder
    )
    (site_packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site_packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))


if __name__ == "__main__":
    create(Path(sys.argv[1]))
