"""Kernels that take a decision (edge, depth, pixel centre) take it with the same instructions.

A compiler may contract a product and a sum to one instruction that rounds once, or not, as the code around
them suggests: two kernels then disagree about the last digit, and one counts a face that the other leaves
out. So the products of decisions are ``mul.rn`` in the PTX, which ptxas may not contract either. Lines are
known by the debug information of NVRTC, which needs no GPU.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache

import pytest
from nvrtc import compile_ptx, libraries

from r3d_cli.backend.cuda import compile_options
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.backend.sources import kernel_source, kernels_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not libraries(), reason="NVRTC is not installed"),
]

#: Decision -> header and the functions in which it is taken.
DECISIONS = {
    "centre": ("raster/rasterize_meshes.h", ["pixel_center_at"]),
    "edge": ("math/geometry.h", ["cross2", "edge_function"]),
    "coverage": ("raster/rasterize_meshes.h", ["triangle_edges", "decide_coverage", "cover"]),
    "depth": ("raster/rasterize_meshes.h", ["vertex_weights", "interpolate", "divide_weights"]),
    "distance": ("math/geometry.h", ["nearest_on_segment", "distance2"]),
}
#: Kernels -> what they must have of these, themselves or in functions that they call.
TAKEN = {
    "rasterize_meshes": {
        "rasterize_meshes_fine_few": {"centre", "edge", "coverage", "depth", "distance"},
        "rasterize_meshes_fine_many": {"centre", "edge", "coverage", "depth", "distance"},
        "rasterize_meshes_zbuffer": {"centre", "edge", "coverage", "depth"},
        "rasterize_meshes_zbuffer_large": {"centre", "edge", "coverage", "depth"},
        "rasterize_meshes_resolve": {"centre", "edge", "coverage", "depth", "distance"},
        "rasterize_meshes_bwd": {"centre", "edge", "coverage"},
        "rasterize_meshes_bwd_faces": {"centre", "edge", "coverage"},
    },
    "soft_silhouette": {
        "soft_silhouette_fwd": {"centre", "edge", "coverage", "depth", "distance"},
        "soft_silhouette_fwd_nearest": {"centre", "edge", "coverage", "depth", "distance"},
        "soft_silhouette_bwd": {"centre", "edge", "coverage", "depth", "distance"},
    },
    "soft_phong": {
        "soft_phong_fwd": {"centre", "edge", "coverage", "depth", "distance"},
        "soft_phong_bwd": {"centre", "edge", "coverage", "depth", "distance"},
    },
}
#: What contracts, or has been contracted; a quotient is always rounded by itself.
LOOSE = re.compile(r"(fma|mad)\.|mul\.(ftz\.)?f(32|64)")


def lines_of(header: str, function: str) -> range:
    """The numbers of the lines of a function, one line or up to the brace that closes it."""
    text = (kernels_folder() / header).read_text().splitlines()
    signature = re.compile(rf"\s*R3D_FN(_MEMBER)? .*\b{function}\(")
    first = next(i for i, line in enumerate(text) if signature.match(line))
    last = first
    if not text[first].rstrip().endswith("}"):
        last = next(i for i in range(first, len(text)) if text[i] == "}")
    return range(first + 1, last + 2)


DECISION_OF_LINE = {
    (header, line): decision
    for decision, (header, functions) in DECISIONS.items()
    for function in functions
    for line in lines_of(header, function)
}


ARITHMETIC = re.compile(r"(?:@!?%p\d+ )?((?:fma|mad|mul|add|sub|div|rcp)\.[.\w]*f32)\b")


def instructions(ptx: str) -> tuple[dict[str, dict[tuple[str, int], set[str]]], dict[str, set[str]]]:
    """Arithmetic on floats on the lines of decisions, by function; and the functions that each calls."""
    files = dict(re.findall(r'\.file\s+(\d+) "([^"]+)"', ptx))
    header_of = {n: next((h for h, _ in DECISION_OF_LINE if f.endswith(h)), "") for n, f in files.items()}
    found: dict[str, dict[tuple[str, int], set[str]]] = defaultdict(lambda: defaultdict(set))
    calls: dict[str, set[str]] = defaultdict(set)
    function, place, calling = "", ("", 0), False
    for line in map(str.strip, ptx.splitlines()):
        if name := re.match(r"(?:\.\w+ )*\.(?:entry|func)\s+(?:\([^)]*\)\s*)?(\w+)", line):
            function = name[1]
        elif at := re.match(r"\.loc\s+(\d+) (\d+)", line):
            place = header_of[at[1]], int(at[2])
        elif line.startswith("call"):
            calling = True
        elif calling and (called := re.match(r"\w+", line)):
            calls[function].add(called[0])
            calling = False
        elif place in DECISION_OF_LINE and (code := ARITHMETIC.match(line)):
            found[function][place].add(code[1])
    return found, calls


@cache
def decisions_of(stem: str, source: str | None = None) -> dict[str, dict[tuple[str, int], set[str]]]:
    """Of each kernel the instructions on each line that decides, with those of the functions it calls."""
    options = (*compile_options("float32"), "-arch=compute_80", "-lineinfo")
    ptx = compile_ptx(source or kernel_source(stem), f"{stem}.cu", options, max(libraries()))
    found, calls = instructions(ptx)
    kernels = {}
    for kernel in parse_kernels(kernel_source(stem), "float32"):
        reached, new = set(), {kernel}
        while new:
            reached |= new
            new = {called for function in new for called in calls[function]} - reached
        lines: dict[tuple[str, int], set[str]] = defaultdict(set)
        for function in reached:
            for place, codes in found[function].items():
                lines[place] |= codes
        kernels[kernel] = dict(lines)
    return kernels


@pytest.mark.parametrize("stem", TAKEN)
def test_products_of_decisions_are_never_contracted(stem: str) -> None:
    loose = {
        f"{kernel}, {header}:{line}: {code}"
        for kernel, lines in decisions_of(stem).items()
        for (header, line), codes in lines.items()
        for code in codes
        if LOOSE.match(code)
    }
    assert not loose, loose


def test_every_kernel_decides_with_the_same_instructions() -> None:
    ways: dict[tuple[str, int], dict[frozenset[str], str]] = defaultdict(dict)
    for stem in TAKEN:
        for kernel, lines in decisions_of(stem).items():
            for place, codes in lines.items():
                ways[place][frozenset(codes)] = kernel
    assert {place: found for place, found in ways.items() if len(found) > 1} == {}


@pytest.mark.parametrize("stem", TAKEN)
def test_kernels_take_their_decisions_where_they_are_written(stem: str) -> None:
    """A kernel with an expression of its own would lack the lines of the shared one."""
    for kernel, lines in decisions_of(stem).items():
        taken = {DECISION_OF_LINE[place] for place in lines}
        missing = TAKEN[stem].get(kernel, set()) - taken
        assert not missing, f"{kernel} does not reach {missing}"


@pytest.mark.parametrize(
    ("strict", "contracted"),
    [
        ("return mul_rn(ax, by) - mul_rn(ay, bx);", "return ax * by - ay * bx;"),
        ("sample.z = mul_rn(mul_rn(e.e0,", "sample.z = mul_rn((e.e0 *"),
        ("return (mul_rn(range, index) + half)", "return (range * index + half)"),
    ],
)
def test_a_contracted_product_is_found(strict: str, contracted: str) -> None:
    source = kernel_source("soft_silhouette")
    assert strict in source
    lines = decisions_of("soft_silhouette", source.replace(strict, contracted))
    assert any(LOOSE.match(code) for codes in lines["soft_silhouette_fwd"].values() for code in codes)


def test_depths_do_not_depend_on_what_is_inlined() -> None:
    """The limit of the K nearest is compared with depths that other kernels compute, inlined elsewhere."""
    source = kernel_source("soft_silhouette")
    apart = "__device__ __noinline__ bool comparable_depth("
    assert apart in source
    inlined = decisions_of(
        "soft_silhouette", source.replace(apart, "__device__ inline bool comparable_depth(")
    )
    assert inlined == decisions_of("soft_silhouette")
