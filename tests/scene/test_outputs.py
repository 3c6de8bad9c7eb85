"""Names of pictures from templates."""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path
from typing import Any

import pytest

from r3d_cli.errors import R3dError
from r3d_cli.scene import outputs
from r3d_cli.scene.inputs import Input
from r3d_cli.scene.outputs import OutputTemplate

BUNNY = Input("scans/new/bunny.v2.obj", "scans", 7)
parse = OutputTemplate.parse


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_examples_hold() -> None:
    assert doctest.testmod(outputs).failed == 0


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.png", "a.png"),
        ("{stem}.png", "bunny.v2.png"),
        ("{name}.jpg", "bunny.v2.obj.jpg"),
        ("{stem}-{ext}.WEBP", "bunny.v2-obj.WEBP"),
        ("out/{parent}/{stem}.exr", "out/new/bunny.v2.exr"),
        ("{index}_{index:04}_{view:03d}_{view:5}.npy", "7_0007_012_   12.npy"),
        ("{camera}/{pass}.png", "left/depth.png"),
        ("{{{stem}}}_{{}}.png", "{bunny.v2}_{}.png"),
        ("ünï/{stem}.png", "ünï/bunny.v2.png"),
    ],
)
def test_fields(text: str, path: str) -> None:
    assert parse(text).path(BUNNY, view=12, camera="left", name="depth") == Path(path)


def test_files_beside_each_other_and_standard_input() -> None:
    template = parse("{parent}/{stem}{ext}.png")
    assert template.path(Input("bunny.obj")) == Path("bunnyobj.png")
    assert template.path(Input("/data/bunny.obj", "/data")) == Path("bunnyobj.png")
    assert template.path(Input("-")) == Path("mesh.png")


@pytest.mark.parametrize(
    ("name", "path"), [("a/b.png", "a_b.png.png"), ("..", "__.png"), ("../x", ".._x.png")]
)
def test_the_name_of_a_camera_leads_nowhere_else(name: str, path: str) -> None:
    assert parse("out/{camera}/a.png").path(BUNNY, camera=name).parts[1] == path.removesuffix(".png")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("counts", "path"),
    [
        ({}, "out/new/bunny.v2.png"),
        ({"files": 5}, "out/new/bunny.v2.png"),
        ({"views": 2}, "out/new/bunny.v2_003.png"),
        ({"passes": ["rgb", "depth"]}, "out/new/bunny.v2_depth.png"),
        ({"files": 5, "views": 2, "passes": ["rgb", "depth"]}, "out/new/bunny.v2_003_depth.png"),
    ],
)
def test_a_folder(slash: str, counts: dict[str, Any], path: str) -> None:
    if not slash:
        Path("out").mkdir()
    assert parse(f"out{slash}", **counts).path(BUNNY, view=3, name="depth") == Path(path)


def test_a_folder_that_is_there_may_have_braces() -> None:
    Path("{out}").mkdir()
    assert parse("{out}").path(BUNNY) == Path("{out}/new/bunny.v2.png")


def test_which_passes_go_to_which_file() -> None:
    passes = ["rgb", "depth"]
    assert parse("{pass}.png", passes=passes).files(BUNNY) == {
        Path("rgb.png"): ("rgb",),
        Path("depth.png"): ("depth",),
    }
    assert parse("{stem}.exr", passes=passes).files(BUNNY) == {Path("bunny.v2.exr"): ("rgb", "depth")}
    assert parse("{pass}.npz", passes=passes).files(BUNNY)[Path("rgb.npz")] == ("rgb",)
    assert parse("a.png").files(BUNNY) == {Path("a.png"): ("rgb",)}


