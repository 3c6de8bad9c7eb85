"""Which files the arguments of a command mean."""

from __future__ import annotations

import doctest
import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r3d_cli.errors import R3dError
from r3d_cli.scene import inputs
from r3d_cli.scene.inputs import Input, find_inputs, shard


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def paths(*arguments: str) -> list[str]:
    return [found.path for found in find_inputs(arguments)]


def test_the_examples_hold() -> None:
    assert doctest.testmod(inputs).failed == 0


def test_files_stay_in_the_order_of_the_arguments() -> None:
    make("b.obj", "a.ply", "noextension")
    assert find_inputs(["b.obj", "a.ply", "noextension"]) == [
        Input("b.obj", "", 0),
        Input("a.ply", "", 1),
        Input("noextension", "", 2),
    ]


def test_a_folder_means_the_meshes_below_it_in_natural_order() -> None:
    make("d/m10.obj", "d/m9.OBJ", "d/sub/x.glb", "d/readme.txt", "d/.hidden.obj", "d/.git/y.obj", "d/t.png")
    assert paths("d") == paths("d/") == ["d/m9.OBJ", "d/m10.obj", "d/sub/x.glb"]


def test_the_order_does_not_depend_on_the_file_system() -> None:
    names = [f"d/{a}/{b}.obj" for a in ("x2", "x10", "X3") for b in ("1", "02", "a1b2", "a1b10", "a", "ä")]
    shuffled = list(names)
    random.Random(0).shuffle(shuffled)
    make(*shuffled)
    stems = ["1", "02", "a", "a1b2", "a1b10", "ä"]
    assert paths("d") == [f"d/{a}/{b}.obj" for a in ("x2", "X3", "x10") for b in stems]


def test_what_was_found_knows_its_folder_below_the_root() -> None:
    make("d/a/b/x.obj", "d/y.obj")
    assert [(found.path, found.root, found.parent) for found in find_inputs(["d"])] == [
        ("d/a/b/x.obj", "d", "a/b"),
        ("d/y.obj", "d", "."),
    ]
    assert [found.parent for found in find_inputs(["d/*/b/*.obj"])] == ["a/b"]
    assert [found.parent for found in find_inputs(["d/a/b/x.obj", os.path.abspath("d/y.obj")])] == [".", "."]
    assert [found.parent for found in find_inputs(["**/*.obj"])] == ["d/a/b", "d"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.obj", ["a.obj", "b.obj"]),
        ("./*.obj", ["a.obj", "b.obj"]),
        ("[!a]*.obj", ["b.obj"]),
        ("?.ply", ["a.ply"]),
        ("**/*.obj", ["a.obj", "b.obj", "d/c.obj", "d/e/f.obj"]),
        ("d/**/*.obj", ["d/c.obj", "d/e/f.obj"]),
        ("d/**", ["d/c.obj", "d/e/f.obj"]),
        ("**/e/*", ["d/e/f.obj"]),
        ("*", ["a.obj", "a.ply", "b.obj", "d/c.obj", "d/e/f.obj"]),
        ("*/", ["d/c.obj", "d/e/f.obj"]),
        ("**", ["a.obj", "a.ply", "b.obj", "d/c.obj", "d/e/f.obj"]),
        ("d/*/*.txt", ["d/e/readme.txt"]),
        (".h*/*.obj", [".h/g.obj"]),
        (".h*/**/*.obj", [".h/g.obj"]),
    ],
)
def test_globs(pattern: str, expected: list[str], tmp_path: Path) -> None:
    make(
        "a.obj", "b.obj", "a.ply", "d/c.obj", "d/e/f.obj", "d/e/readme.txt", "note.txt", ".h/g.obj", ".i.obj"
    )
    assert sorted(paths(pattern)) == sorted(expected)
    assert sorted(paths(f"{tmp_path}/{pattern}")) == sorted(f"{tmp_path}/{name}" for name in expected)


@pytest.mark.parametrize(
    "name",
    ["a[1].obj", "*.obj", "what?.obj", "-x.obj", "ünï cö.obj", "new\nline.obj", "{stem}.obj", "--jobs"],
)
def test_the_name_of_a_file_means_that_file(name: str) -> None:
    make(name, "other.obj", "a1.obj")
    assert paths(name) == [name]
    assert paths(f"./{name}") == [f"./{name}"]


