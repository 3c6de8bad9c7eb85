"""What this machine has of CUDA: driver, GPUs, CuPy and NVRTC, and what is wrong with them.

The driver is asked through its own C interface, so that a machine without CuPy, or with a CuPy that does not
load, still gets an exact answer.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from importlib import metadata

from r3d_cli.extras import pip_install, pip_uninstall


@dataclass(frozen=True)
class Gpu:
    name: str
    compute_capability: str  # "9.0"
    memory: int  # bytes


@dataclass(frozen=True)
class CudaState:
    """``fault`` and ``mend`` are None where everything works; ``driver`` and ``nvrtc`` are CUDA versions."""

    driver: str | None = None  # the newest CUDA that the driver can run
    gpus: tuple[Gpu, ...] = ()
    cupy: str | None = None  # the distribution and its version: "cupy-cuda13x 14.2.0"
    nvrtc: str | None = None
    fault: str | None = None
    mend: str | None = None


def cuda_state(*, load_cupy: bool = True) -> CudaState:
    """Look, from the driver upwards, and stop at the first fault.

    Args:
        load_cupy: also import CuPy (0.5 s), which finds the faults of its libraries.
    """
    state = _look_at_cupy_package(CudaState())
    state = _look_at_driver(state)
    state = _judge_cupy_package(state)
    return _look_at_cupy_itself(state) if load_cupy and state.cupy else state


def _look_at_cupy_package(state: CudaState) -> CudaState:
    found = []
    for name in ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return replace(state, cupy=" and ".join(found) or None)


def _look_at_driver(state: CudaState) -> CudaState:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return replace(
            state,
            fault=f"no NVIDIA driver ({error})",
            mend="install the driver, or start the container with its GPUs",
        )
    version = ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(version)) == 0:
        state = replace(state, driver=f"{version.value // 1000}.{version.value % 1000 // 10}")
    if code := driver.cuInit(0):
        return _driver_fault(state, driver, "cuInit", code)
    count = ctypes.c_int()
    if code := driver.cuDeviceGetCount(ctypes.byref(count)):
        return _driver_fault(state, driver, "cuDeviceGetCount", code)
    return replace(state, gpus=tuple(_describe_gpu(driver, index) for index in range(count.value)))


def _driver_fault(state: CudaState, driver: ctypes.CDLL, call: str, code: int) -> CudaState:
    name = ctypes.c_char_p()
    known = driver.cuGetErrorName(code, ctypes.byref(name)) == 0 and name.value
    error = name.value.decode() if known and name.value else f"error {code}"
    mends = {
        "CUDA_ERROR_NO_DEVICE": "look at nvidia-smi and CUDA_VISIBLE_DEVICES",
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "reboot: the driver's library and its kernel module differ",
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": "take CUDA's compatibility libraries off the path",
    }
    return replace(
        state,
        fault=f"the NVIDIA driver's {call} failed: {error}",
        mend=mends.get(error, "look at nvidia-smi; the driver may need a reinstall or a reboot"),
    )


def _describe_gpu(driver: ctypes.CDLL, index: int) -> Gpu:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceGetAttribute(
        ctypes.byref(major), 75, device
    )  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)  # …_MINOR
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(name.value.decode(errors="replace"), f"{major.value}.{minor.value}", memory.value)


def _judge_cupy_package(state: CudaState) -> CudaState:
    if state.fault:
        return state
    major = int((state.driver or "12.0").split(".")[0])
    extra = "cuda13" if major >= 13 else "cuda12"
    if state.cupy is None:
        return replace(state, fault="CuPy is not installed", mend=pip_install(extra=extra))
    names = [found.split()[0] for found in state.cupy.split(" and ")]
    if len(names) > 1:
        return replace(
            state,
            fault=f"several CuPy packages shadow each other: {state.cupy}",
            mend=f"{pip_uninstall(*names)}, then {pip_install(extra=extra)}",
        )
    name = names[0]
    built_for = int(name[-3:-1]) if name.endswith("x") else 0
    if built_for > major:
        return replace(
            state,
            fault=f"the driver runs CUDA up to {state.driver}, but {name} needs {built_for}",
            mend=f"{pip_uninstall(name)}, then {pip_install(extra=extra)} (or update the driver)",
        )
    return state


def _look_at_cupy_itself(state: CudaState) -> CudaState:
    try:
        import cupy
        from cupy.cuda import nvrtc

        state = replace(state, nvrtc=".".join(map(str, nvrtc.getVersion())))
        if state.fault:
            return state
        cupy.zeros(1).get()  # a context, an allocation, a kernel of CuPy's own and a copy back
    except Exception as error:  # whatever a broken installation raises, the user is told
        if state.fault:
            return state
        reason = " ".join(str(error).split()) or type(error).__name__
        extra = "cuda13" if "13x" in (state.cupy or "") else "cuda12"
        return replace(
            state,
            fault=f"CuPy does not work: {reason}",
            mend=f"{pip_install(extra=extra, options='--force-reinstall')} brings matching CUDA libraries",
        )
    return state
