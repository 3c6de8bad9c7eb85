"""The exports: what they say of synthetic results, in the terminal, a pipe, Markdown, CSV, plots and HTML."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image
from rich.console import Console

from r3d_cli.bench.exports import csv, html, markdown, plot, table
from r3d_cli.bench.formats import format_bytes, format_figure, format_ms, format_parameter
from r3d_cli.bench.layout import tables
from r3d_cli.bench.results import Results, Row
from r3d_cli.bench.series import all_series
from r3d_cli.errors import R3dError

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
ORANGE = (0xD5, 0x5E, 0x00)  # r3d's line


def row(contestant: str, faces: int, ms: float | None, image: int = 512, **fields: object) -> Row:
    """A row of three warm times of which ``ms`` is the median."""
    times = [] if ms is None else [0.9 * ms, ms, 1.1 * ms]
    case = {"mesh": "ico", "faces": faces, "image": image}
    made = Row("rasterize-meshes", case, "cpu", contestant, "ok", times_ms=times)
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture
def results() -> Results:
    return Results(
        r3d="0.1.0",
        created="2026-11-22T20:00:00+00:00",
        machine={
            "cpu": "Imaginary <9000>",
            "cores": 2,
            "memory_bytes": 2**33,
            "packages": {"numpy": "2.4.6"},
        },
        ceilings={"cpu": {"copy_gb_s": 20.0, "fma_gflop_s": 100.0}},
        method={"repetitions": 3, "contestants": ["r3d", "slow"]},
        rows=[
            row("slow", 1000, 8.0, peak_bytes=3 * 2**20),
            row("r3d", 1000, 2.0, peak_bytes=2**20, cold_ms=30.0, work={"bytes": 1e7}),
            row("quick", 1000, 1.0, peak_bytes=2**19, message="first hits | only"),
            row("absent", 1000, None, status="missing", message="pip install absent"),
            row("r3d", 64000, 5.0, peak_bytes=2**21, work={"bytes": 5e7}),
            row("slow", 64000, None, status="timeout", message="over 20 s"),
            row("quick", 64000, 6.0, peak_bytes=2**21),
            row("absent", 64000, None, status="missing", message="pip install absent"),
            row("r3d", 1000, 3.0, image=2048, peak_bytes=2**22),
            row("quick", 1000, None, image=2048, status="wrong", message="ids differ on 3 % of pixels"),
            Row("render", {"file": "spot.obj"}, "cpu", "r3d", "ok", times_ms=[180.0], peak_bytes=2**26),
            Row("render", {"file": "spot.obj"}, "cpu", "f3d", "ok", times_ms=[540.0], peak_bytes=2**27),
        ],
    )


def cells(results: Results) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in tables(results)[0].lines]


def test_a_table_says_what_was_measured(results: Results) -> None:
    first, second = tables(results)
    assert first.title == "rasterize-meshes on cpu: mesh ico"
    assert second.title == "render on cpu: file spot.obj"
    assert [column.name for column in first.columns] == [
        *("faces", "image", "contestant", "time", "spread", "time ÷ r3d"),
        *("memory", "memory ÷ r3d", "of ceiling", "first call"),
    ]
    assert cells(results) == [
        ["1,000", "512", "r3d", "2.00 ms", "±10 %", "", "1.00 MiB", "", "25 % copy", "30.0 ms"],
        ["", "", "slow", "8.00 ms", "±10 %", "4.00", "3.00 MiB", "3.00", "", ""],
        ["", "", "quick", "1.00 ms", "±10 %", "0.500", "512 KiB", "0.500", "", ""],
        ["64,000", "512", "r3d", "5.00 ms", "±10 %", "", "2.00 MiB", "", "50 % copy", ""],
        ["", "", "slow", "timeout", "", "", "", "", "", ""],
        ["", "", "quick", "6.00 ms", "±10 %", "1.20", "2.00 MiB", "1.00", "", ""],
        ["1,000", "2,048", "r3d", "3.00 ms", "±10 %", "", "4.00 MiB", "", "", ""],
        ["", "", "quick", "wrong", "", "", "", "", "", ""],
    ]
    assert first.notes == [
        "slow, faces 64,000, image 512: timeout: over 20 s",
        "quick, faces 1,000, image 512: first hits | only",
        "quick, faces 1,000, image 2,048: wrong: ids differ on 3 % of pixels",
        "absent is not installed: pip install absent",
    ]


def test_tones_tell_who_is_better(results: Results) -> None:
    first = tables(results)[0]
    tones = {(line.cells[2].text, cell.text): cell.tone for line in first.lines for cell in line.cells}
    assert tones["slow", "4.00"] == "better"
    assert tones["quick", "0.500"] == "worse"
    assert tones["quick", "1.00"] == ""
    assert tones["quick", "wrong"] == tones["slow", "timeout"] == "fault"


def test_no_ratio_to_a_wrong_result_of_ours(results: Results) -> None:
    for one in results.rows:
        if one.contestant == "r3d":
            one.status, one.times_ms = "wrong", []
    first = tables(results)[0]
    assert "time ÷ r3d" not in [column.name for column in first.columns]
    assert "of ceiling" not in [column.name for column in first.columns]


def test_a_pipe_gets_plain_unwrapped_text(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    table.show(results)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "CPU       Imaginary <9000>, 2 CPUs" in text
    assert "Method    repetitions 3\n" in text
    assert "Ceilings  cpu: copy 20 GB/s, FMA 100 GFLOP/s" in text
    lines = text.splitlines()
    header = lines.index("rasterize-meshes on cpu: mesh ico") + 1
    ours, slow = lines[header + 1], lines[header + 2]
    assert " ".join(ours.split()) == "1,000 512 r3d 2.00 ms ±10 % 1.00 MiB 25 % copy 30.0 ms"
    assert ours.index("2.00 ms") == slow.index("8.00 ms") == lines[header].index("time") - 3
    assert not any(line.endswith(" ") for line in lines)


def test_a_terminal_gets_colours_and_only_columns_that_fit(results: Results) -> None:
    def show(width: int) -> str:
        console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=width)
        table.show(results, console)
        return console.file.getvalue()  # type: ignore[attr-defined]

    wide = show(120)
    assert re.search(r"\x1b\[32m\s*4\.00", wide)
    assert re.search(r"\x1b\[31m\s*0\.500", wide)
    assert "30.0 ms" in wide
    narrow = show(72)
    assert "30.0 ms" not in narrow  # the first call goes first
    assert "4.00" in narrow
    assert "…" not in narrow
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in narrow.splitlines()) <= 72
    narrowest = show(50)  # each parameter on a line of its own
    assert "image 2,048" in narrowest
    assert re.search(r"slow +8\.00 ms", re.sub(r"\x1b\[[0-9;]*m", "", narrowest))
    assert "…" not in narrowest


def test_markdown_has_a_table_a_suite_with_marks_escaped(results: Results) -> None:
    text = markdown.markdown(results)
    assert "- CPU: Imaginary \\<9000\\>, 2 CPUs" in text
    assert "### rasterize-meshes on cpu: mesh ico\n\n| faces | image | contestant |" in text
    assert "\n| ---: | ---: | --- | ---: |" in text
    assert "| 64,000 | 512 | r3d | 5.00 ms |" in text
    assert "- quick, faces 1,000, image 512: first hits \\| only\n" in text
    body = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in body} == {
        11,
        7,
    }  # of the first table, of the second


def test_csv_reads_back(results: Results, tmp_path: Path) -> None:
    csv.write(results, tmp_path / "bench.csv")
    read = pandas.read_csv(tmp_path / "bench.csv")
    assert len(read) == len(results.rows)
    assert (
        "1000,512" in (tmp_path / "bench.csv").read_text()
    )  # counts are no floats, whatever other suites lack
    slow = read[(read.contestant == "slow") & (read["case.faces"] == 1000)].iloc[0]
    assert (slow.median_ms, slow.time_ratio, slow.memory_ratio, slow.repetitions) == (8.0, 4.0, 3.0, 3)
    ours = read[(read.contestant == "r3d") & (read["case.faces"] == 64000)].iloc[0]
    assert ours.copy_share == pytest.approx(0.5)
    assert list(read[read.status == "timeout"].message) == ["over 20 s"]


@needs_matplotlib
def test_a_plot_has_a_panel_for_each_series(results: Results) -> None:
    series = list(all_series(results))
    assert [(one.suite, one.axis, one.shared) for one in series] == [
        ("rasterize-meshes", "faces", "mesh ico, image 512"),
        ("rasterize-meshes", "image", "mesh ico, faces 1,000"),
        ("render", None, "file spot.obj"),
    ]
    figure = plot.draw(results)
    assert len(figure.axes) == 6  # time and memory of each
    time, memory = figure.axes[:2]
    lines = {container.get_label(): container[0].get_xydata() for container in time.containers}
    np.testing.assert_allclose(lines["r3d"], [(1000, 2.0), (64000, 5.0)])
    np.testing.assert_allclose(lines["slow"], [(1000, 8.0), (64000, np.nan)])  # a gap, no line across it
    assert (time.get_xscale(), time.get_yscale()) == ("log", "log")
    ceiling = next(line for line in time.lines if line.get_label() == "ceiling")
    np.testing.assert_allclose(ceiling.get_xydata(), [(1000, 0.5), (64000, 2.5)])
    held = {container.get_label(): container[0].get_xydata()[:, 1] for container in memory.containers}
    np.testing.assert_allclose(held["r3d"], [1.0, 2.0])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("r3d", "slow", "quick", "f3d", "ceiling")
    ]


@needs_matplotlib
def test_only_r3d_has_its_colour(results: Results) -> None:
    results.rows += [row(f"peer {i}", 1000, 4.0 + i) for i in range(9)]
    containers = plot.draw(results).axes[0].containers
    colors = {container.get_label(): container[0].get_color() for container in containers}
    assert len(colors) == 12
    assert colors.pop("r3d") not in colors.values()


@needs_matplotlib
def test_contestants_of_a_named_case_stand_beside_each_other(results: Results) -> None:
    render = plot.draw(results).axes[4]
    places = {container.get_label(): container[0].get_xydata()[0, 0] for container in render.containers}
    assert places["r3d"] < -0.1 < 0.1 < places["f3d"]
    low, high = render.get_ylim()
    assert high / low == pytest.approx(10)  # 180 and 540 ms


def test_every_case_of_a_grid_is_drawn_once_or_more() -> None:
    grid = Results(
        rows=[row("r3d", faces, 1.0, image) for faces in (1, 10, 100) for image in (64, 128)]
        + [row("r3d", 7, 1.0, 7)]  # shares no parameter with the others
    )
    series = list(all_series(grid))
    assert [(one.axis, len(one.cases)) for one in series] == [("faces", 3), ("faces", 3), (None, 1)]


@needs_matplotlib
@pytest.mark.parametrize("format", ["png", "svg"])
def test_plots_are_the_same_bytes_each_time(results: Results, tmp_path: Path, format: str) -> None:
    first, second = (tmp_path / f"{name}.{format}" for name in ("first", "second"))
    plot.write(results, first)
    plot.write(results, second)
    assert first.read_bytes() == second.read_bytes()
    if format == "png":
        pixels = np.asarray(Image.open(first).convert("RGB"))
        assert (pixels == ORANGE).all(axis=2).sum() > 500
    else:
        assert "rasterize-meshes on cpu" in first.read_text()


@needs_matplotlib
def test_a_plot_that_cannot_be_made_says_why(results: Results, tmp_path: Path) -> None:
    with pytest.raises(R3dError, match=r"bench\.gif: a plot's name must end in \.png, \.svg, \.pdf"):
        plot.write(results, tmp_path / "bench.gif")
    results.rows = [one for one in results.rows if one.status != "ok"]
    with pytest.raises(R3dError, match="nothing to plot"):
        plot.write(results, tmp_path / "bench.png")


def test_matplotlib_missing_is_a_line_with_the_mend(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(R3dError, match=r"pip install .*'matplotlib>=3\.8'"):
        plot.write(results, tmp_path / "bench.png")
    assert not list(tmp_path.iterdir())


@needs_matplotlib
def test_a_report_without_any_time_still_has_its_tables(results: Results) -> None:
    results.rows = [one for one in results.rows if one.status != "ok"]
    page = html.html(results)
    assert "<svg" not in page
    assert "over 20 s" in page


@needs_matplotlib
def test_the_report_names_nothing_outside_itself(results: Results) -> None:
    page = html.html(results)
    assert "Imaginary &lt;9000&gt;" in page
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names, never fetched
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def browse(page: Path, picture: Path, *flags: str) -> tuple[np.ndarray, str]:
    """Open a page in headless Chromium: its pixels, and what its console says."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("Chromium is not installed")
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *("--disable-background-networking", f"--user-data-dir={picture.parent / 'profile'}"),
        *("--enable-logging=stderr", "--window-size=1200,2400", f"--screenshot={picture}", *flags),
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return np.asarray(Image.open(picture).convert("RGB")).astype(int), "\n".join(console)


