"""Results in a terminal: coloured there, plain text in a pipe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from r3d_cli.bench.layout import LEGEND, Cell, Line, Table, facts, tables
from r3d_cli.bench.results import Results

if TYPE_CHECKING:
    import rich.console
    import rich.table

_STYLES = {"better": "green", "worse": "red", "fault": "bold red", "quiet": "dim", "": ""}


def show(results: Results, console: rich.console.Console | None = None) -> None:
    """Print the results' tables, a suite at a time.

    Args:
        results: What to print.
        console: Where to; by default standard output.
    """
    from rich.console import Console

    console = console or Console()
    for label, text in facts(results):
        _say(f"{label:<9} {text}", console)
    for table in tables(results):
        console.print()
        show_table(table, console)
    if results.rows:
        _say(f"\n{LEGEND}", console)


def _say(text: str, console: rich.console.Console) -> None:
    console.print(text, style="dim", markup=False, highlight=False, soft_wrap=not console.is_terminal)


def show_table(table: Table, console: rich.console.Console) -> None:
    """Print one table, its title above and its notes below."""
    console.print(table.title, style="bold", markup=False, highlight=False)
    if console.is_terminal:
        console.print(_fitting_grid(table, console))
    else:
        console.print(_plain(table), markup=False, highlight=False, soft_wrap=True)
    for note in table.notes:
        _say(note, console)


def _plain(table: Table) -> str:
    """Columns apart by two spaces, whatever their width."""
    rows = [
        [column.name for column in table.columns],
        *([cell.text for cell in line.cells] for line in table.lines),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            text.rjust(width) if column.figures else text.ljust(width)
            for text, width, column in zip(row, widths, table.columns, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _fitting_grid(table: Table, console: rich.console.Console) -> rich.table.Table:
    """The grid; where the terminal is narrow, with fewer columns, at last with cases in words."""
    unbounded = console.options.update(max_width=10**6)
    for narrowed in (table, _cases_in_words(table)):
        columns = list(range(len(narrowed.columns)))
        while True:
            grid = _grid(narrowed, columns)
            expendable = max(columns, key=lambda i: narrowed.columns[i].expendable)
            if console.measure(grid, options=unbounded).maximum <= console.width:
                return grid
            if not narrowed.columns[expendable].expendable:
                break
            columns.remove(expendable)
    return grid


def _cases_in_words(table: Table) -> Table:
    """The table with a line for each parameter of a case above its contestants, in their column."""
    at = [column.name for column in table.columns].index("contestant")
    lines = []
    for line in table.lines:
        if line.opens_case:
            named = zip(table.columns[:at], line.cells[:at], strict=True)
            words = [f"{column.name} {cell.text}" for column, cell in named]
            empty = [Cell()] * (len(line.cells) - at - 1)
            lines += [Line([Cell(text, "quiet"), *empty], i == 0) for i, text in enumerate(words)]
        lines.append(Line(line.cells[at:], line.opens_case and at == 0))
    return replace(table, columns=table.columns[at:], lines=lines)


def _grid(table: Table, columns: list[int]) -> rich.table.Table:
    import rich.box
    import rich.table
    from rich.text import Text

    grid = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i in columns:
        name = Text(table.columns[i].name.replace(" ", "\n", 1))
        grid.add_column(name, justify="right" if table.columns[i].figures else "left", no_wrap=True)
    has_peers = any(not line.opens_case for line in table.lines)
    for line in table.lines:
        if line.opens_case and has_peers:
            grid.add_section()
        grid.add_row(*(Text(line.cells[i].text, _STYLES[line.cells[i].tone]) for i in columns))
    return grid
