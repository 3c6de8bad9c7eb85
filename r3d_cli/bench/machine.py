"""The machine and the software that a run was made with, as a reader of its figures wants to know them."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

#: Distributions whose versions matter to some suite or peer.
PACKAGES = (
    "numpy",
    "torch",
    "cupy-cuda12x",
    "cupy-cuda13x",
    "trimesh",
    "pillow",
    "embreex",
    "open3d",
    "scipy",
    "pytorch3d",
    "nvdiffrast",
    "mitsuba",
)


def describe_machine() -> dict[str, Any]:
    """CPU, memory, GPUs, system and versions, ready for JSON.

    Example:
        >>> sorted(describe_machine())
        ['cores', 'cpu', 'gpus', 'isa', 'memory_bytes', 'packages', 'python', 'system', 'threads']
    """
    from r3d_cli.backend import cpu
    from r3d_cli.backend.cuda_state import cuda_state

    return {
        "cpu": cpu.cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": cpu.num_threads(),
        "isa": cpu.isa(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "gpus": [
            {"name": gpu.name, "compute_capability": gpu.compute_capability, "memory_bytes": gpu.memory}
            for gpu in cuda_state(load_cupy=False).gpus
        ],
        "system": _system(),
        "python": platform.python_version(),
        "packages": _versions(),
    }


def machine_lines(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """What :func:`describe_machine` found, as (label, text) pairs; leaves out what is not there."""
    gpus = (
        f"{gpu['name']}, compute {gpu['compute_capability']}, {gpu['memory_bytes'] / 2**30:.0f} GiB"
        for gpu in machine.get("gpus", ())
    )
    cpu = [machine.get("cpu", "")]
    cpu += [
        f"{machine[key]} {label}"
        for key, label in (("cores", "CPUs"), ("threads", "threads"))
        if key in machine
    ]
    memory = machine.get("memory_bytes")
    lines = [
        ("CPU", ", ".join(filter(None, [*cpu, machine.get("isa", "")]))),
        ("Memory", f"{memory / 2**30:.0f} GiB" if memory else ""),
        ("GPU", "; ".join(gpus)),
        ("System", machine.get("system", "")),
        ("Python", machine.get("python", "")),
        ("Packages", ", ".join(f"{name} {version}" for name, version in machine.get("packages", {}).items())),
    ]
    return [(label, text) for label, text in lines if text]


def _system() -> str:
    try:
        distribution = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        distribution = platform.system()
    return f"{distribution}, Linux {platform.release()}, {platform.machine()}"


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
