"""Results as GitHub-flavoured Markdown."""

from __future__ import annotations

import os

from r3d_cli.bench.files import write_whole
from r3d_cli.bench.layout import LEGEND, Table, facts, tables
from r3d_cli.bench.results import Results


def markdown(results: Results) -> str:
    """The machine, and a heading and a table for each suite."""
    blocks = ["\n".join(f"- {label}: {_escape(text)}" for label, text in facts(results))]
    for table in tables(results):
        blocks += [f"### {_escape(table.title)}", _table(table)]
        blocks += ["\n".join(f"- {_escape(note)}" for note in table.notes)]
    blocks.append(LEGEND)
    return "\n\n".join(filter(None, blocks)) + "\n"


def write(results: Results, path: str | os.PathLike[str]) -> None:
    """Write :func:`markdown` to ``path``; OSError where that fails."""
    write_whole(path, markdown(results))


def _table(table: Table) -> str:
    rows = [[_escape(column.name) for column in table.columns]]
    rows += [["---:" if column.figures else "---" for column in table.columns]]
    for line in table.lines:
        rows.append([_escape(cell.text) for cell in line.cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escape(text: str) -> str:
    for mark in "\\|`*_<>":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
