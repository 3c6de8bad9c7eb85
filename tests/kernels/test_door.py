"""The launch door refuses what does not fit the kernel, and passes on exactly what does."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.launch import Kernels, LaunchError, blocks_for
from r3d_cli.backend.signatures import parse_kernels

SOURCE = """
extern "C" __global__ void __launch_bounds__(128) scale(
    const float* in,  // (n,)
    float* out,       // (n,)
    i64* marks,       // (n,), or null
    i64 n, int row, u8 small, bool flag, float factor, double bias) {}
"""

TYPES = (
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_int64,
    ctypes.c_int32,
    ctypes.c_uint8,
    ctypes.c_bool,
    ctypes.c_float,
    ctypes.c_double,
)


class Recorder:
    """Stands for a device: reads the arguments back as a kernel would."""

    def __init__(self, place: tuple[str, int] = ("cpu", 0)) -> None:
        self.place = place
        self.started: list[Any] = []

    def start(self, name: str, grid: Any, block: Any, parameters: int, stream: int) -> None:
        pointers = (ctypes.c_void_p * len(TYPES)).from_address(parameters)
        values = [kind.from_address(at).value for kind, at in zip(TYPES, pointers, strict=True)]
        self.started.append((name, grid, block, stream, values))


class Door:
    def __init__(self, place: tuple[str, int] = ("cpu", 0)) -> None:
        self.device = Recorder(place)
        self.kernels = Kernels(parse_kernels(SOURCE, "float32"), self.device)
        self.array = np.zeros(8, np.float32)
        self.good: dict[str, Any] = {
            "in": self.array,
            "out": self.array,
            "marks": None,
            "n": 8,
            "row": 1,
            "small": 2,
            "flag": True,
            "factor": 0.5,
            "bias": 0.25,
        }

    def launch(self, grid: Any = 1, block: Any = None, **changes: Any) -> None:
        self.kernels.launch("scale", grid, *{**self.good, **changes}.values(), block=block, stream=7)


@pytest.fixture
def door() -> Door:
    return Door()


def test_arguments_arrive(door: Door) -> None:
    marks = np.zeros(8, np.int64)
    door.launch((3, 2), marks=marks, n=2**40, row=-5, small=255, flag=False, factor=1 / 3, bias=1 / 3)
    address = door.array.ctypes.data
    assert door.device.started == [
        (
            "scale",
            (3, 2, 1),
            (128, 1, 1),
            7,
            [address, address, marks.ctypes.data, 2**40, -5, 255, False, float(np.float32(1 / 3)), 1 / 3],
        )
    ]


def test_numbers_are_cast_exactly(door: Door) -> None:
    door.launch(n=np.int32(3), row=np.int64(4), flag=np.bool_(True), factor=np.float64(np.inf), bias=5)
    assert door.device.started[0][4][3:] == [3, 4, 2, True, np.inf, 5.0]
    door.launch(block=(32, 2))
    assert door.device.started[1][2] == (32, 2, 1)


def test_nothing_to_do_starts_nothing(door: Door) -> None:
    door.launch(0)
    door.launch((4, 0))
    assert door.device.started == []
    assert blocks_for(0) == 0
    assert [blocks_for(n) for n in (1, 256, 257)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in": np.zeros(8)}, "scale: in must be float32, got float64"),
        ({"out": np.zeros(8, np.int32)}, "scale: out must be float32, got int32"),
        ({"out": np.zeros(8, np.float32)[::2]}, "scale: out must be C-contiguous; make a contiguous copy"),
        ({"out": np.zeros((4, 4), np.float32).T[:2]}, "scale: out must be C-contiguous"),
        ({"out": None}, "scale: out must be an array, got None"),
        ({"in": 3.0}, "scale: in must be a NumPy, CuPy or PyTorch array, got float"),
        ({"in": [1.0]}, "scale: in must be a NumPy, CuPy or PyTorch array, got list"),
        ({"n": 2.0}, "scale: n must be int64, got float"),
        ({"n": np.zeros(1, np.int64)}, "scale: n must be int64, got ndarray"),
        ({"n": True}, "scale: n must be int64, got bool"),
        ({"n": 2**63}, "scale: n = 9223372036854775808 does not fit int64"),
        ({"row": 2**31}, "scale: row = 2147483648 does not fit int32"),
        ({"small": -1}, "scale: small = -1 does not fit uint8"),
        ({"flag": 1}, "scale: flag must be bool, got int"),
        ({"factor": 1e39}, "scale: factor = 1e+39 does not fit float32"),
        ({"factor": "1"}, "scale: factor must be float32, got str"),
        ({"bias": None}, "scale: bias must be float64, got NoneType"),
        ({"grid": 2**31}, "scale: grid must be one to three numbers up to"),
        ({"grid": (1, 70000)}, "scale: grid must be one to three numbers up to"),
        ({"grid": (1, 1, 1, 1)}, "scale: grid must be one to three numbers up to"),
        ({"grid": -1}, "scale: grid must be one to three numbers up to"),
        ({"grid": 1.5}, "scale: grid must be one to three numbers up to"),
        ({"block": 256}, "scale: block must be one to three numbers up to"),
        ({"block": (64, 4)}, "scale runs with 1..128 threads a block, got (64, 4)"),
    ],
)
def test_refusals(door: Door, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(message)) as error:
        door.launch(**changes)
    assert "\n" not in str(error.value)
    assert door.device.started == []


def test_names_and_counts(door: Door) -> None:
    with pytest.raises(LaunchError, match="there is no kernel shrink; this file has scale"):
        door.kernels.launch("shrink", 1)
    with pytest.raises(LaunchError, match=r"scale takes 9 arguments \(in, out, .*bias\), got 2"):
        door.kernels.launch("scale", 1, door.array, door.array)


def test_another_device_is_refused() -> None:
    with pytest.raises(LaunchError, match="scale: in is on the CPU, not on cuda:1"):
        Door(("cuda", 1)).launch()


def test_torch_tensors_pass(door: Door) -> None:
    """Told apart by what they offer: the door never imports torch itself (tests/test_layers.py)."""
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(8)
    door.launch(**{"in": tensor, "out": tensor})
    assert door.device.started[0][4][0] == tensor.data_ptr()
    for bad, message in (
        (tensor.double(), "must be float32, got float64"),
        (tensor.bfloat16(), "must be float32, got torch.bfloat16"),
        (torch.zeros(4, 4).T, "must be C-contiguous"),
        (torch.zeros(8, device="meta"), "is on meta:0, not on the CPU"),
    ):
        with pytest.raises(LaunchError, match=f"scale: in {message}"):
            door.launch(**{"in": bad})
