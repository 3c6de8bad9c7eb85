"""Kernel sources are found and made self-contained."""

from __future__ import annotations

from pathlib import Path

import pytest

import r3d_cli
from r3d_cli.backend.sources import SourcesMissing, inline_headers, kernel_source, kernels_folder, stems


def test_headers_are_inlined_once_and_lines_stay_true(tmp_path: Path) -> None:
    (tmp_path / "math").mkdir()
    (tmp_path / "math" / "a.h").write_text("int a;\n")
    (tmp_path / "b.h").write_text('#include "math/a.h"\nint b;\n')
    text = '#include <math.h>\n#include "math/a.h"\n  #include "b.h"\n#include "math/a.h"\nint c;\n'
    lines = inline_headers("k.cu", text, tmp_path).splitlines()
    assert [line for line in lines if line.startswith("int")] == ["int a;", "int b;", "int c;"]
    assert "#include <math.h>" in lines
    # What the compiler would say of the last line, and of b.h's.
    last = max(i for i, line in enumerate(lines) if line.startswith("#line"))
    assert lines[last] == '#line 4 "k.cu"'
    assert lines[last + 1 :] == ["", "int c;"]
    b = lines.index("int b;")
    assert lines[b - 1] == "" or lines[b - 1] == '#line 2 "b.h"'


def test_a_missing_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourcesMissing, match=r"k\.cu, line 2: there is no header gone\.h"):
        inline_headers("k.cu", 'int a;\n#include "gone.h"\n', tmp_path)


def test_the_repository_is_found(repository: Path) -> None:
    assert kernels_folder() == repository / "cuda_src"
    assert {"rasterize_meshes", "scan"} <= set(stems())
    for stem in stems():
        assert '#include "' not in kernel_source(stem)


def test_an_installed_package_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "r3d_cli"
    package.mkdir(parents=True)
    monkeypatch.setattr(r3d_cli, "__file__", str(package / "__init__.py"))
    with pytest.raises(SourcesMissing, match="the installation is incomplete; reinstall r3d"):
        kernels_folder()
    (package / "_kernels" / "math").mkdir(parents=True)
    (package / "_kernels" / "math" / "kernel.h").touch()
    assert kernels_folder() == package / "_kernels"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SourcesMissing, match=r"there is no kernel file nothing.cu"):
        kernel_source("nothing")
