"""Kernel signatures, read from the source."""

from __future__ import annotations

import pytest

from r3d_cli.backend.signatures import SignatureError, parse_kernels

SOURCE = r"""
// extern "C" __global__ void commented(int n) {}
const char* text = "extern \"C\" __global__ void quoted(int n) {}";
#include "math/kernel.h"

extern "C" __global__ void __launch_bounds__(128, 2) first(
    const R3D_REAL* __restrict__ points,  // (P, 3), not the last
    unsigned   long long* keys,           // (P,), or null
    i64 num_points, int side, bool closed, R3D_REAL radius,
    float *const sums) {  /* (P,), or null */
}

extern "C" __global__ void empty() {}
"""


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_reads_types_null_and_bounds(real: str) -> None:
    kernels = parse_kernels(SOURCE, real)
    assert list(kernels) == ["first", "empty"]
    first = kernels["first"]
    assert first.block == 128
    assert kernels["empty"].block == 256
    assert kernels["empty"].parameters == ()
    assert [(p.name, p.ctype, p.dtype.name, p.pointer, p.optional) for p in first.parameters] == [
        ("points", "const R3D_REAL*", real, True, False),
        ("keys", "unsigned long long*", "uint64", True, True),
        ("num_points", "i64", "int64", False, False),
        ("side", "int", "int32", False, False),
        ("closed", "bool", "bool", False, False),
        ("radius", "R3D_REAL", real, False, False),
        ("sums", "float*", "float32", True, True),
    ]


KERNEL = 'extern "C" __global__ void f('


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"\n{KERNEL}size_t n) {{}}", r"f.cu, line 2: f: a parameter of no known type: 'size_t n'"),
        (f"{KERNEL}int* n, ) {{}}", r"line 1: f: a parameter of no known type: ''"),
        (f"{KERNEL}float** p) {{}}", r"f: a parameter of no known type: 'float\*\* p'"),
        (f"{KERNEL}const float& p) {{}}", r"f: a parameter of no known type: 'const float& p'"),
        (f"{KERNEL}int n", r"f: the parameter list does not end"),
        ("__global__ void f(int n) {}", r'line 1: a kernel is declared: extern "C" __global__ void'),
        ('extern "C" __global__ int f(int n) {}', r"a kernel is declared"),
        ("template <class T> __global__ void f(T n) {}", r"a kernel is declared"),
        (f"\n\n  #  if 0\n{KERNEL}int n) {{}}\n#endif", r"line 3: #if 0 would hide"),
        (f"#define K(T) \\\n {KERNEL}T n) {{}}\nK(int)", r"a macro must not make kernels"),
        (f"{KERNEL}int n);\n{KERNEL}int n) {{}}", r"line 2: f is declared twice"),
    ],
)
def test_refuses_what_it_cannot_read(source: str, message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        parse_kernels(source, "float32", "f.cu")
