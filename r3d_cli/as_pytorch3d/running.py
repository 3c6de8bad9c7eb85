"""Programs run with r3d in the place of PyTorch3D, as ``python script.py`` and ``python -m module`` would."""

from __future__ import annotations

import builtins
import os
import runpy
import sys
from io import open_code
from types import ModuleType

from r3d_cli.as_pytorch3d.place import put_in_place, take_away
from r3d_cli.errors import R3dError

USAGE = """\
usage: python -m r3d_cli.as_pytorch3d (script.py | -m module) [arguments]
       python -m r3d_cli.as_pytorch3d (--install | --uninstall)"""


def main(arguments: list[str]) -> int:
    """Run a script or, after ``-m``, a module; or put the package ``pytorch3d`` into this environment."""
    if arguments[:1] == ["-m"] and len(arguments) > 1:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    if arguments in (["--install"], ["--uninstall"]):
        try:
            print(put_in_place() if arguments == ["--install"] else take_away())
        except R3dError as error:
            return _fail(str(error), 1)
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    if not os.path.isfile(arguments[0]):
        return _fail(f"{arguments[0]}: no such file", 2)
    sys.argv = arguments
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
    _run_script(os.path.abspath(arguments[0]))
    return 0


def _run_script(path: str) -> None:
    # runpy.run_path takes its __main__ away when the script ends, before its threads and exit handlers do.
    script = ModuleType("__main__")
    script.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = script
    with open_code(path) as source:
        exec(compile(source.read(), path, "exec", dont_inherit=True), script.__dict__)


def _fail(what: str, status: int) -> int:
    print(f"r3d: error: {what}", file=sys.stderr)
    return status
