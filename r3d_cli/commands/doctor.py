"""``r3d doctor``: what r3d finds on this machine, what is missing, and the mend."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from r3d_cli.commands.threads import VARIABLE, fault_of_variable
from r3d_cli.extras import pip_reinstall

NAMES = {"driver": "driver", "CuPy": "cupy", "NVRTC": "nvrtc"}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what works here, and the mend of what does not.

    Versions, CPU, threads, kernel sources, the state of CUDA. Exits with 0 where the CPU path works.
    """
    report = _examine()
    if json_:
        import json

        typer.echo(json.dumps(report, indent=2))
    else:
        for line in _as_text(report):
            typer.echo(line)
    if report["cpu"]["fault"]:
        raise typer.Exit(1)


def _examine() -> dict[str, Any]:
    from dataclasses import asdict

    from r3d_cli.backend.cuda_state import cuda_state

    return {
        "versions": _versions(),
        "cpu": _cpu(),
        "kernels": _kernel_sources(),
        "cuda": asdict(cuda_state()),
    }


def _versions() -> dict[str, str | None]:
    import platform
    from importlib import metadata

    from r3d_cli.constants import VERSION

    versions: dict[str, str | None] = {"r3d": VERSION, "python": platform.python_version()}
    for package in ("numpy", "torch", "trimesh", "pillow"):
        try:
            versions[package] = metadata.version(package)  # importing torch would cost 2 s
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _cpu() -> dict[str, Any]:
    """The CPU path, tried out on one triangle."""
    import os

    from r3d_cli.backend.cpu import cpu_model

    report: dict[str, Any] = {"model": cpu_model(), "allowed_cpus": len(os.sched_getaffinity(0))}
    try:
        import numpy as np

        from r3d_cli.backend import cpu
        from r3d_cli.backend.rasterize_meshes import rasterize_meshes

        report |= {
            "instruction_sets": cpu.isas(),
            "in_use": cpu.isa(),
            "threads": cpu.num_threads(),
            "threads_from": _threads_from(),
        }
        triangle = np.array([[-3, -3, 1], [3, -3, 1], [0, 3, 1]], np.float32)
        one = np.array([0, 1], np.int64)
        ids = rasterize_meshes(triangle, np.array([[0, 1, 2]]), one, (1, 1)).pix_to_face
        report["fault"] = (
            None if ids.item() == 0 else "the rasterizer misses a triangle that covers the image"
        )
    except Exception as error:
        report["fault"] = f"{type(error).__name__}: {' '.join(str(error).split())}"
    report["mend"] = f"reinstall: {pip_reinstall()}" if report["fault"] else None
    return report


def _threads_from() -> str:
    import os

    if fault := fault_of_variable():
        return f"the CPUs this process may run on, since {fault}"
    return VARIABLE if VARIABLE in os.environ else "the CPUs this process may run on"


def _kernel_sources() -> dict[str, Any]:
    from r3d_cli.backend.sources import SourcesMissing, kernels_folder, stems

    try:
        return {"folder": str(kernels_folder()), "files": [f"{stem}.cu" for stem in stems()], "fault": None}
    except SourcesMissing as error:
        return {"folder": None, "files": [], "fault": str(error)}


def _as_text(report: dict[str, Any]) -> list[str]:
    versions, cpu, kernels, cuda = (report[key] for key in ("versions", "cpu", "kernels", "cuda"))
    lines = ["  ".join(f"{name} {version or 'not installed'}" for name, version in versions.items())]
    lines.append(f"CPU      {cpu['model']}, {cpu['allowed_cpus']} allowed")
    if cpu["fault"]:
        lines += [f"         fault: {cpu['fault']}", f"         mend:  {cpu['mend']}"]
    else:
        others = ", ".join(name for name in cpu["instruction_sets"] if name != cpu["in_use"])
        lines.append(
            f"         instruction set {cpu['in_use']}" + (f" (also here: {others})" if others else "")
        )
        lines.append(f"         {cpu['threads']} threads: {cpu['threads_from']}")
    sources = kernels["fault"] or f"{', '.join(kernels['files'])} in {kernels['folder']}"
    lines.append(f"Kernels  {sources}")
    found = (f"{name} {cuda[key] or 'none'}" for name, key in NAMES.items())
    lines.append(f"CUDA     {', '.join(found)}")
    for index, gpu in enumerate(cuda["gpus"]):
        memory = f"{gpu['memory'] / 2**30:.0f} GiB"
        lines.append(f"         cuda:{index}  {gpu['name']}, compute {gpu['compute_capability']}, {memory}")
    if cuda["fault"]:
        lines += [f"         fault: {cuda['fault']}", f"         mend:  {cuda['mend']}"]
    return lines
