"""Compiles kernel files with NVRTC alone, of whichever CUDA is installed: no GPU, no CuPy."""

from __future__ import annotations

import ctypes
import re
import site
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class NvrtcError(Exception):
    """What the compiler printed."""


@dataclass(frozen=True)
class Kernel:
    """What ptxas says of a kernel.

    Attributes:
        registers: Of a thread.
        stack: Bytes of a thread, the functions that it calls included.
        spills: Bytes that a thread stores for want of registers.
        shared: Bytes of a block, those given at the launch apart.
    """

    registers: int
    stack: int
    spills: int
    shared: int


def libraries() -> dict[int, Path]:
    """CUDA's version -> its NVRTC, of those that pip installed."""
    folders = {*sys.path, *site.getsitepackages()}
    found = (path for folder in folders for path in Path(folder).glob("nvidia/*/lib/libnvrtc.so.*"))
    versions = ((re.fullmatch(r"libnvrtc\.so\.(\d+)", path.name), path) for path in found)
    return {int(version[1]): path for version, path in versions if version}


def compile_kernels(
    source: str, name: str, options: tuple[str, ...], cuda: int
) -> tuple[bytes, dict[str, Kernel]]:
    """The binary of a kernel file, and what ptxas says of each of its kernels.

    Args:
        source: Its text, headers inlined.
        name: For messages.
        options: Of the compiler, with ``-arch=sm_…``.
        cuda: A key of `libraries`.

    Raises:
        NvrtcError: It does not compile.
    """

    def read(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, log: str) -> tuple[bytes, dict[str, Kernel]]:
        return _bytes(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program), read_report(log)

    return _compile(source, name, (*options, "--ptxas-options=-v"), cuda, read)


def compile_ptx(source: str, name: str, options: tuple[str, ...], cuda: int) -> str:
    """The PTX of a kernel file, for ``-arch=compute_…``; else as `compile_kernels`."""

    def read(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, _: str) -> str:
        return _bytes(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program).decode().rstrip("\0")

    return _compile(source, name, options, cuda, read)


def _compile(
    source: str,
    name: str,
    options: tuple[str, ...],
    cuda: int,
    read: Callable[[ctypes.CDLL, ctypes.c_void_p, str], T],
) -> T:
    nvrtc = _library(cuda)
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name.encode(), 0, None, None)
    try:
        every = [option.encode() for option in options]
        failed = nvrtc.nvrtcCompileProgram(program, len(every), (ctypes.c_char_p * len(every))(*every))
        log = _bytes(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program).decode()
        if failed:
            raise NvrtcError(log)
        return read(nvrtc, program, log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def read_report(log: str) -> dict[str, Kernel]:
    """The kernels of ptxas's report, by name."""
    kernels = {}
    for section in re.split(r"Compiling entry function ", log)[1:]:
        name = re.match(r"'(\w+)'", section)
        used = re.search(r"Used (\d+) registers(.*)", section)
        frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", section)
        if not (name and used and frame):
            raise ValueError(f"ptxas reports in a way that is not known: {section[:200]}")
        stack = re.search(r"(\d+) bytes cumulative stack size", used[2])
        shared = re.search(r"(\d+) bytes smem", used[2])
        kernels[name[1]] = Kernel(
            int(used[1]), int(stack[1] if stack else frame[1]), int(frame[2]), int(shared[1] if shared else 0)
        )
    return kernels


@cache
def _library(cuda: int) -> ctypes.CDLL:
    path = libraries()[cuda]
    for builtins in path.parent.glob("libnvrtc-builtins.so*"):  # which NVRTC itself looks for by name alone
        ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(path))


def _bytes(size_of: object, get: object, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    size_of(program, ctypes.byref(size))  # type: ignore[operator]
    buffer = ctypes.create_string_buffer(size.value)
    get(program, buffer)  # type: ignore[operator]
    return buffer.raw
