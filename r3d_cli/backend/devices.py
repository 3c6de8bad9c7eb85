"""Which device does the work, and why."""

from __future__ import annotations

from typing import NamedTuple

from r3d_cli.errors import R3dError

# Estimates of one CPU core's time, seconds; only their order of magnitude matters.
_SECONDS_PER_FACE = 5e-8
_SECONDS_PER_SAMPLE = 5e-8
#: What a GPU costs before its first kernel: importing CuPy and creating a context.
_SECONDS_TO_START_CUDA = 1.0


class DeviceChoice(NamedTuple):
    device: str  # "cpu" or "cuda:N"
    reason: str  # fits after "because": "a GPU takes longer to start", "asked for"


def choose_device(requested: str, *, faces: int, samples: int) -> DeviceChoice:
    """Decide for ``requested``: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` takes the GPU where there is one and the work outweighs its start, else the CPU. It never hides a
    broken CUDA set-up: a GPU that is there and cannot be used is an error, as with ``cuda``.

    Args:
        faces: faces to rasterize.
        samples: pixels times samples a pixel.

    Raises:
        R3dError: CUDA was asked for, or is worth while, and does not work; names the fault and its mend.
    """
    if requested == "cpu":
        return DeviceChoice("cpu", "asked for")
    if requested == "auto":
        from r3d_cli.backend.cpu import num_threads

        work = (faces * _SECONDS_PER_FACE + samples * _SECONDS_PER_SAMPLE) / num_threads()
        if work < _SECONDS_TO_START_CUDA:
            return DeviceChoice("cpu", "too little work to start a GPU for")
    from r3d_cli.backend.cuda_state import cuda_state

    state = cuda_state(load_cupy=False)
    if requested == "auto" and not state.gpus:
        return DeviceChoice("cpu", "no NVIDIA GPU here")
    if requested == "auto" and state.cupy is None:
        return DeviceChoice("cpu", f"CuPy is not installed; for the GPU: {state.mend}")
    name = "cuda:0" if requested in ("auto", "cuda") else requested
    if state.fault:
        raise R3dError(f"--device {requested}: {state.fault}; {state.mend}, or use --device cpu")
    if int(name.removeprefix("cuda:")) >= len(state.gpus):
        raise R3dError(
            f"--device {requested}: this machine has {len(state.gpus)} GPU(s), cuda:0 is the first"
        )
    return DeviceChoice(name, "asked for" if requested != "auto" else f"{state.gpus[0].name} and much work")
