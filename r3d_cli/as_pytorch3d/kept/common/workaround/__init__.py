"""Linear algebra of 3 x 3 matrices."""

from r3d_cli.as_pytorch3d.kept.common.workaround.symeig3x3 import symeig3x3
from r3d_cli.as_pytorch3d.kept.common.workaround.utils import _safe_det_3x3

__all__ = ["_safe_det_3x3", "symeig3x3"]
