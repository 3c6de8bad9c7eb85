"""trimesh: loading mesh files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.io import Inputs as Files

NAME = "trimesh"
REQUIRES, INSTALL = "trimesh", "pip install trimesh"
DEVICES = ("cpu",)


def io(inputs: Files) -> Prepared:
    import trimesh

    return Prepared(
        lambda: trimesh.load(inputs.path, force="mesh", process=False),
        lambda mesh: (mesh.vertices, mesh.faces),
    )
