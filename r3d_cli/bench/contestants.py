"""Who takes part: r3d and its peers, each found where it is installed.

A peer is a Python file, ``bench/peers/<peer>.py`` or one of the user's own (``--against my_peer.py``). It may
define ``NAME`` (else the file's), ``INSTALL`` (how to get it), ``REQUIRES`` (a module that must be there) or
``EXECUTABLE`` (a program on the PATH), ``DEVICES`` (``("cpu",)`` or ``("cuda",)``, else both), and for each
suite that it takes part in a function of the suite's name with underscores::

    NAME = "mine"
    REQUIRES, INSTALL = "my_package", "pip install my_package"

    def rasterize_meshes(inputs):  # what ``inputs`` holds: cases/rasterize_meshes.py
        import my_package

        def call():  # this is timed, again and again
            return my_package.rasterize(inputs.verts, inputs.faces, inputs.image_size)

        return call  # or Prepared(call, result), which turns the value into the suite's own form

The function raises ``Unsupported`` for a case that the peer does not do. What it does before it returns (a
search structure, rays) is not timed, and counts as memory.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from r3d_cli.bench.suite import Prepared, Suite
from r3d_cli.errors import R3dError
from r3d_cli.extras import as_run_here

OURS = "r3d"


@dataclass(frozen=True)
class Contestant:
    """r3d, or a peer's file."""

    source: str  # "r3d", a module of bench.peers, or the path of a file

    @property
    def name(self) -> str:
        if self.source == OURS:
            return OURS
        return getattr(load_peer(self.source), "NAME", Path(self.source).stem.replace("_", "-"))

    @property
    def install(self) -> str:
        return as_run_here(getattr(load_peer(self.source), "INSTALL", "")) if self.source != OURS else ""

    @property
    def missing(self) -> str:
        """What is not installed and how to install it; "" where nothing is missing."""
        if self.source == OURS:
            return ""
        peer = load_peer(self.source)
        module, program = getattr(peer, "REQUIRES", None), getattr(peer, "EXECUTABLE", None)
        if module and not _is_importable(module):
            return self.install or f"needs the Python module {module}"
        if program and shutil.which(program) is None:
            return self.install or f"needs the program {program}"
        return ""

    def takes_part(self, suite: Suite, device: str) -> bool:
        """Whether it has anything for the suite, installed or not."""
        if self.source == OURS:
            return True
        peer, kind = load_peer(self.source), device.partition(":")[0]
        return hasattr(peer, _function(suite)) and kind in getattr(peer, "DEVICES", (kind,))

    def prepare(self, suite: Suite, inputs: Any) -> Prepared:
        """Ready to be timed.

        Raises:
            Unsupported: It does not do this case.
        """
        function = suite.ours if self.source == OURS else getattr(load_peer(self.source), _function(suite))
        ready = function(inputs)
        return ready if isinstance(ready, Prepared) else Prepared(ready)


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _function(suite: Suite) -> str:
    return suite.name.replace("-", "_")


def peer_stems() -> list[str]:
    """The modules of ``bench.peers``."""
    return sorted(path.stem for path in _folder().glob("*.py") if path.stem != "__init__")


def _folder() -> Path:
    return Path(__file__).parent / "peers"


@cache
def load_peer(source: str) -> ModuleType:
    """A peer by its name or its file.

    Raises:
        R3dError: There is no such peer, or its file does not load; one line.
    """
    stem = source.replace("-", "_")
    if stem in peer_stems():
        return importlib.import_module(f"r3d_cli.bench.peers.{stem}")
    path = Path(source)
    if path.suffix != ".py":
        names = ", ".join(stem.replace("_", "-") for stem in peer_stems())
        raise R3dError(f"there is no peer {source!r}; name one of {names}, or a Python file that defines one")
    if not path.is_file():
        raise R3dError(f"{source}: no such file for --against")
    spec = importlib.util.spec_from_file_location(f"r3d_peer_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise R3dError(f"{source}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else _line_in(error, path)
        place = f"{source}:{line}" if line else source
        raise R3dError(f"{place}: does not load as a peer: {type(error).__name__}: {error}") from error
    return module


def _line_in(error: BaseException, path: Path) -> int | None:
    """The last line of ``path`` that the error passed through."""
    line, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path.resolve()) or (
            trace.tb_frame.f_code.co_filename == str(path)
        ):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
