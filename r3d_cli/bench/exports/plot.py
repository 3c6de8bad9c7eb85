"""Results as log-log plots: time and memory against the parameter that grows, a line a contestant."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r3d_cli.bench.ceilings import COPY, FMA
from r3d_cli.bench.files import write_whole
from r3d_cli.bench.formats import describe
from r3d_cli.bench.layout import OURS, contestants, split_parameters
from r3d_cli.bench.results import Results, Row
from r3d_cli.bench.series import Series, all_series, timed_row
from r3d_cli.errors import R3dError
from r3d_cli.extras import pip_install

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Extension -> matplotlib's format.
FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}

# Okabe and Ito's colours, which the colour-blind tell apart; r3d's first. They read on white and on black.
_COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#8A8A8A")
_MARKERS = "osD^vPX"
_PANEL = (4.6, 3.1)  # inches
_INK = "#222222"
_DPI = 144
_LEGEND_COLUMNS = 6
_LEAST_SPAN = 10  # from bottom to top of a panel: a small difference shall look small


def write(results: Results, path: str | os.PathLike[str]) -> None:
    """Draw all suites into a picture.

    Args:
        results: What to draw; needs one row with a time.
        path: Its extension chooses PNG, SVG or PDF.

    Raises:
        R3dError: Unknown extension, nothing to draw, or matplotlib is not installed.
        OSError: The file cannot be written.
    """
    write_whole(path, encode(results, plot_format(path)))


def plot_format(path: str | os.PathLike[str]) -> str:
    """matplotlib's name of the format that ``path``'s extension asks for.

    Raises:
        R3dError: It is none of ours.
    """
    try:
        return FORMATS[Path(path).suffix.lower()]
    except KeyError:
        raise R3dError(f"{os.fspath(path)}: a plot's name must end in {', '.join(FORMATS)}") from None


def encode(results: Results, format: str, *, ink: str = _INK, transparent: bool = False) -> bytes:
    """The picture of :func:`draw`, the same bytes for the same results; see :func:`write` for its errors."""
    matplotlib = _matplotlib()
    with matplotlib.rc_context({"svg.hashsalt": results.created, "svg.fonttype": "none"}):
        figure = draw(results, ink=ink)
        buffer = io.BytesIO()
        metadata = {"Date": None} if format == "svg" else {"CreationDate": None} if format == "pdf" else None
        figure.savefig(buffer, format=format, dpi=_DPI, transparent=transparent, metadata=metadata)
    return buffer.getvalue()


def has_times(results: Results) -> bool:
    """Whether there is anything to draw."""
    return any(row.status == "ok" for row in results.rows)


def draw(results: Results, *, ink: str = _INK) -> Figure:
    """A matplotlib figure: each series a row of panels, time at the left, memory at the right.

    Lines go through medians, bars span the quartiles; where the least work of the cases and the machine's
    ceilings are known, a dashed line shows the time that the ceilings allow.
    """
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    if not has_times(results):
        raise R3dError("nothing to plot: no contestant has a time; look at the table's notes")
    every = list(all_series(results))
    cases = [case for series in every for case in series.cases]
    names = [name for name in contestants(cases) if any(timed_row(case, name) for case in cases)]
    looks = {name: _look(i) for i, name in enumerate(names)}
    timed = [row for case in cases for name in names if (row := timed_row(case, name))]
    columns = 2 if any(row.peak_bytes for row in timed) else 1
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    with matplotlib.rc_context({**dict.fromkeys(inked, ink), "font.size": 9, "axes.titlesize": 9}):
        size = (_PANEL[0] * columns, _PANEL[1] * len(every) + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(every), columns, squeeze=False)
        for axes, series in zip(grid, every, strict=True):
            _draw_panel(axes[0], series, "time", looks)
            _draw_ceiling(axes[0], series, results.ceilings.get(series.device, {}), ink)
            if columns > 1:
                _draw_panel(axes[1], series, "memory", looks)
        _draw_legend(figure, names)
    return figure


def _draw_legend(figure: Figure, names: list[str]) -> None:
    """One for all panels, in the tables' order."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles |= {str(label): line for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    labels = sorted(handles, key=lambda label: names.index(label) if label in names else len(names))
    figure.legend(
        [handles[label] for label in labels],
        labels,
        loc="outside upper center",
        ncols=min(len(labels), _LEGEND_COLUMNS),
        frameon=False,
    )


