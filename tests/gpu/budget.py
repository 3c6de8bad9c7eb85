"""What each kernel may use of a GPU: ``budget.toml``, which a test without a card holds the kernels to.

The first number to lose by is occupancy, the share of a multiprocessor's threads that can be resident at
once; stacks count because the driver reserves one for every resident thread of the card.
``python tests/gpu/budget.py`` writes the file anew, from ptxas; look at what changed before you commit it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "kernels"))
FILE = Path(__file__).with_name("budget.toml")

#: Registers are given to warps by so many.
WARP, UNIT = 32, 8


@dataclass(frozen=True)
class Multiprocessor:
    """What one has, by NVIDIA's table of compute capabilities."""

    threads: int
    blocks: int
    shared: int  # bytes
    registers: int = 65536
    reserved: int = 0  # bytes of shared memory a block that the system keeps


MULTIPROCESSORS = {
    "sm_75": Multiprocessor(1024, 16, 65536),
    "sm_80": Multiprocessor(2048, 32, 164 * 1024, reserved=1024),
    "sm_90": Multiprocessor(2048, 32, 228 * 1024, reserved=1024),
}


def occupancy(arch: str, threads: int, registers: int, shared: int) -> float:
    """Resident threads over the most that there can be, per cent.

    Args:
        arch: A key of `MULTIPROCESSORS`.
        threads: Of a block.
        registers: Of a thread.
        shared: Bytes of a block.

    Example:
        >>> occupancy("sm_90", 256, 226, 0)
        12.5
    """
    unit = MULTIPROCESSORS[arch]
    warps = -(-threads // WARP)
    of_warp = -(-registers // UNIT) * UNIT * WARP
    limits = [unit.blocks, unit.threads // (warps * WARP), unit.registers // of_warp // warps]
    if shared:
        limits.append(unit.shared // (shared + unit.reserved))
    return 100 * min(limits) * warps * WARP / unit.threads


def measure(stem: str, real: str, arch: str, cuda: int) -> tuple[bytes, dict[str, dict[str, float]]]:
    """The binary of a kernel file, and the numbers of its kernels as `budget.toml` has them."""
    from nvrtc import compile_kernels

    from r3d_cli.backend.cuda import compile_options
    from r3d_cli.backend.signatures import parse_kernels
    from r3d_cli.backend.sources import kernel_source

    source = kernel_source(stem)
    binary, found = compile_kernels(source, f"{stem}.cu", (*compile_options(real), f"-arch={arch}"), cuda)
    rows: dict[str, dict[str, float]] = {}
    for name, kernel in parse_kernels(source, real).items():
        used = found[name]
        rows[name] = {
            "registers": -(-used.registers // UNIT) * UNIT,
            "stack": used.stack,
            "spills": used.spills,
            "shared": used.shared,
            "occupancy": occupancy(arch, kernel.block, used.registers, used.shared),
        }
    return binary, rows


def main() -> None:
    from nvrtc import libraries

    from r3d_cli.backend.cuda import REALS
    from r3d_cli.backend.sources import stems

    lines = [
        "# Written by `python tests/gpu/budget.py` with NVRTC of CUDA 13: registers, bytes of stack and of",
        "# spills a thread, bytes of shared memory a block, occupancy in per cent.",
    ]
    for arch in MULTIPROCESSORS:
        for real in REALS:
            lines += ["", f"[{arch}.{real}]"]
            for stem in stems():
                _, rows = measure(stem, real, arch, max(libraries()))
                for name, row in rows.items():
                    values = ", ".join(f"{key} = {value:g}" for key, value in row.items())
                    lines.append(f"{name} = {{ {values} }}")
                print(arch, real, stem, file=sys.stderr)
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
