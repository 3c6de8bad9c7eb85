"""Files that cannot be opened: what Python calls them, and r3d's MeshError, in one line."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r3d_cli.errors import explain
from r3d_cli.io import IO, load_obj, load_objs_as_meshes, load_ply
from r3d_cli.scene.file_errors import unopened
from r3d_cli.scene.model import MeshError

READERS: dict[str, Callable[[Any], Any]] = {
    ".obj": load_obj,
    ".ply": load_ply,
    ".OBJ": lambda path: load_objs_as_meshes([path]),
    ".glb": lambda path: IO().load_mesh(path),
    ".xyz": lambda path: IO().load_pointcloud(path),
}


@pytest.mark.parametrize("suffix", READERS)
def test_a_missing_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"none{suffix}"
    with pytest.raises(FileNotFoundError) as caught:
        READERS[suffix](path)
    error = caught.value
    assert isinstance(error, MeshError)
    assert isinstance(error, ValueError)
    assert (error.errno, error.strerror, error.filename) == (2, "No such file or directory", str(path))
    assert str(error) == explain(error) == f"{path}: no such file; check the path"


@pytest.mark.parametrize("suffix", READERS)
def test_a_folder(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"folder{suffix}"
    path.mkdir()
    with pytest.raises(IsADirectoryError, match="is a directory; name a mesh file in it") as caught:
        READERS[suffix](str(path))
    assert isinstance(caught.value, MeshError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.touch(0)
    with pytest.raises(PermissionError, match="check its permissions"):
        load_ply(path)


@pytest.mark.parametrize(
    ("cause", "also"),
    [
        (FileNotFoundError(2, "No such file or directory"), FileNotFoundError),
        (IsADirectoryError(21, "Is a directory"), IsADirectoryError),
        (PermissionError(13, "Permission denied"), PermissionError),
        (OSError(40, "Too many levels of symbolic links"), OSError),
    ],
)
def test_they_are_sent_between_processes(cause: OSError, also: type[OSError]) -> None:
    error = unopened("a b.obj", cause)
    assert isinstance(error, also)
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert (again.errno, again.strerror, again.filename) == (cause.errno, cause.strerror, "a b.obj")


def test_a_file_that_is_there_and_broken_is_no_os_error(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text("v 0 0 x\n")
    with pytest.raises(MeshError) as caught:
        load_obj(path)
    assert not isinstance(caught.value, OSError)