def _look(index: int) -> tuple[str, str]:
    """Colour and marker; only r3d, the first, has the first colour."""
    color = _COLORS[index] if index < len(_COLORS) else _COLORS[1 + (index - 1) % (len(_COLORS) - 1)]
    return color, _MARKERS[index % len(_MARKERS)]


def _draw_panel(axes: Axes, series: Series, measure: str, looks: dict[str, tuple[str, str]]) -> None:
    places = series.places
    names = [name for name in looks if any(timed_row(case, name) for case in series.cases)]
    for index, name in enumerate(names):
        rows = [timed_row(case, name) for case in series.cases]
        heights = [_height(row, measure) for row in rows]
        if all(map(math.isnan, heights)):
            continue
        color, marker = looks[name]
        # Where places are but names, contestants stand beside each other.
        aside = 0.0 if series.axis else 0.6 * ((index + 0.5) / len(names) - 0.5)
        axes.errorbar(
            [place + aside for place in places],
            heights,  # a gap where there is none
            yerr=_quartile_bars(rows) if measure == "time" else None,
            color=color,
            marker=marker,
            markersize=5,
            linewidth=2.2 if name == OURS else 1.3,
            linestyle="-" if series.axis else "none",
            elinewidth=1,
            capsize=2,
            label=name,
            zorder=3 if name == OURS else 2,
        )
    axes.set_yscale("log")
    axes.set_ylabel("time, ms" if measure == "time" else "peak memory, MiB")
    axes.set_title(
        f"{series.suite} on {series.device}" + (f"\n{series.shared}" if series.shared else ""), loc="left"
    )
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    _set_ticks(axes, series, places)


def _set_ticks(axes: Axes, series: Series, places: list[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    if (room := math.sqrt(_LEAST_SPAN / (high / low))) > 1:
        low, high = axes.set_ylim(low / room, high * room)
    if high / low < 30:  # powers of ten alone would leave one number, or none
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    if series.axis is None:
        _, varying = split_parameters(series.cases)
        labels = [describe(case.parameters, varying).replace(", ", "\n") for case in series.cases]
        axes.set_xticks(places, labels, fontsize=7)
        axes.set_xlim(-0.5, len(places) - 0.5)
        return
    axes.set_xlabel(series.axis)
    if min(places) > 0:
        axes.set_xscale("log")
        axes.set_xticks(places, [_short(place) for place in places])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", which="minor", length=0)


def _short(value: float) -> str:
    """1,280 | 20.5k | 1.5M | 1e-06."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _height(row: Row | None, measure: str) -> float:
    """What is drawn of a row, in the unit of its axis; NaN where there is nothing."""
    if row is None:
        return math.nan
    if measure == "time":
        return row.median_ms or math.nan
    return row.peak_bytes / 2**20 if row.peak_bytes else math.nan


def _quartile_bars(rows: list[Row | None]) -> list[list[float]]:
    """How far the quartiles lie below and above the medians, for matplotlib's ``yerr``."""
    import numpy as np

    quartiles = np.full((len(rows), 3), math.nan)
    for i, row in enumerate(rows):
        if row:
            quartiles[i] = np.percentile(row.times_ms, (25, 50, 75))
    return np.diff(quartiles, axis=1).T.tolist()


def _draw_ceiling(axes: Axes, series: Series, ceilings: dict[str, float], ink: str) -> None:
    places, least = [], []
    for place, case in zip(series.places, series.cases, strict=True):
        work = next((row.work for row in case.rows.values() if row.work), {})
        times = [
            work[kind] / (ceilings[name] * 1e9) * 1e3
            for kind, name in (("bytes", COPY), ("flops", FMA))
            if work.get(kind) and ceilings.get(name)
        ]
        if times:
            places.append(place)
            least.append(max(times))
    if places and series.axis:
        axes.plot(places, least, color=ink, alpha=0.6, linestyle="--", linewidth=1, label="ceiling")


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise R3dError(f"plots need matplotlib; {pip_install(extra='bench')}") from None
    return matplotlib