@pytest.mark.parametrize(
    ("text", "counts", "message"),
    [
        ("{step}.png", {}, "'{step}.png' has the unknown field {step}; there are {stem}, {name}, {ext}"),
        ("{}.png", {}, "unknown field {}"),
        ("{0}.png", {}, "unknown field {0}"),
        ("{stem.real}.png", {}, "unknown field {stem.real}"),
        ("{stem[0]}.png", {}, "unknown field {stem[0]}"),
        ("{stem!r}.png", {}, "unknown field {stem!r}"),
        ("{stem.png", {}, "a brace without its other"),
        ("stem}.png", {}, "a brace without its other"),
        ("{view:x}.png", {}, "has the format {view:x}, which is none; write a width, such as {view:03}"),
        ("{view:.3f}.png", {}, "{view:.3f}"),
        ("{view:{index}}.png", {}, "{view:{index}}"),
        ("{view:0999999999}.png", {}, "{view:0999999999}"),
        ("{stem:03}.png", {}, "has the format {stem:03}, which is none; write {stem}"),
        ("{stem}", {}, "must end in .png"),
        ("{stem}.{ext}", {}, "must end in .png"),
        ("", {}, "must end in .png"),
        ("a.tiff", {}, "must end in .png, .jpg, .jpeg, .webp, .exr, .npy, .npz"),
        ("a.png", {"files": 2}, "names one file for 2 meshes; put {stem}, {name} or {index} in it"),
        ("{stem}.png", {"views": 36}, "names one file for 36 views; put {view} in it, such as {view:03}"),
        (
            "{stem}.png",
            {"passes": ["rgb", "uv"]},
            "names one file for 2 passes; put {pass} in it, or end it in",
        ),
        (
            "{stem}.npy",
            {"passes": ["rgb", "uv"]},
            "names one file for 2 passes; put {pass} in it, or end it in",
        ),
    ],
)
def test_wrong_templates(text: str, counts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        _ = parse(text, **counts).format
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sources", "message"),
    [
        (
            "{stem}.png",
            [Input("d/a.obj", "d", 0), Input("d/b.obj", "d", 1), Input("d/a.ply", "d", 2)],
            "a.png would be written for d/a.obj and d/a.ply; put {name} in '{stem}.png'",
        ),
        (
            "o/./{name}.png",
            [Input("d/x/a.obj", "d", 0), Input("d/y/a.obj", "d", 1)],
            "o/a.obj.png would be written for d/x/a.obj and d/y/a.obj; put {parent} in 'o/./{name}.png'",
        ),
        (
            "{parent}/{name}.png",
            [Input("d/a.obj", "d", 0), Input("e/a.obj", "e", 1)],
            "a.obj.png would be written for d/a.obj and e/a.obj; put {index} in '{parent}/{name}.png'",
        ),
        (
            "{stem}.png",
            [Input("d/a.obj", "d", 0), Input("e/a.obj", "e", 1)],
            "a.png would be written for d/a.obj and e/a.obj; put {index} in '{stem}.png'",
        ),
        (
            "{index}{view}.png",
            [Input(f"m{index}.obj", "", index) for index in range(12)],
            "110.png would be written for m1.obj and m11.obj; put {name} in '{index}{view}.png'",
        ),
        (
            "{stem}_{camera}.png",
            [Input("a.obj")],
            "a_left.png would be written for views 0 and 1 of a.obj; put {view} in '{stem}_{camera}.png'",
        ),
    ],
)
def test_two_pictures_may_not_be_one_file(text: str, sources: list[Input], message: str) -> None:
    views = 12 if "view}" in text or "camera" in text else 1
    template = parse(text, files=len(sources), views=views)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        template.check_collisions(sources, ["left"] * views)


def test_pictures_of_their_own_pass() -> None:
    sources = [Input(f"{i}.obj", "", i) for i in range(20)]
    parse("{stem}_{view}.npz", files=20, views=9, passes=["rgb", "uv"]).check_collisions(sources, [""] * 9)
    parse("{stem}/{camera}.png", files=20, views=2).check_collisions(sources, ["left", "right"])


def test_folders_are_made_for_fields_only(tmp_path: Path) -> None:
    template = parse("out/{parent}/{stem}.png")
    template.check_folder()
    assert not list(tmp_path.iterdir())
    template.make_folder(template.path(BUNNY))
    assert Path("out/new").is_dir()
    plain = parse("nowhere/a.png")
    with pytest.raises(R3dError, match=r"^nowhere/a\.png: there is no directory nowhere$"):
        plain.check_folder()
    plain.make_folder(plain.path(BUNNY))
    assert not Path("nowhere").exists()


def test_the_folder_up_to_the_first_field_counts() -> None:
    Path("file").touch()
    for text in ("file/{stem}.png", "file/x{{y}}/{stem}.png"):
        with pytest.raises(R3dError, match=r"^file: is no directory, pictures cannot go into it"):
            parse(text).check_folder()
    for text in ("{stem}.png", "a/b/c/{stem}/x.png", "{{x}}.png", "/dev/null"):
        parse(text).check_folder()


def test_a_place_that_cannot_be_written_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("read-only").mkdir()
    Path("read-only/there.png").touch()
    # As chmod would have it for anyone but root.
    monkeypatch.setattr(os, "access", lambda path, mode: not os.fspath(path).startswith("read-only"))
    for text in ("read-only/{stem}.png", "read-only/new/", "read-only/a.png", "read-only/there.png"):
        with pytest.raises(R3dError, match="permission denied"):
            parse(text).check_folder()
