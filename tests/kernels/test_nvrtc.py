"""Every kernel file compiles with plain NVRTC, which needs no GPU, and keeps to what it may use of one.

CuPy's own options would hide mistakes. The budget is that of ``tests/gpu/budget.toml``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from nvrtc import NvrtcError, compile_kernels, libraries, read_report

from r3d_cli.backend.cuda import REALS, compile_options
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.backend.sources import kernel_source, stems

tomllib = pytest.importorskip("tomllib")  # of Python 3.11

GPU = Path(__file__).resolve().parent.parent / "gpu"


def load_budget() -> Any:
    spec = importlib.util.spec_from_file_location("budget", GPU / "budget.py")
    assert spec
    assert spec.loader
    module = sys.modules["budget"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


budget = load_budget()
needs_nvrtc = pytest.mark.skipif(not libraries(), reason="NVRTC is not installed")


@pytest.fixture(scope="module")
def allowed() -> dict[str, Any]:
    return tomllib.loads(budget.FILE.read_text())


@needs_nvrtc
@pytest.mark.parametrize("arch", budget.MULTIPROCESSORS)
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("stem", stems())
def test_compiles_within_the_budget(stem: str, real: str, arch: str, allowed: dict[str, Any]) -> None:
    try:
        binary, rows = budget.measure(stem, real, arch, max(libraries()))
    except NvrtcError as error:
        pytest.fail(str(error))
    missing = [name for name in rows if name.encode() not in binary]
    assert not missing, f"{stem}.cu compiles without {missing}"
    over = []
    for name, row in rows.items():
        limit = allowed[arch][real].get(name, {})
        for key, used in row.items():
            most = limit.get(key, -1)
            if used < most if key == "occupancy" else used > most:
                over.append(f"{name}: {key} {used:g}, the budget has {most:g}")
    assert not over, "; ".join(over) + "; look at why, or write the budget anew: python tests/gpu/budget.py"


@pytest.mark.skipif(12 not in libraries(), reason="NVRTC of CUDA 12 is not installed")
@pytest.mark.parametrize("stem", stems())
def test_compiles_with_cuda_12(stem: str) -> None:
    compile_kernels(kernel_source(stem), f"{stem}.cu", (*compile_options("float32"), "-arch=sm_80"), 12)


def test_the_budget_names_the_kernels_that_there_are(allowed: dict[str, Any]) -> None:
    names = {name for stem in stems() for name in parse_kernels(kernel_source(stem), "float32")}
    for arch in budget.MULTIPROCESSORS:
        for real in REALS:
            assert set(allowed[arch][real]) == names, f"[{arch}.{real}] of {budget.FILE.name}"


def test_occupancy_is_what_nvidias_calculator_says() -> None:
    assert budget.occupancy("sm_90", 256, 32, 0) == 100
    assert budget.occupancy("sm_90", 256, 226, 0) == 12.5  # one block: 232 registers a thread
    assert budget.occupancy("sm_80", 256, 128, 0) == 25
    assert budget.occupancy("sm_75", 256, 64, 33 * 1024) == 25  # one block's shared memory
    assert budget.occupancy("sm_90", 1024, 65, 0) == 0  # such a block does not start


def test_reads_ptxas() -> None:
    log = """ptxas info    : Compiling entry function 'first' for 'sm_90'
ptxas info    : Function properties for first
ptxas         .     16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, 784 bytes cumulative stack size, 33856 bytes smem
ptxas info    : Function properties for helper
ptxas         .     48 bytes stack frame, 4 bytes spill stores, 0 bytes spill loads
ptxas info    : Compiling entry function 'second' for 'sm_90'
ptxas info    : Function properties for second
ptxas         .     8 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 20 registers, used 0 barriers
"""
    first, second = read_report(log).values()
    assert (first.registers, first.stack, first.spills, first.shared) == (128, 784, 12, 33856)
    assert (second.registers, second.stack, second.spills, second.shared) == (20, 8, 0, 0)
