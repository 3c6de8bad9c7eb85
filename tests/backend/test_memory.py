"""Memory that dead arrays leave behind."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import torch

from r3d_cli.backend.arrays import NumpyArrays
from r3d_cli.backend.memory import BlockCache, empty_bytes
from r3d_cli.constants import SMALLEST_KEPT

MEGABYTE = 2**20


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_of_a_dead_array_is_used_again() -> None:
    cache = BlockCache(10 * MEGABYTE)
    first = cache.array(4 * MEGABYTE)
    place = address(first)
    assert cache.kept_bytes == 0
    del first
    assert cache.kept_bytes == 4 * MEGABYTE
    second = cache.array(4 * MEGABYTE - 100)  # a little smaller fits too
    assert address(second) == place
    assert second.shape == (4 * MEGABYTE - 100,)
    assert second.flags.writeable
    assert cache.kept_bytes == 0


@pytest.mark.parametrize("size", [5 * MEGABYTE, 3 * MEGABYTE])
def test_other_sizes_do_not_fit(size: int) -> None:
    cache = BlockCache(10 * MEGABYTE)
    del_me = cache.array(4 * MEGABYTE)
    del del_me
    kept = cache.array(size)
    assert len(kept) == size
    assert cache.kept_bytes == 4 * MEGABYTE


@pytest.mark.parametrize(
    "view",
    [
        lambda array: array[100:200].view(np.float32).reshape(5, 5)[1:],
        lambda array: torch.from_numpy(array.view(np.float32))[3:].reshape(-1)[5:9],
        lambda array: memoryview(array)[7:],
    ],
    ids=["numpy", "torch", "buffer"],
)
def test_memory_is_not_used_again_while_a_view_of_it_lives(view: object) -> None:
    assert callable(view)
    cache = BlockCache(10 * MEGABYTE)
    array = cache.array(2 * MEGABYTE)
    place = address(array)
    part = view(array)
    del array
    gc.collect()
    assert cache.kept_bytes == 0
    assert address(cache.array(2 * MEGABYTE)) != place
    del part
    gc.collect()
    assert cache.kept_bytes > 0


def test_no_more_is_kept_than_the_limit() -> None:
    cache = BlockCache(5 * MEGABYTE)
    arrays = [cache.array((i + 1) * MEGABYTE) for i in range(4)]
    arrays.append(cache.array(6 * MEGABYTE))
    while arrays:
        del arrays[0]
        assert cache.kept_bytes <= 5 * MEGABYTE
    assert cache.kept_bytes == 4 * MEGABYTE  # of those that died, the last that fits


def test_small_arrays_are_not_kept() -> None:
    assert empty_bytes(SMALLEST_KEPT - 1).base is None
    assert NumpyArrays().empty((10, 3), "float32").base is None


def test_outputs_are_aligned_and_of_the_asked_shape() -> None:
    array = NumpyArrays().empty((MEGABYTE, 3), "float64")
    assert array.shape == (MEGABYTE, 3)
    assert array.dtype == np.float64
    assert address(array) % 16 == 0


def test_threads_share_it() -> None:
    """Each writes its own number into an array and finds it there afterwards."""
    cache = BlockCache(64 * MEGABYTE)
    spoiled = []

    def work(number: int) -> None:
        for _ in range(200):
            array = cache.array(MEGABYTE)
            array[::4096] = number
            if (array[::4096] != number).any():
                spoiled.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not spoiled