def test_a_folder_may_be_called_like_a_glob() -> None:
    make("d[0]/a.obj", "d0/b.obj")
    assert paths("d[0]") == ["d[0]/a.obj"]
    assert paths("d[0]/*.obj") == ["d0/b.obj"]  # as a shell reads it


def test_standard_input_is_read_once() -> None:
    (found,) = find_inputs(["-"])
    assert (found.path, str(found), found.parent) == ("-", "<stdin>", ".")
    with pytest.raises(R3dError, match=r"^-: standard input can be read once only; name it once$"):
        find_inputs(["-", "-"])


def test_a_file_called_minus_is_found_by_its_path() -> None:
    make("-")
    assert str(find_inputs(["./-"])[0]) == "./-"


def test_each_file_once() -> None:
    make("d/a.obj", "d/b.obj")
    found = find_inputs(["d/b.obj", "d", "./d/a.obj", os.path.abspath("d/a.obj"), "d/*.obj"])
    assert [(one.path, one.index) for one in found] == [("d/b.obj", 0), ("d/a.obj", 1)]


def test_links_in_a_circle_end() -> None:
    make("d/a.obj", "d/e/b.obj", "other/c.obj")
    for name in ("d/up", "d/e/up", "d/e/self"):
        Path(name).symlink_to(Path("d").resolve())
    Path("d/aaa").symlink_to("../other")
    assert paths("d") == ["d/a.obj", "d/aaa/c.obj", "d/e/b.obj"]
    assert paths("d/**/*.obj") == ["d/a.obj", "d/aaa/c.obj", "d/e/b.obj"]


def test_a_link_that_leads_nowhere_is_left_to_the_reader() -> None:
    Path("gone.obj").symlink_to("nowhere.obj")
    Path("self.obj").symlink_to("self.obj")
    assert paths("gone.obj") == ["gone.obj"]
    assert paths(".") == ["./gone.obj", "./self.obj"]
    assert paths("*.obj") == ["gone.obj", "self.obj"]


@pytest.mark.parametrize("pattern", ["b*/*.obj", "**/b*/*.obj", "b*/**/*.obj"])
def test_folders_that_lead_to_no_match_may_be_forbidden(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("b/x.obj", "secret/x.obj")
    listed = []

    def scandir(folder: str) -> Iterator[os.DirEntry[str]]:
        listed.append(folder)
        return really(folder)

    really = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    assert paths(pattern) == ["b/x.obj"]
    assert ("./secret" in listed) == pattern.startswith("**")


def test_a_link_to_itself_does_not_hide_its_folder() -> None:
    make("d/a.obj")
    Path("d/loop.obj").symlink_to("loop.obj")
    assert paths("d") == paths("d/*.obj") == ["d/a.obj", "d/loop.obj"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("", r"'': no such file or folder; check the path"),
        ("*.stl", r"\*\.stl: matches no mesh file; check the pattern"),
        ("gone/**/*.stl", r"gone/\*\*/\*\.stl: matches no mesh file; check the pattern"),
        ("empty", r"empty: holds no mesh files \(obj, ply, .*\); name another folder"),
    ],
)
def test_what_finds_nothing_is_named(argument: str, message: str) -> None:
    make("empty/readme.txt", "a.obj")
    with pytest.raises(R3dError, match=f"^{message}$"):
        find_inputs(["a.obj", argument])


def test_a_folder_that_cannot_be_listed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    make("d/e/a.obj", "d/b.obj")
    scandir = os.scandir

    def forbidden(folder: str) -> Any:  # as chmod would have it for anyone but root
        if folder == "d/e":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(R3dError, match=r"^d/e: cannot be listed \(Permission denied\)"):
        find_inputs(["d"])


def test_shards_are_disjoint_complete_and_even() -> None:
    items = list(range(11))
    shards = [shard(items, f"{i}/4") for i in range(1, 5)]
    assert sorted(item for one in shards for item in one) == items
    assert {len(one) for one in shards} == {2, 3}
    assert shard(items, "1/1") == items
    assert shard(items, "20/20") == []


@pytest.mark.parametrize("part", ["0/4", "5/4", "1", "1/0", "-1/4", "a/b", "1/4/2", "", "1 / 4", "²/4"])
def test_wrong_shards(part: str) -> None:
    with pytest.raises(ValueError, match="is not I/N with I from 1 to N, such as 1/4"):
        shard([1, 2], part)
