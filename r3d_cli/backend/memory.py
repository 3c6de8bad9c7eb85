"""Large arrays on the host, from memory that earlier ones left behind.

Fresh memory costs a page fault for each of its pages, which for the outputs of a fast kernel is more than
the kernel's own time; an optimisation loop asks for the same sizes again and again. So blocks whose arrays
died are kept, up to a limit, and handed out again. The contents of a new array are undefined, as those of
``np.empty``.
"""

from __future__ import annotations

import threading
import weakref

import numpy as np

from r3d_cli.constants import KEPT_MEMORY, SMALLEST_KEPT


class BlockCache:
    """Blocks of memory that outlive the arrays in them.

    Args:
        limit: Bytes that are kept at most while no array uses them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._idle: list[np.ndarray] = []  # the one that died last at the end
        self._in_use: dict[int, weakref.ref[np.ndarray]] = {}

    @property
    def kept_bytes(self) -> int:
        return sum(block.nbytes for block in self._idle)

    def array(self, nbytes: int) -> np.ndarray:  # (nbytes,) uint8
        """An array of undefined contents."""
        block = self._take(nbytes)
        if block is None:
            block = np.empty(nbytes, np.uint8)
        # Views of an array refer to the array that owns its memory, but not past a memoryview: so `array`
        # dies after the last view of it, and with it ends the use of the block.
        array = np.frombuffer(block.data, np.uint8)
        key = id(array)

        def put_back(_: weakref.ref[np.ndarray]) -> None:
            self._in_use.pop(key, None)
            self._put(block)

        self._in_use[key] = weakref.ref(array, put_back)
        return array[:nbytes]

    def _take(self, nbytes: int) -> np.ndarray | None:
        """The idle block that fits best, and wastes at most a quarter."""
        with self._lock:
            fits = [i for i, block in enumerate(self._idle) if nbytes <= block.nbytes <= nbytes + nbytes // 4]
            return self._idle.pop(min(fits, key=lambda i: self._idle[i].nbytes)) if fits else None

    def _put(self, block: np.ndarray) -> None:
        # Arrays die anywhere, perhaps while this thread holds the lock: then the block is just freed.
        if block.nbytes > self.limit or not self._lock.acquire(blocking=False):
            return
        try:
            self._idle.append(block)
            while self.kept_bytes > self.limit:
                del self._idle[0]
        finally:
            self._lock.release()


_CACHE = BlockCache(KEPT_MEMORY)


def empty_bytes(nbytes: int) -> np.ndarray:  # (nbytes,) uint8
    """Memory of undefined contents; large pieces come from what is kept."""
    return _CACHE.array(nbytes) if nbytes >= SMALLEST_KEPT else np.empty(nbytes, np.uint8)
