"""The modules that ``import pytorch3d`` gives: PyTorch3D's paths, r3d's names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from r3d_cli.as_pytorch3d.paths import FUNCTIONS, GROUPS, LEFT_OUT, NAME, NOT_YET, VERSION, paths
from r3d_cli.constants import VERSION as OUR_VERSION

#: Names of PyTorch3D that are not r3d's own, in modules laid out as there.
KEPT = "r3d_cli.as_pytorch3d.kept"


class Mirror(ModuleType):
    """A module of PyTorch3D whose names are r3d's."""

    def __getattr__(self, name: str) -> object:
        if name == "__all__":
            return sorted(public for public in self._names() if not public.startswith("_"))
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        home, path = self._names().get(name), self._path(name)
        if home is None and "." in self._path("").rstrip("."):
            # Modules of PyTorch3D import from its other groups, and client code takes names from there.
            home = _exporter(name)
        if home is None and (path not in paths() or path in FUNCTIONS):
            missing = explain(f"{self.__name__}.{name}")
            # `from pytorch3d.ops import cubify` comes here first. After an AttributeError it would go on to
            # look for a submodule, and hand that out in the place of the function.
            if _asked_by("_handle_fromlist"):
                raise ImportError(missing, name=self.__name__)
            raise AttributeError(missing)
        found = getattr(home, name) if home else import_module(f"{self.__name__}.{name}")
        self.__dict__[name] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        # Importing pytorch3d.ops.cubify must not hide the function pytorch3d.ops.cubify, nor stand for it
        # where r3d lacks it.
        if not (isinstance(value, Mirror) and (self._path(name) in FUNCTIONS or name in self._names())):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        path = self._path("")
        below = {
            other[len(path) :].partition(".")[0] for other in paths() - FUNCTIONS if other.startswith(path)
        }
        return sorted({*self.__dict__, *self._names(), *below} - {""})

    def _path(self, name: str) -> str:
        """The dotted path of something here below ``pytorch3d``."""
        return f"{self.__name__}.{name}"[len(NAME) + 1 :]

    def _names(self) -> dict[str, ModuleType]:
        """The names of r3d that belong here, and where they are; r3d's own come before those kept."""
        path = self._path("").rstrip(".")
        if not path:
            return {}
        group = path.partition(".")[0]
        kept = (_module(f"{KEPT}.{group}"), _module(f"{KEPT}.{path}"))
        names = {name: module for module in kept if module for name in module.__all__}
        own = _module(f"r3d_cli.{path}")
        if own is not None and path not in GROUPS:
            names |= {name: own for name, value in vars(own).items() if _ours(name, value)}
        exporting = _module(f"r3d_cli.{group}")
        return names | {name: exporting for name in getattr(exporting, "__all__", ()) if exporting}


class Finder(MetaPathFinder, Loader):
    """Finds ``pytorch3d`` and all below it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        if fullname != NAME and fullname[len(NAME) + 1 :] not in paths():
            if _asked_by("_find_and_load_unlocked"):  # an import, to which "no module named" says too little
                raise ModuleNotFoundError(explain(fullname), name=fullname)
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Mirror(spec.name, f"r3d in the place of {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == NAME:
            module.__version__ = VERSION  # type: ignore[attr-defined]


def explain(dotted: str) -> str:
    """What to say of a name of PyTorch3D that r3d lacks."""
    parent, _, name = dotted.rpartition(".")
    if any(name in names.split() for names in NOT_YET.values()):
        return f"r3d has no {dotted} yet (this is r3d {OUR_VERSION})"
    reason = next((LEFT_OUT[part] for part in dotted.split(".") if part in LEFT_OUT), None)
    if reason is None:
        mirror = sys.modules.get(parent)
        here = mirror.__dir__() if isinstance(mirror, Mirror) else []
        if homes := [group for group in GROUPS if name in _exports(group)]:
            reason = f"it is in {NAME}.{homes[0]}"
        elif name.startswith("_"):
            reason = "it is internal to PyTorch3D"
        elif near := get_close_matches(name, here, n=3):
            reason = f"near it are {', '.join(near)}"
        else:
            reason = f"{NAME} has {', '.join(GROUPS)}" if parent == NAME else "nothing there is near it"
    return f"r3d has no {dotted}: {reason}"


def _exports(group: str) -> set[str]:
    modules = _module(f"r3d_cli.{group}"), _module(f"{KEPT}.{group}")
    return {name for module in modules for name in getattr(module, "__all__", ())}


def _exporter(name: str) -> ModuleType | None:
    """A group of r3d that exports the name."""
    groups = (_module(f"r3d_cli.{group}") for group in GROUPS)
    return next((group for group in groups if name in getattr(group, "__all__", ())), None)


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


def _asked_by(function: str) -> bool:
    """Whether that function of the import system is what calls the method of a finder or of a module."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == "<frozen importlib._bootstrap>":
        if frame.f_code.co_name == function:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
