"""Ready-made meshes and conversions of cameras."""

from r3d_cli.utils.checkerboard import checkerboard
from r3d_cli.utils.ico_sphere import ico_sphere
from r3d_cli.utils.torus import torus

__all__ = ["checkerboard", "ico_sphere", "torus"]
