"""Each suite on a small case: every contestant that is installed agrees with the reference."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r3d_cli.bench.cases import (
    antialias,
    hard_phong,
    io,
    mesh_edges,
    mesh_losses,
    mesh_normals,
    mesh_rasterizer,
    packed_to_padded,
    rasterize_meshes,
    render_hard_phong,
    shade_meshes,
    soft_phong,
    soft_silhouette,
    vertex_corners,
    weighted_rows,
)
from r3d_cli.bench.contestants import OURS, Contestant
from r3d_cli.bench.measure import METHODS, Job, Method, time_case
from r3d_cli.bench.meshes import batch, sphere, sphere_faces
from r3d_cli.bench.results import Row
from r3d_cli.bench.runner import Plan, run
from r3d_cli.bench.suite import Case, Place, suites

Statuses = Callable[[Any], dict[str, str]]
FAST = Method(seconds=0.01, least=2, most=2, timeout=120.0)
RASTER: dict[str, Case] = {
    "one": {},
    "blurred": {"K": 8, "blur": 1e-3},
    "ragged": {"batch": 3, "ragged": True, "K": 2},
    "rectangular": {"image": "96x64"},
}


def measure(suite: str, case: Case, folder: Path, fake_clock: Callable[..., Any]) -> list[str]:
    """Those of the suite's own peers that are installed, do the case and are right."""
    contestants = [Contestant(source) for source in (OURS, *suites()[suite].peers)]
    here = tuple(c for c in contestants if c.takes_part(suites()[suite], "cpu") and not c.missing)
    job = Job(suite, case, Place("cpu", folder), here, FAST)
    rows = [event for event in time_case(job, fake_clock(1.0)) if isinstance(event, Row)]
    assert not [row.message for row in rows if row.status not in ("ok", "missing")]
    return [row.contestant for row in rows if row.status == "ok"]


