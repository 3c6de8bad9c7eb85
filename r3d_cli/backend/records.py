"""Reads the records that kernels and CPU schedules take: plain structs of the C++ headers, by field.

A record is declared once, in C++, with a comment for each field::

    template <class Real>
    struct WeightedRows {
      const Real* rows;  // (T, C)
      const i64* ids;    // (P, J), or null
      i64 num_rows;      // T
    };

From that declaration come the packing of Python's values (``packing.py``), the checks of dtypes and shapes,
sizes that are filled in (``num_rows`` is T, the first side of ``rows``), and the ``static_assert``s by which
compilers prove that they lay the fields out as Python does. A shape is letters, numbers, ``N + 1`` and
``3 F``; one that is none of these (``(>= P J,)``) is not checked.

Standard library alone: the CPU build runs this file as a script, ``records.py FOLDER FILE``, which
writes a C++ file of the asserts of every record that schedules there take.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

#: C type -> name of NumPy's dtype. ``Real`` and ``R3D_REAL`` are added by the caller, who knows which.
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
#: dtype -> the letter of ``struct``.
_DTYPES = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64"
LETTERS = dict(zip(_DTYPES.split(), "?bBhHiIqQfd", strict=True))
_SIZES = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8, "d": 8}

#: One side of a shape: a factor of a letter (None: a number alone) and what is added to it.
Side = tuple[str | None, int, int]


class RecordError(ValueError):
    """A struct that the parser refuses, with the file and the line."""


@dataclass(frozen=True)
class Field:
    """A scalar or a pointer of a record, after records within it were unfolded."""

    name: str
    dtype: str  # of the scalar, or of what the pointer points to
    pointer: bool
    optional: bool  # a pointer whose comment says "or null"
    shape: tuple[Side, ...] | None  # of a pointer whose comment begins with one
    side: Side | None  # of an integer whose comment is one: filled in where a caller leaves it out
    path: str  # as C++ reaches it: ``raster.settings.z_near``
    offset: int

    @property
    def letter(self) -> str:
        return "Q" if self.pointer else LETTERS[self.dtype]


@dataclass(frozen=True)
class Record:
    """A struct with one real type."""

    name: str
    ctype: str  # as a parameter's type is written: ``WeightedRows<R3D_REAL>``
    fields: tuple[Field, ...]
    size: int
    nested: dict[str, tuple[str, ...]]  # by the name of a record within: the names of its fields here

    @cached_property
    def format(self) -> str:
        """For ``struct.pack``, with the padding that C++ puts between fields."""
        parts, at = ["="], 0
        for field in self.fields:
            parts.append(f"{field.offset - at}x" * (field.offset > at) + field.letter)
            at = field.offset + _SIZES[field.letter]
        return "".join(parts) + f"{self.size - at}x" * (self.size > at)


def find_record(sources: list[str], ctype: str, real: str) -> Record | None:
    """The record that a parameter's type names, or None: no such struct stands in the sources.

    Args:
        sources: C++ texts.
        ctype: ``Name`` or ``Name<Real>``, in which ``R3D_REAL`` may stand for ``Real``.
        real: What it stands for, ``"float32"`` or ``"float64"``.

    Raises:
        RecordError: A field that is neither a scalar, a pointer to one, nor a record.

    Example:
        >>> text = "struct Rows { const i64* ids;  // (P, J), or null\\n i64 count;  // P\\n};"
        >>> record = find_record([text], "Rows", "float32")
        >>> record.size, [(field.name, field.optional) for field in record.fields]
        (16, [('ids', True), ('count', False)])
    """
    parsed = _layout(sources, ctype, real, "", 0)
    if parsed is None:
        return None
    names = [field.name for field in parsed.fields]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RecordError(
            f"{ctype}: two fields are called {twice[0]}; records within it must not share names"
        )
    written = ctype.replace("<Real>", "<R3D_REAL>")
    return Record(ctype.partition("<")[0], written, tuple(parsed.fields), parsed.end, parsed.nested)


def static_asserts(name: str, floats: Record, doubles: Record, real: str) -> str:
    """C++ lines that fail to compile unless the compiler lays a record out as Python does.

    Args:
        name: The record's type, in which ``real`` may stand.
        floats: The record as Python reads it with float for its real type.
        doubles: The same with double.
        real: C++ for the real type: a macro or a type.
    """

    def pick(single: int, double: int) -> str:
        return str(single) if single == double else f"(sizeof({real}) == 4 ? {single} : {double})"

    lines = [f'static_assert(sizeof({name}) == {pick(floats.size, doubles.size)}, "{name}: another size");']
    lines += [
        f"static_assert(__builtin_offsetof({name}, {a.path}) == {pick(a.offset, b.offset)},"
        f' "{name}: {a.path} lies elsewhere");'
        for a, b in zip(floats.fields, doubles.fields, strict=True)
    ]
    # NVRTC of CUDA 12 has no offsetof.
    lines.insert(1, "#if !defined(__CUDACC_RTC__) || __CUDACC_VER_MAJOR__ >= 13")
    return "\n".join([*lines, "#endif", ""])


def parse_shape(comment: str) -> tuple[Side, ...] | None:
    """The shape with which a comment begins, or None.

    Example:
        >>> parse_shape("(N + 1, 3F, C) rows")
        (('N', 1, 1), ('F', 3, 0), ('C', 1, 0))
    """
    found = re.match(r"\(([^()]*)\)", comment)
    if not found:
        return None
    sides = [_side(text) for text in found[1].split(",") if text.strip()]
    return None if None in sides or not sides else tuple(side for side in sides if side is not None)


def _side(text: str) -> Side | None:
    if text.strip().isdecimal():
        return None, 1, int(text)
    found = re.fullmatch(r"\s*(\d*)\s*([A-Z]\w?)\s*(?:\+\s*(\d+))?\s*", text)
    return (found[2], int(found[1] or 1), int(found[3] or 0)) if found else None


def _layout(sources: list[str], ctype: str, real: str, path: str, start: int) -> _Layout | None:
    """A struct that begins at ``start``, which its alignment must divide."""
    name, _, generic = ctype.partition("<")
    declared = _declaration(sources, name)
    if declared is None or declared[0] != bool(generic):
        return None
    out = _Layout([], {}, start, 1)
    for written, names, comment in declared[1]:
        pointer = written.endswith("*")
        kind = written.removeprefix("const ").rstrip("* ")
        dtype = {"Real": real, "R3D_REAL": real, **TYPES}.get(kind)
        shape = parse_shape(comment) if pointer else None
        sides = [_side(text) for text in re.split(r"[:;]|\s\s", comment)[0].split(",")]
        for number, field in enumerate(names):
            if dtype is None:
                out.add_record(sources, name, kind if not pointer else written, real, path, field)
                continue
            at = out.place(8 if pointer else _SIZES[LETTERS[dtype]])
            side = sides[number] if len(sides) == len(names) and not pointer else None
            if side is not None and (side[0] is None or not dtype.startswith("int")):
                side = None
            optional = pointer and "or null" in comment
            out.fields.append(Field(field, dtype, pointer, optional, shape, side, path + field, at))
    out.place(out.alignment, 0)
    return out


@dataclass
class _Layout:
    fields: list[Field]
    nested: dict[str, tuple[str, ...]]
    end: int
    alignment: int

    def place(self, alignment: int, size: int | None = None) -> int:
        """Where a value of such an alignment goes, whose size is the same unless said otherwise."""
        at = -(-self.end // alignment) * alignment
        self.end = at + (alignment if size is None else size)
        self.alignment = max(self.alignment, alignment)
        return at

    def add_record(self, sources: list[str], name: str, kind: str, real: str, path: str, field: str) -> None:
        inner = _layout(sources, kind, real, f"{path}{field}.", 0)
        if inner is None:
            raise RecordError(f"{name}: {field} has no known type: {kind!r}")
        at = self.place(inner.alignment, inner.end)
        inner = _layout(sources, kind, real, f"{path}{field}.", at) or inner
        self.fields += inner.fields
        self.nested |= inner.nested
        self.nested[field] = tuple(leaf.name for leaf in inner.fields)


def _declaration(sources: list[str], name: str) -> tuple[bool, list[tuple[str, list[str], str]]] | None:
    """Whether a struct is a template, and of each line of fields the type, the names and the comment."""
    for source in sources:
        found = re.search(rf"(template <class Real>\s*)?^struct {name} \{{(.*?)^\}};", source, re.M | re.S)
        if not found:
            continue
        rows: list[tuple[str, list[str], str]] = []
        pending, about = "", ""
        for line in found[2].splitlines():
            code, _, comment = line.partition("//")
            if not code.strip() and not pending:
                continue  # a comment line of its own is about the field below, for readers
            pending, about = f"{pending} {code.strip()}".strip(), about or comment.strip()
            if not pending.endswith(";"):
                continue
            declared = re.fullmatch(
                r"(.*?[\s*])(\w+(?:\s*=\s*[^,]+)?(?:,\s*\w+(?:\s*=\s*[^,]+)?)*);", pending
            )
            if not declared or "(" in declared[1]:
                raise RecordError(f"struct {name}: a line that is no field: {pending!r}")
            names = [part.split("=")[0].strip() for part in declared[2].split(",")]
            written = re.sub(r"\s*\*", "*", " ".join(declared[1].split()))
            rows.append((written, names, about))
            pending, about = "", ""
        return bool(found[1]), rows
    return None


def _main(folder: Path, output: Path) -> None:
    """Write a C++ file that asserts the layout of each record that a schedule takes."""
    inside = ("cpu", "gpu", "emulation", "readers")
    headers = [path for path in sorted(folder.glob("*/*.h")) if path.parent.name not in inside]
    sources = [path.read_text() for path in headers]
    schedules = "".join(path.read_text() for path in sorted(folder.glob("*/*.cpp")))
    lines = [*(f'#include "{path.relative_to(folder)}"' for path in headers), "namespace r3d {"]
    for name in sorted(set(re.findall(r"^R3D_(?:PLAIN_)?SCHEDULE\(\w+, (\w+),", schedules, re.M))):
        plain = find_record(sources, name, "float32")
        reals = {"float": "float32", "double": "float64"}
        found = {
            f"{name}<{real}>": find_record(sources, f"{name}<Real>", dtype) for real, dtype in reals.items()
        }
        for ctype, record in ({name: plain} if plain else found).items():
            if record is None:
                raise RecordError(f"no header declares the record {name}")
            lines.append(static_asserts(ctype, record, record, "float"))
    output.write_text("\n".join([*lines, "}  // namespace r3d", ""]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
