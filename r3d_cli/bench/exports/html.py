"""Results as one HTML file that needs nothing else: tables, plots, the machine; on light and dark screens."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html import escape

from r3d_cli.bench.exports.plot import encode, has_times
from r3d_cli.bench.files import write_whole
from r3d_cli.bench.layout import LEGEND, Cell, Table, facts, tables
from r3d_cli.bench.results import Results

# What plots are drawn with, to be replaced by the page's own text colour.
_INK = "#010203"

# The page loads nothing, and the browser holds it to that.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2024; --quiet: #6a7078; --paper: #ffffff; --panel: #f5f6f8;
  --rule: #d9dce1; --better: #0b7a3b; --worse: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9aa1aa; --paper: #14161a;
  --panel: #1d2025; --rule: #363b43; --better: #5fd38d; --worse: #ff8a80; } }
body { margin: 2rem auto; max-width: 86rem; padding: 0 1.2rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
p, li, dl { color: var(--quiet); } ul { padding-left: 1.2rem; margin: .6rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--panel); border-radius: 8px; padding: .5rem .9rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .16rem .8rem; text-align: left; white-space: nowrap; }
th { border-bottom: 1px solid var(--rule); } tr.case td { border-top: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
.figure { text-align: right; } .better { color: var(--better); } .worse, .fault { color: var(--worse); }
.fault { font-weight: 600; } .quiet { color: var(--quiet); }
figure { margin: 1.2rem 0; } figure svg { width: 100%; height: auto; }
figure svg text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif !important; }
"""


def html(results: Results) -> str:
    """The report: the machine, then for each suite its plots and its table.

    Raises:
        R3dError: matplotlib is not installed.
    """
    sections = [_section(table, results) for table in tables(results)]
    listed = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in facts(results))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<link rel="icon" href="data:,">\n<title>r3d bench</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>r3d bench</h1>\n<dl>{listed}</dl>\n"
        f"{''.join(sections)}<p>{escape(LEGEND)}</p>\n</body>\n</html>\n"
    )


def write(results: Results, path: str | os.PathLike[str]) -> None:
    """Write :func:`html` to ``path``; OSError where that fails."""
    write_whole(path, html(results))


def _section(table: Table, results: Results) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    return (
        f"<h2>{escape(table.title)}</h2>\n{_plot(table, results)}"
        f'<div class="scroll">{_table(table)}</div>\n' + (f"<ul>{notes}</ul>\n" if notes else "")
    )


def _plot(table: Table, results: Results) -> str:
    rows = [row for row in results.rows if (row.suite, row.device) == (table.suite, table.device)]
    suite = replace(results, rows=rows)
    if not has_times(suite):
        return ""
    svg = encode(suite, "svg", ink=_INK, transparent=True).decode()
    svg = svg[svg.index("<svg") :]  # without the XML header
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace(_INK, "currentColor")
    # Ids of one page must differ: every plot defines markers and clip paths.
    prefix = re.sub(r"\W", "-", f"{table.suite}-{table.device}-")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    return f'<figure role="img" aria-label="{escape(table.title)}">{svg}</figure>\n'


def _table(table: Table) -> str:
    head = "".join(f"<th{_class(figures=c.figures)}>{escape(c.name)}</th>" for c in table.columns)
    body = []
    for line in table.lines:
        cells = "".join(
            f"<td{_class(cell, figures=column.figures)}>{escape(cell.text)}</td>"
            for cell, column in zip(line.cells, table.columns, strict=True)
        )
        body.append(f'<tr class="case">{cells}</tr>' if line.opens_case else f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _class(cell: Cell | None = None, *, figures: bool) -> str:
    names = [*(["figure"] if figures else []), *([cell.tone] if cell and cell.tone else [])]
    return f' class="{" ".join(names)}"' if names else ""
