"""Reads the signatures of ``extern "C" __global__`` kernels from their source.

The source is the only place that says what a kernel takes, so the launch door (``launch.py``) reads it there.
The emulation compiles the result against the real declarations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

#: C type -> NumPy dtype. ``R3D_REAL`` is added by the caller, who knows which.
TYPES = {
    "bool": "bool",
    "signed char": "int8",
    "i8": "int8",
    "unsigned char": "uint8",
    "u8": "uint8",
    "short": "int16",
    "i16": "int16",
    "unsigned short": "uint16",
    "u16": "uint16",
    "int": "int32",
    "i32": "int32",
    "unsigned int": "uint32",
    "unsigned": "uint32",
    "u32": "uint32",
    "long long": "int64",
    "i64": "int64",
    "unsigned long long": "uint64",
    "u64": "uint64",
    "float": "float32",
    "double": "float64",
}

#: Threads a block of a kernel that declares no ``__launch_bounds__``.
DEFAULT_BLOCK = 256

# A parameter takes eight bytes of the buffer that a launch hands over, whatever its type.
_SLOTS = {
    "bool": "?7x", "int8": "b7x", "uint8": "B7x", "int16": "h6x", "uint16": "H6x", "int32": "i4x",
    "uint32": "I4x", "int64": "q", "uint64": "Q", "float32": "f4x", "float64": "d",
}  # fmt: skip


class SignatureError(ValueError):
    """A kernel source that the parser refuses, with the file and the line."""


@dataclass(frozen=True)
class Parameter:
    name: str
    ctype: str  # as written, with const and * where it has them
    dtype: np.dtype
    pointer: bool
    optional: bool  # a pointer whose comment says "or null"

    @property
    def slot(self) -> str:
        return "Q" if self.pointer else _SLOTS[self.dtype.name]


@dataclass(frozen=True)
class Signature:
    name: str
    parameters: tuple[Parameter, ...]
    block: int  # threads a block, from __launch_bounds__

    @cached_property
    def slots(self) -> str:
        """The ``struct`` format of all parameters."""
        return "".join(parameter.slot for parameter in self.parameters)


def parse_kernels(source: str, real: str, file: str = "kernel source") -> dict[str, Signature]:
    """Every kernel of a source, by name.

    Args:
        source: CUDA C++, one file.
        real: the dtype that ``R3D_REAL`` stands for, ``"float32"`` or ``"float64"``.
        file: its name, for errors.

    Returns:
        Signatures by kernel name, in the order of the source.

    Raises:
        SignatureError: an ``#if 0``, a ``__global__`` without ``extern "C"``, a type that is neither a scalar
            nor a pointer to one.

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
                parameter = _parameter(text, real, optional="or null" in comment)
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


def _parameter(text: str, real: str, optional: bool) -> Parameter | None:
    found = re.fullmatch(r"\s*(const\s+)?([\w\s]+?)\s*(\*?)\s*(?:(?:const|__restrict__)\s+)*(\w+)\s*", text)
    if not found:
        return None
    const, written, star, name = bool(found[1]), " ".join(found[2].split()), bool(found[3]), found[4]
    dtype = real if written == "R3D_REAL" else TYPES.get(written)
    if dtype is None:
        return None
    ctype = ("const " if const and star else "") + written + ("*" if star else "")
    return Parameter(name, ctype, np.dtype(dtype), star, optional and star)
