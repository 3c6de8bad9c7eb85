"""The names of PyTorch3D 0.7.9 that r3d keeps: they exist, with the same parameters and defaults first.

``pytorch3d_api.txt`` lists them, a signature a line; a default of ... may be anything. Later issues add more.
"""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

import r3d_cli
from r3d_cli.structures import Meshes, Pointclouds, Volumes

SIGNATURES = (Path(__file__).parent / "pytorch3d_api.txt").read_text().splitlines()

PUBLIC = [
    (f"{group}.{name}", getattr(import_module(f"r3d_cli.{group}"), name))
    for group in r3d_cli.GROUPS
    for name in import_module(f"r3d_cli.{group}").__all__
]


def find(dotted: str) -> Any:
    group, *names = dotted.split(".")
    found = import_module(f"r3d_cli.{group}")
    assert names[0] in found.__all__
    for name in names:
        found = getattr(found, name)
    return found


def parameters(found: Any) -> list[inspect.Parameter]:
    listed = list(inspect.signature(found).parameters.values())
    return listed[1:] if listed and listed[0].name == "self" else listed


@pytest.mark.parametrize("line", SIGNATURES, ids=[line.partition("(")[0] for line in SIGNATURES])
def test_a_signature_begins_as_pytorch3ds(line: str) -> None:
    dotted, _, arguments = line.partition("(")
    wanted = ast.parse(f"def f({arguments}: pass").body[0].args
    defaults = [inspect.Parameter.empty] * (len(wanted.args) - len(wanted.defaults)) + [
        eval(ast.unparse(default), {"torch": torch}) for default in wanted.defaults
    ]
    have = parameters(find(dotted))
    kinds = {parameter.kind for parameter in have}
    assert not wanted.vararg or inspect.Parameter.VAR_POSITIONAL in kinds
    assert not wanted.kwarg or inspect.Parameter.VAR_KEYWORD in kinds
    places = [p for p in have if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    assert [place.name for place in places[: len(wanted.args)]] == [argument.arg for argument in wanted.args]
    for place, default in zip(places, defaults, strict=False):
        assert default is ... or place.default == default, place
    by_name = {parameter.name: parameter.default for parameter in have}
    for keyword, value in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True):
        assert by_name[keyword.arg] == eval(ast.unparse(value), {"torch": torch})
    known = {argument.arg for argument in wanted.args + wanted.kwonlyargs}
    added = [p for p in have if p.name not in known and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    assert all(p.default is not p.empty for p in added), "what r3d adds must have a default"


def test_attributes_of_batches() -> None:
    meshes = Meshes([torch.rand(3, 3)], [torch.tensor([[0, 1, 2]])])
    clouds = Pointclouds([torch.rand(3, 3), torch.rand(4, 3)])
    volumes = Volumes(torch.rand(1, 1, 2, 2, 2))
    for batch in (meshes, clouds, volumes):
        assert batch.device == torch.device("cpu")
        assert len(batch) == len(batch[:])
    assert meshes.textures is None
    assert meshes.equisized is True
    assert clouds.equisized is False
    assert meshes.valid.tolist() == [True]
    assert clouds.valid.tolist() == [True, True]
    assert torch.equal(volumes.locator.get_coord_grid(), volumes.get_coord_grid())


@pytest.mark.parametrize(("dotted", "found"), PUBLIC, ids=[dotted for dotted, _ in PUBLIC])
def test_public_names_have_an_example_and_methods_a_docstring(dotted: str, found: Any) -> None:
    if not callable(found):
        return
    text = inspect.getdoc(found) or ""
    assert text, f"{dotted} has no docstring"
    if inspect.isfunction(found) or f"{dotted}(" in "\n".join(SIGNATURES):
        assert ">>>" in text, f"{dotted} has no example"
    if inspect.isclass(found):
        bare = [
            name
            for name, member in vars(found).items()
            if callable(member) and not name.startswith("_") and not inspect.getdoc(getattr(found, name))
        ]
        assert not bare, f"{dotted} has methods without a docstring: {bare}"


def test_the_package_lists_its_groups_and_loads_them_when_named() -> None:
    assert set(r3d_cli.GROUPS) <= set(dir(r3d_cli))
    folders = {folder.name for folder in Path(r3d_cli.__file__).parent.iterdir() if folder.is_dir()}
    public = {"datasets", "io", "loss", "ops", "renderer", "structures", "transforms", "utils", "vis"}
    assert set(r3d_cli.GROUPS) == folders & public
    for group in r3d_cli.GROUPS:
        assert getattr(r3d_cli, group) is import_module(f"r3d_cli.{group}")
    with pytest.raises(
        AttributeError, match="module 'r3d_cli' has no attribute 'structure'; its groups are io"
    ):
        r3d_cli.structure  # noqa: B018
