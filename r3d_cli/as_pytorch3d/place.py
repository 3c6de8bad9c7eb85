"""The package ``pytorch3d`` of a few lines that stands for r3d in an environment; and where PyTorch3D is."""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

from r3d_cli.as_pytorch3d.mirror import Finder
from r3d_cli.as_pytorch3d.paths import NAME
from r3d_cli.errors import R3dError

COMMAND = "python -m r3d_cli.as_pytorch3d"

_MARK = f"# r3d stands here in the place of PyTorch3D; `{COMMAND} --uninstall` takes this folder away."

_PACKAGE = f"""{_MARK}
try:
    from r3d_cli.as_pytorch3d.place import take_over
except ModuleNotFoundError as error:
    raise ImportError(
        f"r3d, which stands for PyTorch3D here, is not installed ({{error}}); delete {{__path__[0]}}"
    ) from None
take_over(__name__)
"""


def find_real() -> str | None:
    """The file of an installed PyTorch3D, or of something else of its name; None: there is none."""
    for finder in sys.meta_path:
        if isinstance(finder, Finder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(NAME, None)
        if spec is not None and spec.origin:  # a folder that only has the name has none
            return None if _is_ours(Path(spec.origin)) else spec.origin
    return None


def take_over(name: str) -> None:
    """Called by the package of a few lines while it is imported: r3d's module takes its place."""
    finder = next((finder for finder in sys.meta_path if isinstance(finder, Finder)), None)
    if finder is None:  # importing this package found another PyTorch3D further down the path
        finder = Finder()
        sys.meta_path.insert(0, finder)
    spec = finder.find_spec(name, None)
    assert spec is not None
    module = module_from_spec(spec)
    finder.exec_module(module)
    sys.modules[name] = module  # the import system hands out what stands here in the end


def put_in_place() -> str:
    """Write the package of a few lines into this environment; what was done.

    Raises:
        R3dError: PyTorch3D is installed here, or the folder cannot be written.
    """
    if real := find_real():
        raise R3dError(f"{real}: PyTorch3D is installed here and stays; uninstall it first")
    folder = site_folder() / NAME
    known = _is_ours(folder / "__init__.py")
    if folder.exists() and not known and any(folder.iterdir()):
        raise R3dError(f"{folder}: is there already and not r3d's; delete it first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two steps: a process that starts now finds a whole file or none.
        draft = folder / f"__init__.py.{os.getpid()}"
        draft.write_text(_PACKAGE, encoding="utf-8")
        draft.replace(folder / "__init__.py")
    except OSError as error:
        raise R3dError(
            f"{folder}: cannot be written ({error.strerror}); install r3d into a virtual environment of "
            "your own, or ask this one's owner"
        ) from None
    return f"import pytorch3d is r3d now in {folder.parent}; {COMMAND} --uninstall takes it away"


def take_away() -> str:
    """Delete the package of a few lines from this environment; what was done.

    Raises:
        R3dError: PyTorch3D itself is there, or the folder cannot be written.
    """
    import shutil

    folder = site_folder() / NAME
    if not folder.exists():
        return f"nothing to take away: there is no {folder}"
    if not _is_ours(folder / "__init__.py"):
        raise R3dError(f"{folder}: is not r3d's and stays")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise R3dError(f"{folder}: cannot be deleted ({error.strerror})") from None
    return f"import pytorch3d is r3d no longer: deleted {folder}"


def site_folder() -> Path:
    """The folder of this environment's packages: a virtual environment's own; else that of r3d, since a
    system's Python may have r3d in the user's folder."""
    import sysconfig
    from importlib.metadata import PackageNotFoundError, distribution

    purelib = Path(sysconfig.get_paths()["purelib"])
    if sys.prefix != sys.base_prefix:
        return purelib
    try:
        return Path(str(distribution("r3d-cli").locate_file("")))
    except PackageNotFoundError:
        return purelib


def is_ours(module: ModuleType) -> bool:
    """Whether an imported ``pytorch3d`` is the package of a few lines, about to be taken over."""
    return _is_ours(Path(getattr(module, "__file__", None) or ""))


def _is_ours(file: Path) -> bool:
    try:
        return file.read_text(encoding="utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError):
        return False
