"""Builds of the package, once for all tests, without network: with the build tools of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

#: These builds show what is in a package; that every variant compiles, the package under test has shown.
QUICK = {
    "SKBUILD_CMAKE_DEFINE": "R3D_VARIANTS=OFF",
    "SKBUILD_CMAKE_BUILD_TYPE": "Debug",
    "SKBUILD_BUILD_DIR": "build/quick",  # of the unpacked source: the second build takes from the first
}


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **QUICK},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, as the build back end makes it from the repository."""
    folder = tmp_path_factory.mktemp("sdist")
    code = f"from scikit_build_core.build import build_sdist; build_sdist({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=repository)
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def unpacked_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="session")
def wheel(unpacked_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from the source distribution, without network."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    run(sys.executable, "-m", "pip", "wheel", *offline, "-w", folder, ".", cwd=unpacked_sdist)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture
def fresh_environment(tmp_path: Path) -> Callable[..., Path]:
    """``fresh_environment(*pip_arguments)`` installs into a new environment and returns its ``bin``.

    It borrows the packages that r3d needs from the environment that runs the tests, but not r3d itself: a
    .pth file's folders are not searched for .pth files, such as the one of an editable r3d.
    """

    def create(*pip_arguments: object) -> Path:
        folder = tmp_path / "environment"
        venv.EnvBuilder(symlinks=True).create(folder)
        (site_packages,) = folder.glob("lib/python*/site-packages")
        borrowed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        (site_packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in borrowed))
        python = folder / "bin" / "python"
        run(python, "-m", "pip", "install", "--no-index", "--no-deps", *pip_arguments, cwd=tmp_path)
        return folder / "bin"

    return create


@pytest.fixture(scope="session")
def wheel_tag() -> str:
    """What a wheel's name must say of this interpreter: one abi3 wheel serves Python 3.12 and up."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return (
        "cp312-abi3"
        if sys.version_info >= (3, 12) and not sysconfig.get_config_var("Py_GIL_DISABLED")
        else f"{version}-{version}"
    )
