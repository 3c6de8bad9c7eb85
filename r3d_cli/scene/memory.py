"""How much memory there is for what a file would take."""

from __future__ import annotations

import re
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
#: Of a control group, as containers have them: the limit and what is used of it, version 2 and version 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)

#: What is assumed where nothing tells.
_UNKNOWN = 4 * 2**30


def available_memory() -> int:
    """Bytes that this process can still take: of the machine, and of the container that it runs in."""
    sizes = []
    try:
        if found := re.search(r"^MemAvailable:\s*(\d+) kB", _MEMINFO.read_text(), re.MULTILINE):
            sizes.append(1024 * int(found[1]))
    except OSError:
        pass
    for limit, used in _GROUPS:
        try:
            sizes.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return max(min(sizes, default=_UNKNOWN), 0)