@needs_matplotlib
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_report(results: Results, tmp_path: Path, scheme: str) -> None:
    html.write(results, tmp_path / "bench.html")
    flags = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    pixels, console = browse(tmp_path / "bench.html", tmp_path / "page.png", *flags)
    assert console == ""
    paper = pixels[0, 0]
    assert (paper.min() > 200) if scheme == "light" else (paper.max() < 60)
    ink = np.abs(pixels - paper).max(axis=2) > 120
    assert ink[:150].sum() > 500  # the heading and the machine
    drawn = (np.abs(pixels - ORANGE).max(axis=2) < 12).nonzero()
    assert len(drawn[0]) > 1000  # r3d's lines
    plots = slice(drawn[0].min(), drawn[0].max()), slice(drawn[1].min(), drawn[1].max())
    assert ink[plots].mean() > 0.01  # axes and numbers in the page's own ink, on either paper


@needs_matplotlib
def test_the_browser_test_sees_a_page_that_reaches_out(results: Results, tmp_path: Path) -> None:
    page = html.html(results).replace("<h1>", '<img src="https://example.invalid/x.png"><h1>', 1)
    (tmp_path / "bench.html").write_text(page)
    _, console = browse(tmp_path / "bench.html", tmp_path / "page.png")
    assert "example.invalid" in console


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123, "0.012"), (0.9996, "1.00"), (1.234, "1.23"), (9.999, "10.0"), (99.96, "100")]
    + [(12345, "12,300")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert format_figure(value) == text


def test_units() -> None:
    assert [format_ms(ms) for ms in (None, 0.0452, 0.5, 1234.0, 12345.0)] == [
        *("", "45.2 µs", "0.500 ms", "1,230 ms", "12.3 s")
    ]
    assert [format_bytes(count) for count in (None, 0, 1023, 1536, 3 * 2**30)] == [
        *("", "0 B", "1023 B", "1.50 KiB", "3.00 GiB")
    ]
    assert [format_parameter(value) for value in (True, None, 10**7, 1e-6, "ico")] == [
        *("yes", "\N{EN DASH}", "10,000,000", "1e-06", "ico")
    ]
