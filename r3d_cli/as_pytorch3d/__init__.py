"""Runs code written for PyTorch3D, unchanged: ``import pytorch3d`` and its submodules resolve to r3d.

Import this module first, or start the program through it::

    import r3d_cli.as_pytorch3d
    from pytorch3d.structures import Meshes        # r3d_cli.structures.Meshes

    python -m r3d_cli.as_pytorch3d script.py --its arguments
    python -m r3d_cli.as_pytorch3d -m package.module --its arguments

Processes that such a program starts (torchrun, ``torch.multiprocessing.spawn``, subprocesses of Python) know
nothing of that. For them and for everything else in an environment there is a package ``pytorch3d`` of a few
lines, which costs nothing until it is imported::

    python -m r3d_cli.as_pytorch3d --install
    python -m r3d_cli.as_pytorch3d --uninstall

Names are looked up in r3d when they are first used. One that r3d lacks raises an ImportError (as an
attribute, an AttributeError) that says so and what is near. Where PyTorch3D is installed it stays in charge
and a warning says so; ``R3D_AS_PYTORCH3D=force`` in the environment puts r3d in its place.

Example:
    >>> import r3d_cli.as_pytorch3d
    >>> import pytorch3d
    >>> pytorch3d.__version__
    '0.7.9'
"""

from __future__ import annotations

import os
import sys
import warnings

from r3d_cli.as_pytorch3d.mirror import Finder
from r3d_cli.as_pytorch3d.paths import NAME
from r3d_cli.as_pytorch3d.place import find_real, is_ours


def install() -> None:
    """Put r3d in the place of PyTorch3D, unless that is here already. Done when this module is imported."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    forced = os.environ.get("R3D_AS_PYTORCH3D") == "force"
    imported = sys.modules.get(NAME)
    if imported is not None and not is_ours(imported):
        warnings.warn("PyTorch3D is imported already: it stays, r3d does not take its place", stacklevel=3)
    elif not forced and find_real():
        warnings.warn(
            "PyTorch3D is installed: it stays in charge; R3D_AS_PYTORCH3D=force puts r3d in its place",
            stacklevel=3,
        )
    else:
        sys.meta_path.insert(0, Finder())


install()
