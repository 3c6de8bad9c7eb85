"""Skins and morph targets of glTF, as the nodes and weights of the file pose them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from gltf_builder import TRIANGLE, Builder

from r3d_cli.scene.model import MeshError

HALF = math.sqrt(0.5)
QUARTER_TURN = [0, 0, HALF, HALF]  # about z


def skinned(joint: dict[str, Any], weights: Any, *, bind: Any = None, **attributes: Any) -> Builder:
    """A triangle on two joints: nodes[1], which stays where it is, and nodes[2]."""
    builder = Builder()
    ids = builder.array([[0, 1, 0, 0]] * 3, "u1")
    builder.mesh(attributes={"JOINTS_0": ids, "WEIGHTS_0": builder.array(weights), **attributes})
    builder.json["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [100, 0, 0]},  # which a skin makes void
        {"children": [2], "translation": [0, 0, 1]},
        joint,
    ]
    builder.json["scenes"][0]["nodes"] = [0, 1]
    builder.json["skins"] = [{"joints": [1, 2]}]
    if bind is not None:
        builder.json["skins"][0]["inverseBindMatrices"] = builder.array(bind)
    return builder


def test_vertices_follow_their_joints() -> None:
    weights = [[1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, 0, 0]]
    mesh = skinned({"translation": [0, 4, 0]}, weights).read()
    np.testing.assert_allclose(mesh.verts, [[0, 0, 1], [1, 4, 1], [0, 3, 1]], atol=1e-6)


def test_inverse_bind_matrices() -> None:
    # The joint was bound at (1, 0, 0) and has turned about that point; stored by columns.
    bind = np.stack([np.eye(4), np.eye(4)])
    bind[1, :3, 3] = -1, 0, 0
    joint = {"translation": [1, 0, -1], "rotation": QUARTER_TURN}
    columns = bind.transpose(0, 2, 1).reshape(2, 16)
    mesh = skinned(joint, [[0, 1, 0, 0]] * 3, bind=columns).read()
    np.testing.assert_allclose(mesh.verts, [[1, -1, 0], [1, 0, 0], [0, -1, 0]], atol=1e-6)


def test_normals_turn_along_and_weights_need_not_add_up() -> None:
    builder = skinned({"rotation": QUARTER_TURN}, [[0, 0.25, 0, 0]] * 3)
    primitive = builder.json["meshes"][0]["primitives"][0]
    primitive["attributes"]["NORMAL"] = builder.array([[1, 0, 0]] * 3)
    mesh = builder.read()
    np.testing.assert_allclose(mesh.verts, [[0, 0, 1], [0, 1, 1], [-1, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(mesh.normals, [[0, 1, 0]] * 3, atol=1e-6)


def test_a_mirrored_skin_keeps_its_front() -> None:
    mesh = skinned({"scale": [-1, 1, 1]}, [[0, 1, 0, 0]] * 3).read()
    a, b, c = mesh.verts[mesh.faces[0]]
    assert np.cross(b - a, c - a)[2] > 0


@pytest.mark.parametrize("kind", ["joint", "matrices"])
def test_skins_that_lack_what_they_name(kind: str) -> None:
    builder = skinned({}, [[1, 0, 0, 0]] * 3, bind=[np.eye(4).ravel()] * (1 if kind == "matrices" else 2))
    if kind == "joint":
        builder.json["skins"][0]["joints"] = [1]
    words = "fewer matrices than joints" if kind == "matrices" else r"joints that skins\[0\] does not have"
    with pytest.raises(MeshError, match=rf"^a\.glb: has .*{words}"):
        builder.read()


@pytest.mark.parametrize(
    ("of_mesh", "of_node", "share"), [(None, None, 0), ([0.5], None, 0.5), ([0.5], [0.25], 0.25)]
)
def test_morph_targets(of_mesh: Any, of_node: Any, share: float) -> None:
    builder = Builder()
    normals = {"NORMAL": builder.array([[0, 0, 1]] * 3)}
    moves = {"POSITION": builder.array([[0, 0, 4]] * 3), "NORMAL": builder.array([[4, 0, 0]] * 3)}
    builder.mesh(attributes=normals, targets=[moves])
    if of_mesh:
        builder.json["meshes"][0]["weights"] = of_mesh
    if of_node:
        builder.json["nodes"][0]["weights"] = of_node
    mesh = builder.read()
    np.testing.assert_allclose(mesh.verts, TRIANGLE + np.float32([0, 0, 4 * share]))
    assert mesh.normals is not None
    np.testing.assert_allclose(mesh.normals, [[4 * share, 0, 1]] * 3)
