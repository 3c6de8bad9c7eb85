"""What r3d's optional parts need, and commands that install it into the environment that r3d runs in.

Every message that tells the user to install something takes its command from here. The commands name the
packages, not r3d's extras: ``pip install '.[exr]'`` works only in the folder of a clone, and
``'r3d-cli[exr]'`` only where an index has r3d, while the packages are everywhere.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys

#: Extra -> what it brings, as pyproject.toml has it; for users, so without those for tests and development.
EXTRAS = {
    "bench": ("matplotlib>=3.8", "embreex>=2.17"),
    "cuda12": ("cupy-cuda12x>=13.4", "nvidia-cuda-nvrtc-cu12"),
    "cuda13": ("cupy-cuda13x>=13.6", "nvidia-cuda-nvrtc"),
    "draco": ("DracoPy>=1.4",),
    "exr": ("OpenEXR>=3.3",),
    "formats": ("pycollada>=0.8",),
    "video": ("imageio[pyav]",),
    "vis": ("plotly>=5.18", "matplotlib>=3.8"),
}

_DISTRIBUTION = "r3d-cli"


def pip_install(*requirements: str, extra: str | None = None, options: str = "") -> str:
    """The command that installs packages where this r3d finds them.

    Args:
        *requirements: Packages, as pip takes them.
        extra: An extra of r3d, whose packages are named too.
        options: Options of pip's.

    Returns:
        ``pip install …`` where the shell's pip is that of r3d's environment, ``…/python -m pip install …``
        where it is not, and what installs without pip where that environment has none.

    Example:
        >>> pip_install(extra="exr").endswith("pip install 'OpenEXR>=3.3'")
        True
        >>> pip_install("lxml", "networkx").endswith("pip install lxml networkx")
        True
    """
    return _pip("install", options, (*(EXTRAS[extra] if extra else ()), *requirements))


def as_run_here(command: str) -> str:
    """A command that begins with ``pip install``, for the environment that r3d runs in; any other as it is.

    Example:
        >>> as_run_here("pip install open3d-cpu") == pip_install("open3d-cpu")
        True
    """
    head = "pip install "
    return f"{_program('install')} {command[len(head) :]}" if command.startswith(head) else command


def pip_uninstall(*packages: str) -> str:
    """The command that takes packages out of the environment that r3d runs in."""
    return _pip("uninstall", "", packages)


def pip_reinstall() -> str:
    """The command that installs this r3d anew from where it came, its dependencies left as they are."""
    return _pip("install", "--force-reinstall --no-deps", _origin())


def _pip(action: str, options: str, what: tuple[str, ...]) -> str:
    words = [_program(action), *([options] if options else []), *map(shlex.quote, what)]
    return " ".join(words)


def _program(action: str) -> str:
    from importlib.util import find_spec

    if not sys.executable:  # embedded in another program
        return f"pip {action}"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is None:
        if shutil.which("uv"):
            return f"uv pip {action} --python {python}"
        return f"{python} -m ensurepip && {python} -m pip {action}"
    pip = shutil.which("pip")
    if pip and os.path.dirname(pip) == os.path.dirname(sys.executable):
        return f"pip {action}"
    return f"{python} -m pip {action}"


def _origin() -> tuple[str, ...]:
    """What pip was given when it installed this r3d: PEP 610's direct_url.json; no such file, an index."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    try:
        told = json.loads(distribution(_DISTRIBUTION).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        told = {}
    if not (url := told.get("url")):
        return (_DISTRIBUTION,)
    if vcs := told.get("vcs_info"):
        revision = vcs.get("commit_id") or vcs.get("requested_revision")
        return (f"{vcs['vcs']}+{url}" + (f"@{revision}" if revision else ""),)
    parts = urlsplit(url)
    place = unquote(parts.path) if parts.scheme == "file" else url
    return ("-e", place) if told.get("dir_info", {}).get("editable") else (place,)
