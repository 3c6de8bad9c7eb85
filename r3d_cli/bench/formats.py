"""Figures and parameters in words, the same in every export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from r3d_cli.bench.results import Parameter


def format_parameter(value: Parameter) -> str:
    """A case's parameter: 1,280 | 1e-06 | yes | ico."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else value


def describe(parameters: Mapping[str, Parameter], names: Iterable[str] | None = None) -> str:
    """Parameters in words: "faces 1,280, image 512"; of ``names`` alone where they are given."""
    chosen = parameters if names is None else [name for name in names if name in parameters]
    return ", ".join(f"{name} {format_parameter(parameters[name])}" for name in chosen)


def format_figure(value: float) -> str:
    """Three significant digits, at most three after the point, no exponent: 0.012, 1.23, 123, 12,300."""
    rounded = float(f"{value:.3g}")
    if rounded >= 1000 or not rounded:
        return f"{rounded:,.0f}"
    return f"{rounded:.{3 - len(str(int(rounded))) if rounded >= 1 else 3}f}"


def format_ms(milliseconds: float | None) -> str:
    """1.23 ms | 45 µs | 2.10 s; empty for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 0.1:
        return f"{format_figure(milliseconds * 1e3)} µs"
    if milliseconds < 1e4:
        return f"{format_figure(milliseconds)} ms"
    return f"{format_figure(milliseconds / 1e3)} s"


def format_bytes(count: float | None) -> str:
    """In powers of 1,024: 0 B | 1.50 MiB; empty for None."""
    if count is None:
        return ""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{format_figure(count) if unit != 'B' else int(count)} {unit}"
        count /= 1024
    return f"{format_figure(count)} GiB"
