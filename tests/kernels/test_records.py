"""Records: read from C++, packed as C++ lays them out, refused where a value does not fit."""

from __future__ import annotations

import ctypes
import re
import struct
from typing import Any

import numpy as np
import pytest

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.launch import LaunchError
from r3d_cli.backend.packing import Packer
from r3d_cli.backend.records import RecordError, find_record, parse_shape, static_asserts
from r3d_cli.backend.run import Run

SOURCE = """
struct Plain {
  bool flag;
  const u8* codes;  // (N, 4)
};

template <class Real>
struct Inner {
  bool first;
  Real second;
};

// About Outer.
template <class Real>
struct Outer {
  const Real* rows;    // (N, C) values
  const i32* starts;   // (N + 1,), or null
  i64* out = nullptr;  // (3N,), or null
  i32 count, width;    // N, C: counts
  Inner<Real> settings;
  Real scale;
};
"""


def outer(real: str = "float32") -> Any:
    record = find_record([SOURCE], "Outer<Real>", real)
    assert record is not None
    return record


@pytest.mark.parametrize(("real", "letter"), [("float32", "f"), ("float64", "d")])
def test_fields_lie_where_c_lays_them(real: str, letter: str) -> None:
    record = outer(real)
    scalar = {"f": ctypes.c_float, "d": ctypes.c_double}[letter]

    class Inner(ctypes.Structure):
        _fields_ = [("first", ctypes.c_bool), ("second", scalar)]

    class Outer(ctypes.Structure):
        _fields_ = [
            *((name, ctypes.c_void_p) for name in ("rows", "starts", "out")),
            *((name, ctypes.c_int32) for name in ("count", "width")),
            ("settings", Inner),
            ("scale", scalar),
        ]

    assert record.size == ctypes.sizeof(Outer) == struct.calcsize(record.format)
    inner = {"first": Inner.first.offset, "second": Inner.second.offset}
    want = [
        Outer.settings.offset + inner[field.name]
        if field.name in inner
        else getattr(Outer, field.name).offset
        for field in record.fields
    ]
    assert [field.offset for field in record.fields] == want
    assert record.nested == {"settings": ("first", "second")}
    packed = (ctypes.c_char * record.size)()
    struct.pack_into(record.format, packed, 0, 1, 2, 3, 4, 5, True, 0.5, 0.25)
    found = Outer.from_buffer(packed)
    assert (found.rows, found.starts, found.out, found.count, found.width) == (1, 2, 3, 4, 5)
    assert (found.settings.first, found.settings.second, found.scale) == (True, 0.5, 0.25)


def test_shapes_are_read_from_comments() -> None:
    assert parse_shape("(N + 1, 3F, C, 2) of all") == (("N", 1, 1), ("F", 3, 0), ("C", 1, 0), (None, 1, 2))
    assert parse_shape("(>= P J,) at least") is None
    assert parse_shape("rows of (N, 3)") is None
    fields = {field.name: field for field in outer().fields}
    assert fields["starts"].optional
    assert not fields["rows"].optional
    assert (fields["count"].side, fields["width"].side) == (("N", 1, 0), ("C", 1, 0))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("std::string name;", "name has no known type: 'std::string'"),
        ("Missing<Real> part;", "part has no known type"),
        ("i64 size() const;", "a line that is no field: 'i64 size() const;'"),
        ("i64 a, a;", "two fields are called a"),
        ("i64 values[3];", "a line that is no field"),
    ],
)
def test_what_is_no_record_is_refused(line: str, message: str) -> None:
    with pytest.raises(RecordError, match=re.escape(message)):
        find_record([f"template <class Real>\nstruct Bad {{\n  {line}\n}};"], "Bad<Real>", "float32")
    assert find_record([SOURCE], "Plain<Real>", "float32") is None  # not a template
    assert find_record([SOURCE], "Outer", "float32") is None
    assert find_record([SOURCE], "Nowhere", "float32") is None


class Door:
    def __init__(self) -> None:
        self.packer = Packer("f", outer(), ("cpu", 0))
        self.good = {
            "rows": np.zeros((4, 2), np.float32),
            "starts": np.zeros(5, np.int32),
            "scale": 0.5,
            "first": True,
            "second": 1.5,
        }

    def values(self, **changes: Any) -> list[Any]:
        given = {**self.good, **changes}
        return self.packer.values({name: value for name, value in given.items() if value is not ...}, {})


