"""Every kernel file compiles with plain NVRTC: no GPU needed, and CuPy's own options would hide mistakes."""

from __future__ import annotations

import pytest

from r3d_cli.backend.cuda import REALS, compile_options
from r3d_cli.backend.signatures import parse_kernels
from r3d_cli.backend.sources import kernel_source, stems

nvrtc = pytest.importorskip("cupy").cuda.nvrtc


@pytest.fixture(scope="module", autouse=True)
def _needs_nvrtc() -> None:
    try:
        nvrtc.getVersion()
    except Exception as error:  # CuPy raises errors of its loader's own
        pytest.skip(f"CuPy finds no NVRTC: {str(error).splitlines()[0]}")


@pytest.mark.parametrize("arch", ["sm_75", "sm_80", "sm_90"])
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("stem", stems())
def test_compiles(stem: str, real: str, arch: str) -> None:
    source = kernel_source(stem)
    program = nvrtc.createProgram(source, f"{stem}.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*compile_options(real), f"-arch={arch}"))
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    binary = nvrtc.getCUBIN(program)
    missing = [name for name in parse_kernels(source, real) if name.encode() not in binary]
    assert not missing, f"{stem}.cu compiles without {missing}"
