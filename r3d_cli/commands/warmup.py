"""``r3d warmup``: compile every kernel for this machine's GPU ahead of its first use."""

from __future__ import annotations

from typing import Annotated

import typer

from r3d_cli.commands.values import check_device


def warmup(
    device: Annotated[str, typer.Option(metavar="cuda[:N]", help="GPU to compile for.")] = "cuda",
) -> None:
    """Compile the kernels for the GPU.

    The results stay in CuPy's cache (~/.cupy/kernel_cache, or the folder CUPY_CACHE_DIR), so that later runs
    start without compiling.
    """
    kind, _, index = check_device(device).partition(":")
    if kind != "cuda":
        raise typer.BadParameter("only a GPU is warmed up, choose cuda or cuda:N.", param_hint="'--device'")
    from r3d_cli.backend.cuda import warmup as compile_all
    from r3d_cli.backend.sources import stems

    seconds = compile_all(int(index or 0))
    typer.echo(
        f"cuda:{index or 0}: {len(stems())} kernel files compiled or found in the cache, {seconds:.2f} s"
    )
