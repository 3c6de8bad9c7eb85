"""r3d: operators, ragged batches and a renderer for 3D deep learning, with one command, ``r3d``.

The library's groups are loaded when they are first named: ``import r3d_cli`` alone costs nothing, and
``r3d_cli.structures.Meshes`` needs no other import.
"""

from importlib import import_module
from types import ModuleType

from r3d_cli.constants import VERSION as __version__

GROUPS = ("io", "loss", "ops", "renderer", "structures", "transforms", "utils", "vis")

__all__ = ["__version__", *GROUPS]


def __getattr__(name: str) -> ModuleType:
    if name in GROUPS:
        return import_module(f"r3d_cli.{name}")
    raise AttributeError(f"module 'r3d_cli' has no attribute {name!r}; its groups are {', '.join(GROUPS)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *GROUPS})
