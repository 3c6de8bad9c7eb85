"""r3d: operators, ragged batches and a renderer for 3D deep learning, with one command, ``r3d``."""

from r3d_cli.constants import VERSION as __version__

__all__ = ["__version__"]
