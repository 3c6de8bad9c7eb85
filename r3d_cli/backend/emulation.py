"""An emulated device: the CUDA kernels on a CPU, through the same launch door, for tests.

Needs a checkout (``cuda_src/emulation``) and g++ on x86-64; ``cuda_src/emulation/cuda.h`` says how it works.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from r3d_cli.backend.launch import Kernels, Place
from r3d_cli.backend.signatures import Signature, parse_kernels
from r3d_cli.backend.sources import inline_headers, kernel_file, kernels_folder, record_asserts
from r3d_cli.constants import DEFINES

#: How kernels are compiled: results, races, or memory errors and undefined behaviour. Faults need line
#: numbers, not variables (-g1); optimising a sanitized kernel's checks takes longer than running them (-O0).
BUILDS = {
    "plain": ["-O2"],
    "races": ["-O1", "-g1", "-fsanitize=thread"],
    "sanitized": ["-O0", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
ORDERS = ("forward", "reverse", "random")

# Warnings are NVRTC's and the CPU build's to give.
_FLAGS = ["-std=c++17", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden", "-w"]


class EmulationError(RuntimeError):
    """A kernel that does not compile, deadlocks, or races."""


class Emulation:
    """A device that runs kernels on this CPU.

    Args:
        order: in which order blocks, and threads between barriers, run; one of ``ORDERS``.
        seed: of the random order.
        build: a key of ``BUILDS``. ``sanitized`` needs a process that has the sanitizer's runtime preloaded.
        texts: changed sources by stem, instead of the files'.
        dropped: by stem, the number of a barrier in its source that does nothing.

    Attributes:
        launched: names of the kernels that were started.
    """

    place: Place = ("cpu", 0)

    def __init__(
        self,
        order: str = "forward",
        seed: int = 1,
        build: str = "plain",
        texts: dict[str, str] | None = None,
        dropped: dict[str, int] | None = None,
    ) -> None:
        self._order, self._seed, self._build, self._texts = ORDERS.index(order), seed, build, texts or {}
        self._dropped = dropped or {}
        self._kernels: dict[tuple[str, str], Kernels] = {}
        self.launched: set[str] = set()

    def kernels(self, stem: str, real: str) -> Kernels:
        """The kernels of ``stem``.cu with ``real`` (a dtype's name) for ``R3D_REAL``, compiled at need."""
        if (stem, real) not in self._kernels:
            text = self._texts.get(stem) or kernel_file(stem).read_text()
            headers = inline_headers(f"{stem}.cu", text, kernels_folder())
            signatures = parse_kernels(text, real, f"{stem}.cu", headers)
            text += record_asserts(text, f"{stem}.cu", headers)
            library = _load(str(build_library(stem, text, signatures, real, self._build)))
            program = _Program(self, library, self._dropped.get(stem, -1))
            self._kernels[stem, real] = Kernels(signatures, program)
        return self._kernels[stem, real]


class _Program:
    """The kernels of one shared library."""

    place = Emulation.place

    def __init__(self, device: Emulation, library: ctypes.PyDLL, dropped: int) -> None:
        self._device, self._library, self._dropped = device, library, dropped
        self._dropped_barrier = ctypes.c_int.in_dll(library, "r3d_emulation_dropped_barrier")

    def start(
        self, name: str, grid: tuple[int, int, int], block: tuple[int, int, int], parameters: int, stream: int
    ) -> None:
        self._device.launched.add(name)
        self._device._seed += 1
        self._dropped_barrier.value = self._dropped  # other devices use this library too
        message = ctypes.create_string_buffer(512)
        failed = self._library.r3d_emulation_run(
            getattr(self._library, f"r3d_entry_{name}"),
            ctypes.c_void_p(parameters),
            (ctypes.c_uint * 3)(*grid),
            (ctypes.c_uint * 3)(*block),
            self._device._order,
            ctypes.c_uint64(self._device._seed),
            message,
            ctypes.c_size_t(len(message)),
        )
        if failed:
            raise EmulationError(f"{name}: {_with_line(message.value.decode(), self._library._name)}")


@cache
def _load(path: str) -> ctypes.PyDLL:
    return ctypes.PyDLL(path)  # keeps Python's lock: a library runs one launch at a time


def build_library(stem: str, text: str, signatures: dict[str, Signature], real: str, build: str) -> Path:
    """Compile a kernel file into a shared library, or find it in the cache, keyed by all it is made of."""
    folder = kernels_folder()
    emulation = folder / "emulation"
    if not emulation.is_dir():
        raise EmulationError(f"no {emulation}: the emulation needs a checkout of r3d")
    unit = "\n".join(
        [
            '#include "emulation/cuda.h"',
            f'#line 1 "{stem}.cu"',
            text,
            '#line 1 "generated"',
            *map(_entry, signatures.values()),
        ]
    )
    defines = {**DEFINES, "R3D_REAL": {"float32": "float", "float64": "double"}[real]}
    flags = [*_FLAGS, f"-I{folder}", *(f"-D{name}={value}" for name, value in defines.items())]
    runtime_flags = [flag for flag in BUILDS[build] if flag != "-fsanitize=thread"]
    runtime = ["runtime.cpp"]
    if build == "races":
        runtime.append("races.cpp")
        runtime_flags.append("-DR3D_EMULATION_RACES")
    key = hashlib.sha256(repr([unit, flags, BUILDS[build], _compiler_version()]).encode())
    for path in sorted([*emulation.iterdir(), *folder.glob("*/*.h")]):
        key.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "r3d" / "emulation"
    library = cache / f"{stem}-{real}-{build}-{key.hexdigest()[:24]}.so"
    if library.is_file():
        return library
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        (work / "kernels.cpp").write_text(unit)
        # Only the kernels' own unit is instrumented against races: the scheduler switches threads.
        _compile([*flags, *BUILDS[build], "-c", "kernels.cpp", "-o", "kernels.o"], work, stem)
        sources = [str(emulation / file) for file in runtime]
        _compile(
            [*flags, *runtime_flags, "-shared", *sources, "kernels.o", "-o", "kernels.so", "-ldl"], work, stem
        )
        os.replace(work / "kernels.so", library)
    return library


def _entry(signature: Signature) -> str:
    """Holds the parsed signature against the real one, and unpacks a launch's arguments."""
    types = [parameter.ctype for parameter in signature.parameters]
    unpacked = ", ".join(f"*static_cast<{t}*>(p[{i}])" for i, t in enumerate(types))
    return (
        f"static_assert(__is_same(decltype(&{signature.name}), void (*)({', '.join(types)})),\n"
        f'              "{signature.name}: the launch door parsed another signature");\n'
        f'extern "C" __attribute__((visibility("default")))\n'
        f"void r3d_entry_{signature.name}([[maybe_unused]] void** p) {{\n  {signature.name}({unpacked});\n}}"
    )


def _compile(arguments: list[str], folder: Path, stem: str) -> None:
    try:
        done = subprocess.run(["g++", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise EmulationError("the emulation needs g++ on the PATH") from None
    if done.returncode:
        raise EmulationError(f"{stem}.cu does not compile for the emulation:\n{done.stderr}")


@cache
def _compiler_version() -> str:
    return subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False).stdout


def _with_line(message: str, library: str) -> str:
    """Replace an address in a message by the line it stands for, where the library knows."""
    found = re.search(r"\+0x([0-9a-f]+)", message)
    if not found:
        return message
    address = hex(int(found[1], 16) - 1)  # the call, not the instruction after it
    command = ["addr2line", "-i", "-e", library, address]  # inlined functions first, then who called them
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    ours = [line for line in lines if not line.startswith(("?", str(kernels_folder() / "emulation")))]
    return message.replace(found[0], ours[0].rpartition("/")[2].split(" ")[0]) if ours else message