def test_sizes_are_filled_in() -> None:
    door = Door()
    assert door.values()[2:] == [0, 4, 2, True, 1.5, 0.5]
    assert door.values(starts=None, count=4)[1:5] == [0, 0, 4, 2]
    whole = {"settings": {"first": False, "second": np.float64(2)}, "first": ..., "second": ...}
    assert door.values(**whole)[5:7] == [False, 2.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": ...}, "f: rows is missing"),
        ({"rows": None}, "f: rows must be an array, got None"),
        ({"rows": np.zeros((4, 2))}, "f: rows must be float32, got float64"),
        ({"rows": np.zeros((2, 4), np.float32).T}, "f: rows must be C-contiguous"),
        ({"rows": np.zeros(4, np.float32)}, "f: rows must have shape (N, C), got (4,)"),
        ({"starts": np.zeros(4, np.int32)}, "f: starts must have shape (N + 1,) with N = 4, got (4,)"),
        ({"out": np.zeros(13, np.int64)}, "f: out must have shape (3N,) with N = 4, got (13,)"),
        ({"count": 3}, "f: count must be N with N = 4, got 3"),
        ({"scale": ...}, "f: scale is missing"),
        ({"scale": "1"}, "f: scale must be float32, got str"),
        ({"first": 1}, "f: first must be bool, got int"),
        ({"speed": 1}, "f takes no speed; it takes count, first, out"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchError, match=re.escape(message)) as error:
        Door().values(**changes)
    assert "\n" not in str(error.value)


def test_a_size_that_nothing_tells() -> None:
    record = find_record(["struct Sized {\n  i64 count;  // N\n};"], "Sized", "float32")
    assert record is not None
    packer = Packer("f", record, ("cpu", 0))
    assert packer.values({"count": 7}, {}) == [7]
    with pytest.raises(LaunchError, match="f: count is missing: no array says what N is"):
        packer.values({}, {})


KERNEL = """
#include "math/kernel.h"
namespace r3d {
template <class Real>
struct Sums {
  const Real* rows;  // (N, C)
  Real* out;         // (N,)
  i64 count, width;  // N, C
};
}  // namespace r3d
extern "C" __global__ void sums(const r3d::Sums<R3D_REAL> a, i64* started) {
  if (threadIdx.x == 0) *started = 1;
  if (threadIdx.x >= a.count) return;
  a.out[threadIdx.x] = 0;
  for (i64 c = 0; c < a.width; ++c) a.out[threadIdx.x] += a.rows[threadIdx.x * a.width + c];
}
"""


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_a_kernel_takes_a_record(real: str) -> None:
    rows, out = np.arange(6.0).reshape(2, 3).astype(real), np.empty(2, real)
    started = np.zeros(1, np.int64)
    kernels = Emulation(texts={"scan": KERNEL}).kernels("scan", real)
    kernels.launch("sums", 1, {"rows": rows, "out": out}, started, block=2)
    assert (out.tolist(), started.tolist()) == ([3, 12], [1])
    with pytest.raises(LaunchError, match=re.escape("sums: out must have shape (N,) with N = 2, got (3,)")):
        kernels.launch("sums", 1, {"rows": rows, "out": np.empty(3, real)}, started)


def test_a_layout_that_python_misreads_does_not_compile() -> None:
    good = find_record([KERNEL], "Sums<Real>", "float32")
    assert good is not None
    asserts = static_asserts("r3d::Sums<R3D_REAL>", good, good, "R3D_REAL")
    assert asserts.count("static_assert") == 5
    wrong = KERNEL + asserts.replace("== 24", "== 16")
    assert wrong != KERNEL + asserts
    with pytest.raises(RuntimeError, match="Sums<R3D_REAL>: width lies elsewhere"):
        Emulation(texts={"scan": wrong}).kernels("scan", "float32")


def test_a_schedule_refuses_what_does_not_fit() -> None:
    run = Run("weighted_rows", np.zeros((3, 2)))
    given = {"rows": np.zeros((3, 2)), "ids": np.zeros((1, 2), np.int64), "sums": np.zeros((1, 2))}
    with pytest.raises(
        LaunchError, match=re.escape("weights must have shape (P, J) with P = 1, J = 2, got (1, 3)")
    ):
        run.schedule("weighted_rows_fwd", **given, weights=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="no CPU schedule is called weighted_rows for float64"):
        run.schedule("weighted_rows", **given)
