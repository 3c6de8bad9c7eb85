"""Runs code written for PyTorch3D, unchanged: ``import pytorch3d`` and its submodules resolve to r3d.

Import this module first, or start the program through it::

    import r3d_cli.as_pytorch3d
    from pytorch3d.structures import Meshes        # r3d_cli.structures.Meshes

    python -m r3d_cli.as_pytorch3d script.py --its arguments
    python -m r3d_cli.as_pytorch3d -m package.module --its arguments

Names are looked up in r3d when they are first used. One that r3d lacks raises an ImportError (as an
attribute, an AttributeError) that says so and lists what is near. Where PyTorch3D is installed it stays in
charge and a warning says so; ``R3D_AS_PYTORCH3D=force`` in the environment puts r3d in its place. Processes
that multiprocessing spawns, rather than forks, import their main script anew: let it import this module.

Example:
    >>> import r3d_cli.as_pytorch3d
    >>> import pytorch3d
    >>> pytorch3d.__version__
    '0.7.9'
"""

from __future__ import annotations

import builtins
import os
import runpy
import sys
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from io import open_code
from types import ModuleType

NAME = "pytorch3d"
VERSION = "0.7.9"

GROUPS = ("datasets", "io", "loss", "ops", "renderer", "structures", "transforms", "utils", "vis")

#: Where PyTorch3D keeps what its groups export. Any name of the group is found in each of its submodules.
SUBMODULES = {
    "datasets": "r2n2.r2n2 r2n2.utils shapenet.shapenet_core utils",
    "io": "experimental_gltf_io obj_io off_io pluggable pluggable_formats ply_io",
    "loss": "chamfer mesh_edge_loss mesh_laplacian_smoothing mesh_normal_consistency point_mesh_distance",
    "ops": (
        "ball_query cameras_alignment cubify graph_conv interp_face_attrs iou_box3d knn laplacian_matrices "
        "mesh_filtering packed_to_padded perspective_n_points points_alignment points_normals "
        "points_to_volumes sample_farthest_points sample_points_from_meshes subdivide_meshes utils vert_align"
    ),
    "renderer": (
        "blending camera_utils cameras fisheyecameras implicit.harmonic_embedding implicit.raymarching "
        "implicit.raysampling implicit.renderer implicit.utils lighting materials mesh.rasterize_meshes "
        "mesh.rasterizer mesh.renderer mesh.shader mesh.shading mesh.textures points.compositor "
        "points.pulsar.unified points.rasterize_points points.rasterizer points.renderer splatter_blend utils"
    ),
    "structures": "meshes pointclouds utils volumes",
    "transforms": "math rotation_conversions se3 so3 transform3d",
    "utils": "camera_conversions checkerboard ico_sphere torus",
}

#: What r3d leaves out on purpose, and what to do about it.
LEFT_OUT = {
    "OpenGLOrthographicCameras": "PyTorch3D deprecated it; use FoVOrthographicCameras",
    "OpenGLPerspectiveCameras": "PyTorch3D deprecated it; use FoVPerspectiveCameras",
    "SfMOrthographicCameras": "PyTorch3D deprecated it; use OrthographicCameras",
    "SfMPerspectiveCameras": "PyTorch3D deprecated it; use PerspectiveCameras",
    "TexturedSoftPhongShader": "PyTorch3D deprecated it; use SoftPhongShader",
    "Textures": "PyTorch3D deprecated it; use TexturesVertex, TexturesUV or TexturesAtlas",
    "_C": "it is PyTorch3D's compiled module, whose functions pytorch3d.ops and pytorch3d.renderer offer",
    "implicitron": "it is a framework of its own on top of PyTorch3D",
}


@cache
def _paths() -> frozenset[str]:
    """All dotted paths below ``pytorch3d``, with the packages between."""
    paths = {f"{group}.{path}" for group, below in SUBMODULES.items() for path in below.split()}
    while parents := {path.rpartition(".")[0] for path in paths} - paths - {""}:
        paths |= parents
    return frozenset(paths | set(GROUPS))