@pytest.mark.parametrize("change", RASTER.values(), ids=RASTER.keys())
def test_rasterizers_agree(change: Case, tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case = {**rasterize_meshes.BASE, "faces": 980, "image": 64, **change}
    found = measure("rasterize-meshes", case, tmp_path, fake_clock)
    assert {"r3d", "naive PyTorch"} <= set(found)
    casts_rays = case["K"] == 1 and case["batch"] == 1
    assert ("Embree" in found) == casts_rays  # embreex is a dependency of the tests


SOFT: dict[str, Case] = {"soft": {"K": 12, "blur": 9.21e-4}, "hard": {"K": 1, "blur": 0.0}}


@pytest.mark.parametrize("change", SOFT.values(), ids=SOFT.keys())
@pytest.mark.parametrize("backward", [False, True])
def test_mesh_rasterizers_agree(
    change: Case, backward: bool, tmp_path: Path, fake_clock: Callable[..., Any]
) -> None:
    case = {**mesh_rasterizer.BASE, "faces": 980, "image": 48, "backward": backward, **change}
    assert "r3d" in measure("mesh-rasterizer", case, tmp_path, fake_clock)


def test_gradients_of_a_rasterizer_are_checked() -> None:
    case = {**mesh_rasterizer.BASE, **mesh_rasterizer.suite.tiny, "backward": True}
    inputs = mesh_rasterizer.make_inputs(case, Place())
    expected = mesh_rasterizer.reference(inputs)
    right = mesh_rasterizer.outcome(inputs, mesh_rasterizer.ours(inputs).call())
    assert mesh_rasterizer.differs(right, expected) == ""
    for wrong in (1.1 * right["grad_verts"], right["grad_verts"][:-1]):
        assert "grad_verts" in mesh_rasterizer.differs({**right, "grad_verts": wrong}, expected)
    assert "zbuf" in mesh_rasterizer.differs({**right, "zbuf": right["zbuf"] + 1}, expected)


@pytest.mark.parametrize("texture", [64, None])
def test_shaders_agree(texture: int | None, tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case = {**shade_meshes.BASE, "faces": 980, "image": 64, "texture": texture}
    assert set(measure("shade-meshes", case, tmp_path, fake_clock)) == {"r3d", "naive PyTorch"}


TOPOLOGY: dict[str, Case] = {
    "one": {},
    "ragged": {"batch": 3, "ragged": True},
    "shuffled": {"shuffled": True},
}


@pytest.mark.parametrize("change", TOPOLOGY.values(), ids=TOPOLOGY.keys())
def test_topologies_agree(change: Case, tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case = {**vertex_corners.BASE, "faces": 980, **change}
    assert {"r3d", "naive PyTorch"} == set(measure("vertex-corners", case, tmp_path, fake_clock))
    assert {"r3d", "naive PyTorch", "trimesh"} <= set(measure("mesh-edges", case, tmp_path, fake_clock))


@pytest.mark.parametrize("suite", [vertex_corners, mesh_edges])
def test_each_array_of_a_topology_is_checked(suite: Any) -> None:
    inputs = suite.make_inputs({**vertex_corners.BASE, "faces": 80}, Place())
    expected = suite.reference(inputs)
    right = suite.outcome(inputs, suite.ours(inputs)())
    assert suite.differs(right, expected) == ""
    for name, array in right.items():
        assert suite.differs({**right, name: array[::-1]}, expected) == f"{name} differ"
        assert suite.differs({**right, name: array[:-1]}, expected) == f"{name} differ"


def test_normals_agree(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"mesh": "ico", "faces": 980}
    assert {"r3d", "naive PyTorch"} <= set(measure("mesh-normals", case, tmp_path, fake_clock))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("K", ["all", 5])
def test_soft_pictures_agree(
    K: int | str, backward: bool, tmp_path: Path, fake_clock: Callable[..., Any]
) -> None:
    change: Case = {"faces": 320, "image": 32, "batch": 3, "blur": 0.01, "sigma": 3e-3, "K": K}
    case = {**soft_phong.BASE, **change, "backward": backward}
    found = measure("soft-phong", case, tmp_path, fake_clock)
    assert found == ["r3d", *(["r3d, fragments"] if K == 5 else [])]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("K", ["all", 5])
def test_silhouettes_agree(
    K: int | str, backward: bool, tmp_path: Path, fake_clock: Callable[..., Any]
) -> None:
    change: Case = {"faces": 320, "image": 32, "batch": 3, "blur": 0.01, "sigma": 3e-3, "K": K}
    found = measure(
        "soft-silhouette", {**soft_silhouette.BASE, **change, "backward": backward}, tmp_path, fake_clock
    )
    assert {"r3d", "naive PyTorch", *(["r3d, fragments"] if K == 5 else [])} <= set(found)


def test_antialiased_pictures_agree(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"mesh": "ico", "faces": 980, "image": 64}
    assert measure("antialias", case, tmp_path, fake_clock) == ["r3d"]


@pytest.mark.parametrize("loss", mesh_losses.LOSSES)
def test_losses_agree(loss: str, tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"loss": loss, "faces": 980}
    assert {"r3d", "naive PyTorch"} <= set(measure("mesh-losses", case, tmp_path, fake_clock))


def test_paddings_agree(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"elements": 5, "rows": 20}
    assert {"r3d", "naive PyTorch"} <= set(measure("packed-to-padded", case, tmp_path, fake_clock))


def test_textured_pictures_agree(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"mesh": "ico", "faces": 980, "image": 64, "map": 64}
    assert {"r3d", "naive PyTorch"} <= set(measure("render-hard-phong", case, tmp_path, fake_clock))


def test_a_textured_file_is_cut_finer(repository: Path) -> None:
    place = Place(data=repository / "examples" / "spot")
    inputs = render_hard_phong.make_inputs({"mesh": "spot.obj", "image": 32}, place)
    assert len(inputs.faces) == len(inputs.faces_uvs) == 16 * 5856
    assert inputs.faces.max() == len(inputs.verts) - 1
    right = render_hard_phong.outcome(inputs, render_hard_phong.ours(inputs)())
    assert render_hard_phong.suite.differs(right, render_hard_phong.reference(inputs)) == ""


def test_weighted_rows_agree(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"rows": 50, "sums": 20, "terms": 3}
    assert {"r3d", "naive PyTorch"} == set(measure("weighted-rows", case, tmp_path, fake_clock))


@pytest.mark.parametrize(
    ("suite", "case"),
    [
        (soft_phong, {**soft_phong.BASE, "faces": 80, "image": 24, "batch": 2, "backward": True}),
        (soft_silhouette, {**soft_silhouette.BASE, "faces": 80, "image": 24, "batch": 2, "backward": True}),
        (antialias, {"mesh": "ico", "faces": 80, "image": 24}),
        (hard_phong, {**hard_phong.suite.tiny, "faces": 320, "image": 24}),
        (mesh_losses, {"loss": "normal", "faces": 80}),
        (mesh_normals, {"mesh": "ico", "faces": 80}),
        (packed_to_padded, {"elements": 3, "rows": 9}),
        (render_hard_phong, {"mesh": "ico", "faces": 80, "image": 24, "map": 32}),
        (weighted_rows, {"rows": 20, "sums": 9, "terms": 4}),
    ],
)
def test_both_directions_are_checked(suite: Any, case: Case) -> None:
    inputs = suite.make_inputs(case, Place())
    expected = suite.reference(inputs)
    right = suite.outcome(inputs, suite.ours(inputs)())
    assert suite.differs(right, expected) == ""
    for name, array in right.items():
        assert suite.differs({**right, name: 1.1 * array}, expected).startswith(f"{name} differ")


@pytest.mark.parametrize("format", io.FORMATS)
def test_readers_agree(format: str, tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    case: Case = {"mesh": f"ico.{format}", "faces": 320, "into": "arrays"}
    assert {"r3d", "trimesh"} <= set(measure("io", case, tmp_path, fake_clock))


def test_renderers_agree(tmp_path: Path, statuses: Statuses) -> None:
    rows = run(Plan(("render",), sizes=(980,), method=FAST)).rows
    found = statuses(rows)
    assert found["r3d"] == "ok"
    assert rows[0].peak_bytes is not None
    assert rows[0].peak_bytes > 20e6
    if shutil.which("f3d") and shutil.which("Xvfb"):
        assert found["f3d"] == "ok", rows[1].message


def test_files_of_a_folder_become_cases(repository: Path, fake_clock: Callable[..., Any]) -> None:
    data = next(path.parent for path in sorted((repository / "examples").rglob("*.obj")))
    names = "io", "mesh-rasterizer", "rasterize-meshes"
    plan = Plan(names, sizes=(80,), peers=(), data=data, method=FAST)
    rows = [row for row in run(plan, clock=fake_clock(1.0)).rows if row.case["faces"] is None]
    assert {row.suite for row in rows} == set(names)
    assert {row.status for row in rows} == {"ok"}


def test_a_file_without_faces_is_no_case(tmp_path: Path, fake_clock: Callable[..., Any]) -> None:
    (tmp_path / "points.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\n"
        "property float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n"
    )
    plan = Plan(("io", "rasterize-meshes", "render"), sizes=(80,), peers=(), data=tmp_path, method=FAST)
    rows = run(plan, clock=fake_clock(1.0)).rows
    assert {row.status for row in rows} == {"ok"}
    assert not [row for row in rows if row.case["faces"] is None]


# What a kernel may get wrong, and the word that the message must hold.
WRONG_FRAGMENTS: dict[str, Callable[[Any], Any]] = {
    "pix_to_face": lambda f: f._replace(
        pix_to_face=np.where(f.pix_to_face > 5, 5, f.pix_to_face), zbuf=1.1 * f.zbuf
    ),
    "zbuf": lambda f: f._replace(zbuf=1.001 * f.zbuf),
    "bary_coords": lambda f: f._replace(bary_coords=f.bary_coords[..., [1, 0, 2]]),
    "dists": lambda f: f._replace(dists=-f.dists),
    "slots": lambda f: type(f)(*(array[..., :1] if array.ndim == 4 else array[..., :1, :] for array in f)),
}


@pytest.mark.parametrize("word", WRONG_FRAGMENTS)
def test_each_output_of_a_rasterizer_is_checked(word: str) -> None:
    case = {**rasterize_meshes.BASE, "faces": 980, "image": 64, "K": 2, "blur": 1e-3}
    inputs = rasterize_meshes.make_inputs(case, Place())
    expected = rasterize_meshes.reference(inputs)
    right = rasterize_meshes.ours(inputs)()
    assert rasterize_meshes.differs(rasterize_meshes.outcome(inputs, right), expected) == ""
    wrong = WRONG_FRAGMENTS[word](right)
    assert word in rasterize_meshes.differs(rasterize_meshes.outcome(inputs, wrong), expected)


def test_a_shader_s_picture_is_checked() -> None:
    inputs = shade_meshes.make_inputs({**shade_meshes.BASE, "faces": 980, "image": 64}, Place())
    expected = shade_meshes.reference(inputs)
    image = shade_meshes.ours(inputs).call().image
    assert shade_meshes.differs(shade_meshes.outcome(inputs, image), expected) == ""
    darker = (0.9 * image).astype(np.uint8)
    assert "the picture differs" in shade_meshes.differs(shade_meshes.outcome(inputs, darker), expected)
    dimmed = replace(inputs, lights=0.9 * inputs.lights)
    other = shade_meshes.ours(dimmed).call().image
    assert "the picture differs" in shade_meshes.differs(shade_meshes.outcome(inputs, other), expected)


def test_a_sphere_is_closed_and_as_large_as_asked() -> None:
    for faces in (20, 980, 5_120):
        verts, ids = sphere(faces)
        assert len(ids) == sphere_faces(faces) == faces
        np.testing.assert_allclose(np.linalg.norm(verts, axis=1), 1, atol=1e-6)
        # Vertices that meet at the icosahedron's edges are equal to the last bit, so each edge has two faces.
        _, merged = np.unique(verts, axis=0, return_inverse=True)
        edges = np.sort(merged.ravel()[ids][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
        corners = verts[ids].astype(np.float64)
        assert (np.linalg.det(corners) > 0).all()  # wound counter-clockwise from outside


def test_a_ragged_batch_s_sizes_fall() -> None:
    assert [len(mesh.faces) for mesh in batch(5_120, 3, ragged=True)] == [5_120, 2_420, 1_280]
    assert [len(mesh.faces) for mesh in batch(5_120, 2, ragged=False)] == [5_120, 5_120]


def test_levels_grow() -> None:
    assert METHODS["quick"].seconds < METHODS["default"].seconds < METHODS["full"].seconds
