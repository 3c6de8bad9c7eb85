"""Finds the kernel sources, and makes one self-contained text of a .cu file and the headers it includes.

CuPy's disk cache keys on the text it is given, not on the headers that the compiler would open: an edited
header would run the old binary. So local headers are inlined, with ``#line`` for the compiler's messages.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import r3d_cli
from r3d_cli.backend.records import static_asserts
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_reinstall


class SourcesMissing(R3dError, RuntimeError):
    """The kernel sources are not where an installation has them."""


def kernels_folder() -> Path:
    """The folder of the .cu files: the repository's (checkout, editable install), else the wheel's."""
    package = Path(r3d_cli.__file__).resolve().parent
    for folder in (package.parent / "cuda_src", package / "_kernels"):
        if (folder / "math" / "kernel.h").is_file():
            return folder
    raise SourcesMissing(
        f"no kernel sources in {package / '_kernels'}: the installation is incomplete; reinstall r3d: "
        + pip_reinstall()
    )


def stems() -> list[str]:
    """The names of all kernel files, without ``.cu``."""
    return sorted(path.stem for path in kernels_folder().glob("*/*.cu"))


def kernel_file(stem: str) -> Path:
    """Where ``stem``.cu lies.

    Raises:
        SourcesMissing: Nowhere.
    """
    folder = kernels_folder()
    for path in folder.glob(f"*/{stem}.cu"):
        return path
    raise SourcesMissing(f"there is no kernel file {stem}.cu in {folder}")


@cache
def header_source(stem: str) -> str:
    """The text of ``stem``.h with its local headers inlined: what declares the records of an op.

    Raises:
        SourcesMissing: There is none.
    """
    folder = kernels_folder()
    for path in folder.glob(f"*/{stem}.h"):
        return inline_headers(path.name, path.read_text(), folder)
    raise SourcesMissing(f"there is no header {stem}.h in {folder}")


@cache
def kernel_source(stem: str) -> str:
    """The text of ``stem``.cu with its local headers inlined, and proofs of the layout of its records."""
    path = kernel_file(stem)
    source = inline_headers(path.name, path.read_text(), kernels_folder())
    return source + record_asserts(source, path.name)


def record_asserts(source: str, name: str, headers: str = "") -> str:
    """C++ that does not compile unless the records of a source's kernels lie as Python packs them."""
    floats, doubles = (parse_kernels(source, real, name, headers) for real in ("float32", "float64"))
    asserts = {
        p.record.ctype: static_asserts(f"r3d::{p.record.ctype}", p.record, q.record, "R3D_REAL")
        for kernel in floats
        for p, q in zip(floats[kernel].parameters, doubles[kernel].parameters, strict=True)
        if p.record and q.record
    }
    return "".join(asserts.values())


def inline_headers(name: str, text: str, folder: Path, seen: set[str] | None = None) -> str:
    """Replace each ``#include "…"`` by the file, once; system headers stay."""
    seen = set() if seen is None else seen
    out = [f'#line 1 "{name}"']
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not found:
            out.append(line)
        elif found[1] not in seen:
            seen.add(found[1])
            header = folder / found[1]
            if not header.is_file():
                raise SourcesMissing(f"{name}, line {number}: there is no header {found[1]} in {folder}")
            out += [
                inline_headers(found[1], header.read_text(), folder, seen),
                f'#line {number + 1} "{name}"',
            ]
        else:
            out.append("")
    return "\n".join(out) + "\n"
