"""How often launchers have called on a device: what a test reads to hold them to a number.

A kernel that starts costs some microseconds. A copy to the host costs more: the host waits until the device
has done all that was asked of it, and the device then waits for the host.
"""

from __future__ import annotations


class Counts:
    """Since the process began; not exact where several threads launch at once.

    Example:
        >>> from r3d_cli.backend.emulation import Emulation
        >>> from r3d_cli.backend.vertex_corners import vertex_corners
        >>> before = COUNTS.copies
        >>> _ = vertex_corners(np.array([[0, 1, 2]]), 3, device=Emulation())
        >>> COUNTS.copies - before
        1
    """

    def __init__(self) -> None:
        self.launches = 0  # kernels started
        self.copies = 0  # copies from the device to the host


COUNTS = Counts()
