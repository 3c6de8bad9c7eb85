"""``r3d bench``: speed and memory beside the peers', checked before they are timed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from r3d_cli.commands.values import check_device
from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_install

if TYPE_CHECKING:
    from r3d_cli.bench.measure import Job
    from r3d_cli.bench.results import Results

PLOT_FORMATS = (".png", ".svg")


def bench(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE]...", show_default="all of them", help="What to measure: see --list."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PEER|FILE.py|none",
            show_default="each suite's own",
            help="Peer to compare with, or a Python file that defines one; may be given several times.",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|cuda[:N]", help="Where to measure; auto: the CPU, and the GPU if it works."
        ),
    ] = "auto",
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            show_default="the suites' cases",
            help="Sizes to measure instead: faces, or pixels for shade-meshes.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few small cases: under two minutes on two cores.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Every case, long; up to 10 million faces.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Measure the mesh files of this folder as well."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="in the user's cache folder",
            help="Results, written after each case; for --resume and --compare.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a line a contestant.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the tables as Markdown.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the plots: PNG or SVG.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report in one file.")] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD.json", help="Show what changed beyond the noise; exit with 1 where slower."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with results that were interrupted.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the suites and the peers, and exit.")] = False,
) -> None:
    """Measure r3d beside its peers: speed and memory.

    Each result is checked against a slow reference before it is timed: who computes something else is shown,
    not timed. Contestants take turns; the median and the quartiles' distance of warm calls are shown, the
    first call apart. Memory is the peak above the inputs, in a process of its own. R3D_NUM_THREADS sets r3d's
    threads.
    """
    if list_:
        _list()
        return
    if quick and full:
        raise typer.BadParameter("choose --quick or --full, not both.", param_hint="'--quick'")
    numbers = _parse_sizes(sizes)
    check_device(device)
    if plot is not None and plot.suffix.lower() not in PLOT_FORMATS:
        raise typer.BadParameter(f"{plot}: its name must end in .png or .svg.", param_hint="'--plot'")
    if data is not None and not data.is_dir():
        raise R3dError(f"{data}: no such folder for --data")
    exports = {"csv": csv, "markdown": markdown, "plot": plot, "html": html}
    for path in (json, *exports.values()):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise R3dError(f"{path}: cannot be written: name a file in a folder that exists")
    if plot is not None or html is not None:
        _require_matplotlib()

    from r3d_cli.bench.results import Results
    from r3d_cli.bench.runner import Plan, run

    old = Results.load(compare) if compare is not None else None
    saved = json or _default_results()
    if resume and not saved.exists():
        raise R3dError(f"{saved}: there are no results to resume; leave out --resume")
    devices = _devices(device)
    plan = Plan(
        suites=tuple(dict.fromkeys(suites or ())),
        level="quick" if quick else "full" if full else "default",
        devices=devices,
        peers=_peers(against),
        sizes=numbers,
        data=data.absolute() if data else None,
    )
    try:
        results = run(
            plan,
            on_case=_show_case,
            save=saved,
            previous=Results.load(saved) if resume else None,
            about=lambda: _about(devices),
        )
    except KeyboardInterrupt:
        if saved.exists():
            typer.echo(f"r3d: interrupted; {saved} holds what was done, --resume goes on", err=True)
        raise
    _export(results, exports)
    for path in (json, *exports.values()):
        if path is not None:
            typer.echo(f"{path}: written", err=True)
    if old is not None and not _compare(old, results):
        raise typer.Exit(1)


def _list() -> None:
    from r3d_cli.bench.contestants import Contestant
    from r3d_cli.bench.suite import Selection
    from r3d_cli.bench.suite import suites as all_suites

    sources = dict.fromkeys(source for suite in all_suites().values() for source in suite.peers)
    typer.echo("Suites")
    for suite in all_suites().values():
        counts = [len(list(suite.cases(Selection(level)))) for level in ("quick", "default", "full")]
        typer.echo(f"  {suite.name:18} {suite.about}")
        typer.echo(f"  {'':18} {counts[1]} cases, {counts[0]} with --quick, {counts[2]} with --full")
    typer.echo("Peers (--against)")
    for source in (*sources, "torch_compiled"):
        contestant = Contestant(source)
        state = f"missing: {contestant.missing}" if contestant.missing else "installed"
        typer.echo(f"  {source.replace('_', '-'):18} {contestant.name}, {state}")


def _require_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise R3dError(f"--plot and --html need matplotlib; {pip_install(extra='bench')}")


def _parse_sizes(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) < 10**9 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list like 1000,100000.", param_hint="'--sizes'")
    return tuple(map(int, parts))


def _peers(against: list[str] | None) -> tuple[str, ...] | None:
    if not against:
        return None
    named = dict.fromkeys(name for name in against if name != "none")
    # Where files are looked for may differ in the processes that measure.
    return tuple(os.path.abspath(name) if name.endswith(".py") else name for name in named)


def _devices(device: str) -> tuple[str, ...]:
    if device == "cpu":
        return ("cpu",)
    if device == "auto":
        from r3d_cli.backend.cuda_state import cuda_state

        state = cuda_state(load_cupy=False)
        if state.gpus and state.fault:
            typer.echo(f"r3d: warning: the GPU is left out: {state.fault}; {state.mend}", err=True)
        return ("cpu", "cuda:0") if state.gpus and not state.fault else ("cpu",)
    from r3d_cli.backend.devices import choose_device

    return (choose_device(device, faces=0, samples=0).device,)


def _default_results() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "r3d"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "bench.json"


def _about(devices: tuple[str, ...]) -> dict[str, Any]:
    from r3d_cli.bench.ceilings import measure_ceilings
    from r3d_cli.bench.machine import describe_machine

    return {
        "machine": describe_machine(),
        "ceilings": {device: measure_ceilings(device) for device in devices},
    }


def _show_case(job: Job, index: int, count: int) -> None:
    parameters = " ".join(f"{name}={value}" for name, value in job.case.items())
    typer.echo(f"[{index + 1}/{count}] {job.suite} {job.place.device} {parameters}", err=True)


def _export(results: Results, paths: dict[str, Path | None]) -> None:
    """The table on standard output, and the files that were asked for (``bench.exports``: a module each)."""
    from importlib import import_module

    from r3d_cli.bench.exports.table import show

    show(results)
    sys.stdout.flush()
    for name, path in paths.items():
        if path is not None:
            import_module(f"r3d_cli.bench.exports.{name}").write(results, path)


def _compare(old: Results, new: Results) -> bool:
    """Print what changed; returns whether nothing of ours became slower, larger or wrong."""
    from r3d_cli.bench.compare import compare

    comparison = compare(old, new)
    for line in comparison.lines():
        typer.echo(line)
    return not comparison.regressions
