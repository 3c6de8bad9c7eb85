"""The Typer app: every command by its name."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from r3d_cli.commands.bench import bench
from r3d_cli.commands.doctor import doctor
from r3d_cli.commands.info import info
from r3d_cli.commands.render import render
from r3d_cli.commands.warmup import warmup
from r3d_cli.constants import VERSION

app = typer.Typer(
    name="r3d",
    add_completion=False,  # Typer's own would cost every command 10 ms; see below
    rich_markup_mode=None,  # rich would double the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


if "_R3D_COMPLETE" in os.environ:  # the shell asks what may come next
    from typer.completion import completion_init

    completion_init()


def _install_completion(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    if value and not context.resilient_parsing:
        from typer.completion import install_callback

        install_callback(context, parameter, value)
    return value


def _show_completion(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    if value and not context.resilient_parsing:
        from typer.completion import show_callback

        show_callback(context, parameter, value)
    return value


@app.callback(invoke_without_command=True)
def r3d(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            help="Have the current shell complete r3d's commands, options and values, and exit.",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            callback=_show_completion,
            help="Print the shell script that does so, and exit.",
        ),
    ] = False,
) -> None:
    """3D deep learning's operators, ragged batches and renderer in one command."""
    if version:
        typer.echo(f"r3d {VERSION}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (render, info, bench, doctor, warmup):
    app.command()(command)