class Mirror(ModuleType):
    """A module of PyTorch3D whose names are r3d's."""

    def __getattr__(self, name: str) -> object:
        if name == "__all__":
            return sorted(self._names())
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        home = self._names().get(name)
        if home is None and self._path(name) not in _paths():
            raise AttributeError(explain(f"{self.__name__}.{name}"))
        found = getattr(home, name) if home else import_module(f"{self.__name__}.{name}")
        self.__dict__[name] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        # Importing pytorch3d.ops.cubify must not hide the function pytorch3d.ops.cubify; nor does PyTorch3D.
        if not (isinstance(value, Mirror) and name in self._names()):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        path = self._path("")
        below = {other[len(path) :].partition(".")[0] for other in _paths() if other.startswith(path)}
        return sorted({*self.__dict__, *self._names(), *below})

    def _path(self, name: str) -> str:
        """The dotted path of something here below ``pytorch3d``."""
        return f"{self.__name__}.{name}"[len(NAME) + 1 :]

    def _names(self) -> dict[str, ModuleType]:
        """The names of r3d that belong here, and where they are."""
        path = self._path("").rstrip(".")
        if not path:
            return {}
        names = {}
        own = _module(f"r3d_cli.{path}")
        if own is not None and path not in GROUPS:
            names = {name: own for name, value in vars(own).items() if _ours(name, value)}
        group = _module(f"r3d_cli.{path.partition('.')[0]}")
        return names | {name: group for name in getattr(group, "__all__", ()) if group}


class Finder(MetaPathFinder, Loader):
    """Finds ``pytorch3d`` and all below it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        if fullname != NAME and fullname[len(NAME) + 1 :] not in _paths():
            # `from pytorch3d.ops import foo` ends here too. With its `name` set the import system would put
            # a text of its own in the place of this one.
            raise ModuleNotFoundError(explain(fullname))
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Mirror(spec.name, f"r3d in the place of {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == NAME:
            module.__version__ = VERSION  # type: ignore[attr-defined]


def explain(dotted: str) -> str:
    """What to say of a name of PyTorch3D that r3d lacks."""
    parent, _, name = dotted.rpartition(".")
    reason = next((LEFT_OUT[part] for part in dotted.split(".") if part in LEFT_OUT), None)
    if reason is None:
        mirror = sys.modules.get(parent)
        here = mirror.__dir__() if isinstance(mirror, Mirror) else []
        homes = [group for group in GROUPS if name in getattr(_module(f"r3d_cli.{group}"), "__all__", ())]
        if homes:
            reason = f"it is in {NAME}.{homes[0]}"
        elif near := get_close_matches(name, here, n=3):
            reason = f"near it are {', '.join(near)}"
        else:
            reason = f"{NAME} has {', '.join(GROUPS)}" if parent == NAME else "nothing there is near it"
    return f"r3d has no {dotted}: {reason}"


@cache
def _module(name: str) -> ModuleType | None:
    """A module of r3d, if there is one."""
    parent = name.rpartition(".")[0]
    if parent and _module(parent) is None:
        return None
    return import_module(name) if find_spec(name) else None


def _ours(name: str, value: object) -> bool:
    """Whether a module's name is part of the library, rather than something it imports."""
    home = str(getattr(value, "__module__", ""))
    return not name.startswith("_") and home.startswith(tuple(f"r3d_cli.{group}." for group in GROUPS))


def install() -> None:
    """Put r3d in the place of PyTorch3D, unless that is here already. Done when this module is imported."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    forced = os.environ.get("R3D_AS_PYTORCH3D") == "force"
    if NAME in sys.modules:
        warnings.warn("PyTorch3D is imported already: it stays, r3d does not take its place", stacklevel=3)
    elif find_spec(NAME) and not forced:
        warnings.warn(
            "PyTorch3D is installed: it stays in charge; R3D_AS_PYTORCH3D=force puts r3d in its place",
            stacklevel=3,
        )
    else:
        sys.meta_path.insert(0, Finder())


def main(arguments: list[str]) -> int:
    """Run a script or, after ``-m``, a module as Python would, with r3d in the place of PyTorch3D."""
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments and not arguments[0].startswith("-"):
        if not os.path.isfile(arguments[0]):
            print(f"r3d: error: {arguments[0]}: no such file", file=sys.stderr)
            return 2
        sys.argv = arguments
        if not getattr(sys.flags, "safe_path", False):
            sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
        _run_script(os.path.abspath(arguments[0]))
    else:
        print("usage: python -m r3d_cli.as_pytorch3d (script.py | -m module) [arguments]", file=sys.stderr)
        return 2
    return 0


def _run_script(path: str) -> None:
    # runpy.run_path takes its __main__ away when the script ends, before its threads and exit handlers do.
    script = ModuleType("__main__")
    script.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = script
    with open_code(path) as source:
        exec(compile(source.read(), path, "exec", dont_inherit=True), script.__dict__)


if __name__ == "__main__":
    from r3d_cli import as_pytorch3d  # this module under its own name, so that its classes exist once

    sys.exit(as_pytorch3d.main(sys.argv[1:]))
else:
    install()
