"""The package as users get it: from a wheel, from a source distribution, and as an editable checkout."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip(
    "scikit_build_core", reason="building needs scikit-build-core: pip install 'r3d-cli[test]'"
)
pytestmark = pytest.mark.slow

NewEnvironment = Callable[..., Path]


def kernel_sources(repository: Path) -> set[str]:
    """What NVRTC needs: the .cu files and the headers, without those of the CPU and of the emulation."""
    root = repository / "cuda_src"
    found = {path.relative_to(root) for suffix in ("cu", "h") for path in root.rglob(f"*.{suffix}")}
    return {str(path) for path in found if path.parts[0] not in ("cpu", "emulation", "readers")}


def doctor(binaries: Path, folder: Path) -> dict:
    done = subprocess.run(
        [binaries / "r3d", "doctor", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_wheel_holds_the_module_and_the_kernels(repository: Path, wheel: Path, wheel_tag: str) -> None:
    assert wheel_tag in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    kernels = {
        name.removeprefix("r3d_cli/_kernels/") for name in names if name.startswith("r3d_cli/_kernels/")
    }
    assert kernels == kernel_sources(repository)
    assert sum(name.startswith("r3d_cli/_native.") and name.endswith(".so") for name in names) == 1
    assert not [name for name in names if not name.startswith(("r3d_cli/", "r3d_cli-"))]


def test_the_source_distribution_holds_what_a_build_needs(repository: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = [path for folder in ("cuda_src", "r3d_cli") for path in (repository / folder).rglob("*.[ch]*")]
    sources += (repository / "r3d_cli").rglob("*.py")
    needed = {str(path.relative_to(repository)) for path in sources if "__pycache__" not in path.parts}
    assert len(needed) > 50
    assert needed | {"LICENSE", "README.md", "pyproject.toml", "cuda_src/CMakeLists.txt"} <= names


def test_a_wheel_renders_where_there_is_no_compiler(
    wheel: Path, fresh_environment: NewEnvironment, repository: Path, tmp_path: Path
) -> None:
    from PIL import Image

    binaries = fresh_environment(wheel)
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    )
    done = subprocess.run(
        [binaries / "r3d", "render", "a.obj", "--size", "64"],
        cwd=tmp_path,
        env={"PATH": str(binaries)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(Image.open(tmp_path / "a.png").getcolors(64 * 64)) > 10
    report = doctor(binaries, tmp_path)
    assert report["kernels"]["folder"].endswith("site-packages/r3d_cli/_kernels")
    kernels = {Path(name).name for name in kernel_sources(repository) if name.endswith(".cu")}
    assert kernels == set(report["kernels"]["files"])


def test_an_editable_install_uses_the_checkout(
    unpacked_sdist: Path, fresh_environment: NewEnvironment, tmp_path: Path
) -> None:
    binaries = fresh_environment("--no-build-isolation", "--editable", unpacked_sdist)
    assert doctor(binaries, tmp_path)["kernels"]["folder"] == str(unpacked_sdist / "cuda_src")
