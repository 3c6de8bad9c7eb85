"""A clock that decides how long things take, and peers that are files."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest


class FakeClock:
    """Every call takes what the list says, over and over."""

    def __init__(self, *milliseconds: float) -> None:
        self._next = itertools.cycle(milliseconds)
        self.timed = 0

    def time(self, call: Callable[[], Any]) -> tuple[Any, float]:
        self.timed += 1
        return call(), next(self._next)


@pytest.fixture
def fake_clock() -> Callable[..., FakeClock]:
    return FakeClock


@pytest.fixture
def write_peer(tmp_path: Path) -> Callable[..., str]:
    """``write_peer(name, source)`` writes a peer's file and returns its path."""

    def write(name: str, source: str) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(source))
        return str(path)

    return write


@pytest.fixture
def right_peer(write_peer: Callable[..., str]) -> Callable[..., str]:
    """``right_peer(name, body, header)`` does what r3d does, and runs ``body`` in each call before."""

    def write(name: str, body: str = "pass", header: str = "") -> str:
        return write_peer(
            name,
            f"""
            from r3d_cli.bench.cases import rasterize_meshes as case
            {header}

            def rasterize_meshes(inputs):
                rasterize = case.ours(inputs)

                def call():
                    {body}
                    return rasterize()

                return call
            """,
        )

    return write


@pytest.fixture
def statuses() -> Callable[[Iterable[Any]], dict[str, str]]:
    """``statuses(rows)``: contestant -> status, of one case."""

    def of(rows: Iterable[Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        for row in rows:
            assert row.contestant not in found
            found[row.contestant] = row.status
        return found

    return of
