"""What CUDA says where it cannot be used. Kernels on a GPU are tested in tests/gpu."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from r3d_cli.backend import cuda


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    cuda.require_cuda.cache_clear()
    yield
    cuda.require_cuda.cache_clear()


def fake_cupy(count: Any) -> ModuleType:
    module = ModuleType("cupy")

    def device_count() -> int:
        if isinstance(count, Exception):
            raise count
        return count

    module.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=device_count))  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("cupy", "message"),
    [
        (None, r"CuPy .*pip install|CuPy does not load"),
        (fake_cupy(0), "CUDA sees no GPU; look at nvidia-smi and CUDA_VISIBLE_DEVICES"),
        (
            fake_cupy(RuntimeError("cudaErrorInsufficientDriver: too old\nmore")),
            "CUDA has no usable driver: cudaErrorInsufficientDriver: too old; install or update the NVIDIA",
        ),
    ],
)
def test_one_line_with_the_mend(monkeypatch: pytest.MonkeyPatch, cupy: Any, message: str) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    for call in (cuda.warmup, lambda: cuda.CudaDevice.at(0)):
        with pytest.raises(cuda.CudaUnavailable, match=message) as error:
            call()
        assert "\n" not in str(error.value)
