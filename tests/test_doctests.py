"""The examples in the library's docstrings run, and give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import r3d_cli

MODULES = ["r3d_cli.checks", "r3d_cli.extras"] + [
    module.name
    for group in r3d_cli.GROUPS
    for package in [import_module(f"r3d_cli.{group}")]
    for module in walk_packages(package.__path__, f"{package.__name__}.")
]


#: What the examples of a module need of r3d's extras.
NEEDS = {"r3d_cli.vis.plotly_vis": "plotly", "r3d_cli.vis.texture_vis": "matplotlib"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0


def test_modules_of_all_groups_are_looked_at() -> None:
    assert {name.split(".")[1] for name in MODULES} >= set(r3d_cli.GROUPS)
