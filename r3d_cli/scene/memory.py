"""How much memory this process can still have."""

from __future__ import annotations

import math
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


def available_memory(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> float:
    """Bytes that the machine has left, or less where a control group (a container, a batch job) allows less;
    infinite where the system does not say.

    Args:
        proc: Where the kernel tells of processes and of memory.
        cgroups: Where the control groups are mounted, of either version.

    Example:
        >>> available_memory() > 0
        True
    """
    left = [_free(proc / "meminfo")]
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            left += _left(cgroups, group, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            left += _left(cgroups / "memory", group, *names)
    return max(min(left), 0.0)


def _free(meminfo: Path) -> float:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return math.inf


def _left(mount: Path, group: str, limit: str, usage: str, cache: str) -> list[float]:
    """What a group and those around it still allow. In a container, its own folder is the mount."""
    folder = mount / group.strip("/")
    if not folder.is_dir():
        folder = mount
    left = []
    for place in (folder, *folder.parents):
        if place != mount and mount not in place.parents:
            break
        try:
            allowed, used = (int((place / name).read_text()) for name in (limit, usage))
        except (OSError, ValueError):  # no such file, or "max"
            continue
        left.append(float(allowed - max(used - _reclaimable(place / "memory.stat", cache), 0)))
    return left


def _reclaimable(stat: Path, cache: str) -> int:
    """Bytes of files that the kernel drops at need."""
    try:
        for line in stat.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == cache:
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
