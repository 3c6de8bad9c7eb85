"""``r3d info`` from outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_one_file_is_told_in_full(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("info", tetrahedron)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line[:12].strip(): line[12:].strip() for line in done.stdout.splitlines()}
    assert rows["file"] == str(tetrahedron)
    assert rows["format"] == f"obj, {tetrahedron.stat().st_size} B"
    assert (rows["vertices"], rows["faces"], rows["watertight"]) == ("4", "4", "yes")
    assert (rows["volume"], rows["Euler"], rows["components"]) == ("0.166667", "2 (genus 0)", "1")


def test_many_files_are_a_row_each(r3d: Run, tetrahedron: Path) -> None:
    (tetrahedron.parent / "open.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tetrahedron.parent / "points.xyz").write_text("0 0 0\n1 2 3\n")
    (tetrahedron.parent / "notes.txt").write_text("no mesh")
    done = r3d("info", ".")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines() if ".obj" in line or ".xyz" in line]
    assert [(row[0].removeprefix("./"), row[4], row[5]) for row in rows] == [
        ("open.obj", "1", "no"),
        ("points.xyz", "0", "-"),
        ("tetrahedron.obj", "4", "yes"),
    ]


@pytest.mark.parametrize("pattern", ["*.obj", "**/*.obj"])
def test_globs(r3d: Run, tetrahedron: Path, pattern: str) -> None:
    deeper = tetrahedron.parent / "deeper"
    deeper.mkdir()
    (deeper / "b [1].obj").write_bytes(tetrahedron.read_bytes())
    done = r3d("info", "--json", pattern)
    found = [json.loads(line)["path"] for line in done.stdout.splitlines()]
    assert found == (["deeper/b [1].obj"] if "**" in pattern else []) + ["tetrahedron.obj"]
    named = r3d("info", "--json", "deeper/b [1].obj")  # a name that looks like a glob
    assert json.loads(named.stdout)["faces"] == 4


def test_a_long_name_is_not_cut_in_a_pipe(r3d: Run, tetrahedron: Path) -> None:
    name = f"{'long name ' * 20}[bold].obj"
    tetrahedron.rename(tetrahedron.parent / name)
    assert name in r3d("info", name).stdout
    assert name in r3d("info", name, name).stdout


def test_a_broken_file_is_a_line_and_the_rest_goes_on(r3d: Run, tetrahedron: Path) -> None:
    (tetrahedron.parent / "broken.glb").write_bytes(b"glTF nonsense")
    done = r3d("info", "--json", "nowhere.obj", "broken.glb", "*.stl", tetrahedron)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert {line.split(":")[2].strip() for line in lines} == {"nowhere.obj", "broken.glb", "*.stl"}
    assert len(lines) == 3
    (found,) = map(json.loads, done.stdout.splitlines())
    assert found["watertight"] is True
    assert found["as_stored"]["edges"] == found["edges"] == 6
    table = r3d("info", "nowhere.obj", tetrahedron)
    assert table.returncode == 1
    assert "tetrahedron.obj" in table.stdout


def test_an_empty_folder_is_an_error(r3d: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = r3d("info", "empty")
    assert done.returncode == 1
    assert done.stderr.startswith("r3d: error: empty: ")


def test_standard_input(r3d: Run, tetrahedron: Path) -> None:
    done = r3d("info", "-", "--json", stdin=tetrahedron.read_bytes())
    assert json.loads(done.stdout)["faces"] == 4
    points = r3d("info", "-", "--format", "xyz", "--json", stdin=b"0 0 0\n1 2 3\n")
    assert json.loads(points.stdout)["vertices"] == 2


def test_warnings_are_told(r3d: Run, tmp_path: Path) -> None:
    path = tmp_path / "lost.obj"
    path.write_text("mtllib lost.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    assert "lost.mtl" in r3d("info", path).stdout
    many = r3d("info", path, path)
    assert many.stderr.count("r3d: warning: ") == 2


def test_materials_of_a_real_file(r3d: Run, shared_data: Path) -> None:
    done = r3d("info", shared_data / "AlphaBlendModeTest.glb", "--json")
    found = json.loads(done.stdout)
    modes = {material["name"]: material["alpha_mode"] for material in found["materials"]}
    assert (modes["MatBlend"], modes["MatCutoff25"], modes["MatOpaque"]) == ("blend", "mask", "opaque")
    assert (found["textures"][0]["width"], len(found["textures"])) == (2048, 6)
    assert "MatCutoff25, 2 faces" in r3d("info", shared_data / "AlphaBlendModeTest.glb").stdout
