"""``r3d doctor`` and ``r3d warmup``, and the diagnosis of CUDA against drivers that are missing or broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: Stands in for the NVIDIA driver: what each call answers is set when it is compiled.
FAKE_DRIVER = r"""
#include <cstring>
extern "C" {
int cuInit(unsigned) { return INIT; }
int cuDriverGetVersion(int* version) { *version = VERSION; return 0; }
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGet(int* device, int) { *device = 0; return 0; }
int cuDeviceGetName(char* name, int size, int) { std::strncpy(name, "Imaginary GPU", size); return 0; }
int cuDeviceGetAttribute(int* value, int which, int) { *value = which == 75 ? 9 : 0; return 0; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = size_t(80) << 30; return 0; }
int cuGetErrorName(int code, const char** name) { *name = "CUDA_ERROR_NO_DEVICE"; return code != 100; }
}
"""


@pytest.fixture
def fake_driver(tmp_path: Path) -> Callable[..., str]:
    """``fake_driver(init=0, version=13000)`` builds a driver and returns the folder to find it in."""
    if not shutil.which("g++"):
        pytest.skip("the imaginary driver is built with g++")

    def build(init: int = 0, version: int = 13000) -> str:
        folder = tmp_path / "driver"
        folder.mkdir()
        (folder / "driver.cpp").write_text(FAKE_DRIVER)
        definitions = [f"-DINIT={init}", f"-DVERSION={version}"]
        command = ["g++", "-shared", "-fPIC", *definitions, "-o", "libcuda.so.1", "driver.cpp"]
        subprocess.run(command, cwd=folder, check=True)
        return str(folder)

    return build


def state(packages: dict[str, str], driver: str = "") -> dict:
    """``cuda_state`` in a process of its own, with these CuPy packages and the driver in that folder."""
    code = (
        "import importlib.metadata as metadata, json, sys\n"
        f"packages = {packages!r}\n"
        "def version(name):\n"
        "    if name not in packages: raise metadata.PackageNotFoundError(name)\n"
        "    return packages[name]\n"
        "metadata.version = version\n"
        "from dataclasses import asdict\n"
        "from r3d_cli.backend.cuda_state import cuda_state\n"
        "print(json.dumps(asdict(cuda_state(load_cupy=False))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LD_LIBRARY_PATH": driver},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_doctor_names_versions_cpu_threads_and_kernels(r3d: Run) -> None:
    done = r3d("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        f"numpy {metadata.version('numpy')}",
        "instruction set",
        "threads",
        "rasterize_meshes.cu",
        "CUDA",
    ):
        assert words in done.stdout


def test_doctor_as_json(r3d: Run) -> None:
    from r3d_cli.backend import cpu

    report = json.loads(r3d("doctor", "--json", R3D_NUM_THREADS="3").stdout)
    assert report["versions"]["torch"] == metadata.version("torch")
    assert report["cpu"]["instruction_sets"] == cpu.isas()
    assert report["cpu"]["in_use"] in cpu.isas()
    assert (report["cpu"]["threads"], report["cpu"]["threads_from"]) == (3, "R3D_NUM_THREADS")
    assert report["cpu"]["fault"] is None
    assert "rasterize_meshes.cu" in report["kernels"]["files"]
    assert (report["cuda"]["fault"] is None) == (report["cuda"]["mend"] is None)


def test_doctor_does_not_import_torch(tmp_path: Path, command: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "r3d_cli", "doctor"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "numpy" in modules
    assert "torch" not in modules


def test_a_driver_without_a_gpu(fake_driver: Callable[..., str]) -> None:
    report = state({"cupy-cuda13x": "14.2.0"}, fake_driver(init=100))
    assert report["fault"] == "the NVIDIA driver's cuInit failed: CUDA_ERROR_NO_DEVICE"
    assert "CUDA_VISIBLE_DEVICES" in report["mend"]
    assert report["gpus"] == []


def test_a_driver_that_fails_without_a_name(fake_driver: Callable[..., str]) -> None:
    assert state({}, fake_driver(init=999))["fault"] == "the NVIDIA driver's cuInit failed: error 999"


@pytest.mark.parametrize(
    ("packages", "version", "fault", "mend"),
    [
        ({}, 12040, "CuPy is not installed", "'cupy-cuda12x>=13.4' nvidia-cuda-nvrtc-cu12"),
        ({}, 13000, "CuPy is not installed", "'cupy-cuda13x>=13.6' nvidia-cuda-nvrtc"),
        (
            {"cupy-cuda13x": "14"},
            12040,
            "the driver runs CUDA up to 12.4, but cupy-cuda13x needs 13",
            "uninstall",
        ),
        ({"cupy-cuda12x": "14", "cupy-cuda13x": "14"}, 13000, "several CuPy packages", "uninstall"),
        ({"cupy-cuda12x": "14"}, 13000, None, None),
        ({"cupy-cuda13x": "14"}, 13000, None, None),
    ],
)
def test_a_gpu_and_its_cupy(
    fake_driver: Callable[..., str],
    packages: dict[str, str],
    version: int,
    fault: str | None,
    mend: str | None,
) -> None:
    report = state(packages, fake_driver(version=version))
    assert report["gpus"] == [{"name": "Imaginary GPU", "compute_capability": "9.0", "memory": 80 * 2**30}]
    assert report["driver"] == f"{version // 1000}.{version % 1000 // 10}"
    if fault is None:
        assert (report["fault"], report["mend"]) == (None, None)
    else:
        assert fault in report["fault"]
        assert mend in report["mend"]


def test_a_cupy_that_does_not_work_is_named(
    r3d: Run, fake_driver: Callable[..., str], tetrahedron: Path
) -> None:
    pytest.importorskip("cupy")
    driver = fake_driver()
    report = json.loads(r3d("doctor", "--json", LD_LIBRARY_PATH=driver).stdout)
    assert report["cuda"]["fault"].startswith("CuPy does not work: ")
    done = r3d("warmup", LD_LIBRARY_PATH=driver)
    assert done.returncode == 1
    assert done.stderr.startswith("r3d: error: CuPy does not work: ")
    assert done.stderr.count("\n") == 1


def test_warmup_without_a_gpu_is_one_line(r3d: Run) -> None:
    done = r3d("warmup", CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("r3d: error: ")
