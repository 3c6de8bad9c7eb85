"""Reads the signatures of ``extern "C" __global__`` kernels from their source.

The source is the only place that says what a kernel takes, so the launch door (``launch.py``) reads it there.
The emulation compiles the result against the real declarations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from r3d_cli.backend.records import TYPES, Record, RecordError, find_record

#: Threads a block of a kernel that declares no ``__launch_bounds__``.
DEFAULT_BLOCK = 256


class SignatureError(ValueError):
    """A kernel source that the parser refuses, with the file and the line."""


@dataclass(frozen=True)
class Parameter:
    name: str
    ctype: str  # as written, with const and * where it has them
    dtype: np.dtype | None  # None: a record
    pointer: bool
    optional: bool  # a pointer whose comment says "or null"
    record: Record | None = None


@dataclass(frozen=True)
class Signature:
    name: str
    parameters: tuple[Parameter, ...]
    block: int  # threads a block, from __launch_bounds__


def parse_kernels(
    source: str, real: str, file: str = "kernel source", headers: str = ""
) -> dict[str, Signature]:
    """Every kernel of a source, by name.

    Args:
        source: CUDA C++, one file.
        real: the dtype that ``R3D_REAL`` stands for, ``"float32"`` or ``"float64"``.
        file: its name, for errors.
        headers: where the records that kernels take stand, unless in the source itself.

    Returns:
        Signatures by kernel name, in the order of the source.

    Raises:
        SignatureError: an ``#if 0``, a ``__global__`` without ``extern "C"``, a parameter that is neither a
            scalar, a pointer to one, nor a record.

    Example:
        >>> kernels = parse_kernels('extern "C" __global__ void f(const R3D_REAL* x, int n) {}', "float32")
        >>> [(p.name, p.dtype.name, p.pointer) for p in kernels["f"].parameters]
        [('x', 'float32', True), ('n', 'int32', False)]
    """
    code = blank_comments_and_strings(source)

    def fail(at: int, text: str) -> SignatureError:
        return SignatureError(f"{file}, line {code.count(chr(10), 0, at) + 1}: {text}")

    if hidden := re.search(r"^[ \t]*#[ \t]*if[ \t]+0\b", code, re.MULTILINE):
        raise fail(hidden.start(), "#if 0 would hide kernels from the compiler only; delete the lines")
    if made := re.search(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*__global__", code, re.MULTILINE):
        raise fail(made.start(), "a macro must not make kernels; write them out")
    kernels: dict[str, Signature] = {}
    for found in re.finditer(r"__global__", code):
        # The quotes of "C" are blanked, so the source itself is matched here.
        head = re.compile(
            r"__global__\s+void\s+(?:__launch_bounds__\s*\(\s*(\d+)\s*(?:,\s*\d+\s*)?\)\s*)?(\w+)\s*\("
        ).match(code, found.start())
        if not head or not re.search(r'extern\s+"C"\s*$', source[: found.start()]):
            raise fail(
                found.start(), 'a kernel is declared: extern "C" __global__ void [__launch_bounds__(N)] name('
            )
        end = code.find(")", head.end())
        if end < 0:
            raise fail(head.start(), f"{head[2]}: the parameter list does not end")
        parameters: list[Parameter] = []
        start = head.end()
        for text in code[head.end() : end].split(","):
            parameter_end = start + len(text)
            if text.strip() or parameter_end < end or parameters:
                line_end = source.find("\n", parameter_end)
                comment = source[parameter_end : line_end if line_end >= 0 else None]
                try:
                    parameter = _parameter(text, real, "or null" in comment, [source, headers])
                except RecordError as error:
                    raise fail(start, f"{head[2]}: {error}") from None
                if parameter is None:
                    raise fail(start, f"{head[2]}: a parameter of no known type: {' '.join(text.split())!r}")
                parameters.append(parameter)
            start = parameter_end + 1
        if head[2] in kernels:
            raise fail(head.start(), f"{head[2]} is declared twice; keep the definition only")
        kernels[head[2]] = Signature(head[2], tuple(parameters), int(head[1] or DEFAULT_BLOCK))
    return kernels


def blank_comments_and_strings(source: str) -> str:
    """The source with comments and literals replaced by spaces: every other character keeps its place."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.DOTALL)


def _parameter(text: str, real: str, optional: bool, sources: list[str]) -> Parameter | None:
    found = re.fullmatch(
        r"\s*(const\s+)?([\w\s:]+?(?:<R3D_REAL>)?)\s*(\*?)\s*(?:(?:const|__restrict__)\s+)*(\w+)\s*", text
    )
    if not found:
        return None
    const, written, star, name = bool(found[1]), " ".join(found[2].split()), bool(found[3]), found[4]
    dtype = real if written == "R3D_REAL" else TYPES.get(written)
    if dtype is None:
        record = None if star else find_record(sources, written.removeprefix("r3d::"), real)
        return None if record is None else Parameter(name, written, None, False, False, record)
    ctype = ("const " if const and star else "") + written + ("*" if star else "")
    return Parameter(name, ctype, np.dtype(dtype), star, optional and star)
