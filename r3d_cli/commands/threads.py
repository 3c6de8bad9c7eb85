"""How many CPU threads a command uses."""

from __future__ import annotations

import os

import typer

VARIABLE = "R3D_NUM_THREADS"


def use_threads(count: int | None) -> None:
    """Use ``count`` threads; None leaves it to the variable or the CPUs, and warns of a wrong variable."""
    if count is not None:
        from r3d_cli.backend.cpu import set_num_threads

        set_num_threads(count)
    elif fault := fault_of_variable():
        typer.echo(f"r3d: warning: {fault}", err=True)


def fault_of_variable() -> str | None:
    """What is wrong with ``R3D_NUM_THREADS``, if it is set."""
    text = os.environ.get(VARIABLE)
    if text is None or (
        text.isascii() and text.isdecimal() and 1 <= len(text) <= 4 and 1 <= int(text) <= 1024
    ):
        return None
    return f"{VARIABLE}={text!r} is not a whole number from 1 to 1024"
