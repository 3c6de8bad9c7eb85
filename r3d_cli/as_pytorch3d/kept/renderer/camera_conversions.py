"""The conversions of ``pytorch3d.utils``, under the names of the module that holds them there."""

from r3d_cli.utils import (
    cameras_from_opencv_projection as _cameras_from_opencv_projection,
)
from r3d_cli.utils import (
    opencv_from_cameras_projection as _opencv_from_cameras_projection,
)
from r3d_cli.utils import (
    pulsar_from_cameras_projection as _pulsar_from_cameras_projection,
)
from r3d_cli.utils import (
    pulsar_from_opencv_projection as _pulsar_from_opencv_projection,
)

__all__ = [
    "_cameras_from_opencv_projection",
    "_opencv_from_cameras_projection",
    "_pulsar_from_cameras_projection",
    "_pulsar_from_opencv_projection",
]
