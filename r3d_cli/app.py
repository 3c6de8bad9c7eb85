"""The Typer app: every command by its name."""

from __future__ import annotations

from typing import Annotated

import typer

from r3d_cli.commands.bench import bench
from r3d_cli.commands.doctor import doctor
from r3d_cli.commands.info import info
from r3d_cli.commands.render import render
from r3d_cli.commands.warmup import warmup
from r3d_cli.constants import VERSION

app = typer.Typer(
    name="r3d",
    add_completion=False,
    rich_markup_mode=None,  # rich would double the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def r3d(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """3D deep learning's operators, ragged batches and renderer in one command."""
    if version:
        typer.echo(f"r3d {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (render, info, bench, doctor, warmup):
    app.command()(command)
