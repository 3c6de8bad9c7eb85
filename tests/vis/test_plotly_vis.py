"""Scenes as figures of Plotly: what is in them, as their JSON has it."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from r3d_cli.extras import pip_install
from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    PerspectiveCameras,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from r3d_cli.structures import Meshes, Pointclouds
from r3d_cli.utils import ico_sphere
from r3d_cli.vis import AxisArgs, Lighting, get_camera_wireframe, plot_batch_individually, plot_scene

plotly = pytest.importorskip("plotly")

VERTS = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 4, 0], [0, 0, 1]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])
SQUARES = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1 / 255, 1.0], [1.0, 1.0, 1.0], [2.0, -1.0, 0.2]])


class RayBundle(NamedTuple):
    """As PyTorch3D has it."""

    origins: torch.Tensor
    directions: torch.Tensor
    lengths: torch.Tensor
    xys: torch.Tensor


def rays(count: int = 3, points: int = 4) -> RayBundle:
    lengths = torch.linspace(1, 2, points).expand(2, count, points)
    return RayBundle(
        torch.zeros(2, count, 3),
        torch.nn.functional.normalize(torch.rand(2, count, 3) + 0.1, dim=-1),
        lengths,
        torch.zeros(2, count, 2),
    )


def read(figure: Any) -> dict[str, Any]:
    """A figure through its JSON, as a browser gets it; arrays of numbers as NumPy's."""

    def decoded(value: Any) -> Any:
        if isinstance(value, dict) and set(value) >= {"dtype", "bdata"}:
            return np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        if isinstance(value, dict):
            return {key: decoded(inner) for key, inner in value.items()}
        if isinstance(value, list) and all(isinstance(inner, float | int | None) for inner in value):
            return np.array(value, float)
        return [decoded(inner) for inner in value] if isinstance(value, list) else value

    return decoded(json.loads(figure.to_json()))


def points_of(trace: dict[str, Any]) -> np.ndarray:
    return np.stack([trace["x"], trace["y"], trace["z"]], axis=1)


def mesh(textures: Any = None) -> Meshes:
    return Meshes([VERTS], [FACES], textures)


def test_a_mesh_is_its_vertices_and_faces() -> None:
    figure = read(plot_scene({"scene": {"thing": mesh()}}))
    (trace,) = figure["data"]
    assert (trace["type"], trace["name"]) == ("mesh3d", "thing")
    np.testing.assert_array_equal(points_of(trace), VERTS)
    np.testing.assert_array_equal(np.stack([trace["i"], trace["j"], trace["k"]], 1), FACES)
    assert "vertexcolor" not in trace
    assert "facecolor" not in trace
    assert trace["lighting"] == Lighting()._asdict()
    assert [title["text"] for title in figure["layout"]["annotations"]] == ["scene"]


def test_colors_of_vertices() -> None:
    (trace,) = read(plot_scene({"s": {"m": mesh(TexturesVertex([SQUARES]))}}))["data"]
    assert trace["vertexcolor"] == [
        "rgb(255, 128, 0)",
        "rgb(0, 1, 255)",
        "rgb(255, 255, 255)",
        "rgb(255, 0, 51)",
    ]
    rgba = TexturesVertex([torch.cat([SQUARES, torch.full((4, 1), 0.25)], 1)])
    (trace,) = read(plot_scene({"s": {"m": mesh(rgba)}}))["data"]
    assert trace["vertexcolor"][0] == "rgba(255, 128, 0, 0.25)"


@pytest.mark.parametrize("size", [1, 2])
def test_an_atlas_colors_faces(size: int) -> None:
    atlas = SQUARES[:2, None, None].expand(2, size, size, 3)
    (trace,) = read(plot_scene({"s": {"m": mesh(TexturesAtlas([atlas]))}}))["data"]
    assert trace["facecolor"] == ["rgb(255, 128, 0)", "rgb(0, 1, 255)"]


def test_a_map_colors_faces() -> None:
    half = torch.tensor([0.0, 1.0])[None, :, None].expand(2, 2, 3)  # black left, white right
    uvs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    maps = TexturesUV([half], [torch.tensor([[0, 1, 0], [2, 3, 2]])], [uvs])
    (trace,) = read(plot_scene({"s": {"m": mesh(maps)}}))["data"]
    assert trace["facecolor"] == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def test_features_that_are_no_colors_are_warned_of() -> None:
    textures = TexturesVertex([torch.rand(4, 2)])
    with pytest.warns(UserWarning, match="textures of 'm' have 2 channels, and colours 3 or 4") as caught:
        (trace,) = plot_scene({"s": {"m": mesh(textures)}}).data
    assert trace.vertexcolor is None
    assert caught[0].filename == __file__


def test_all_of_a_batch_is_drawn_and_unused_vertices_are_out_of_the_way() -> None:
    far = Meshes([VERTS, torch.cat([VERTS, torch.full((1, 3), 100.0)])], [FACES, FACES])
    figure = read(plot_scene({"s": {"m": far}}))
    (trace,) = figure["data"]
    assert len(trace["x"]) == 9
    assert len(trace["i"]) == 4
    assert points_of(trace).max() == 4
    assert max(figure["layout"]["scene"]["yaxis"]["range"]) < 5


def test_clouds_are_markers_in_the_colors_of_their_features() -> None:
    clouds = Pointclouds([VERTS, VERTS + 1], features=[SQUARES, SQUARES])
    (trace,) = read(plot_scene({"s": {"c": clouds}}, pointcloud_marker_size=3))["data"]
    assert (trace["type"], trace["mode"], trace["name"]) == ("scatter3d", "markers", "c")
    np.testing.assert_array_equal(points_of(trace), torch.cat([VERTS, VERTS + 1]))
    assert trace["marker"]["size"] == 3
    assert trace["marker"]["color"][:2] == ["rgb(255, 128, 0)", "rgb(0, 1, 255)"]
    (trace,) = read(plot_scene({"s": {"c": Pointclouds([VERTS])}}))["data"]
    assert "color" not in trace["marker"]


def test_large_clouds_are_thinned() -> None:
    cloud = Pointclouds([torch.rand(500, 3), torch.rand(40, 3)])
    (trace,) = plot_scene({"s": {"c": cloud}}, pointcloud_max_points=100).data
    assert len(trace.x) == 140


def test_cameras_are_lines_where_they_stand() -> None:
    R, T = look_at_view_transform(5.0, 0.0, torch.tensor([0.0, 90.0]))
    cameras = FoVPerspectiveCameras(R=R, T=T)
    (trace,) = read(plot_scene({"s": {"c": cameras}}, camera_scale=0.5))["data"]
    assert (trace["type"], trace["mode"]) == ("scatter3d", "lines")
    wire = get_camera_wireframe(0.5)
    found = points_of(trace)
    assert len(found) == 2 * len(wire) + 1
    assert np.isnan(found[len(wire)]).all()
    seen = cameras.get_world_to_view_transform().transform_points(
        torch.tensor(np.delete(found, len(wire), 0), dtype=torch.float32).reshape(2, -1, 3)
    )
    torch.testing.assert_close(seen, wire.expand_as(seen), rtol=0, atol=1e-5)


def test_a_wireframe_points_ahead_and_grows_with_its_scale() -> None:
    wire = get_camera_wireframe()
    assert wire.shape[1] == 3
    assert wire[:, 2].min() == 0
    assert wire[wire[:, 2].argmax()].tolist() == pytest.approx([0, 0, 0.9])
    torch.testing.assert_close(get_camera_wireframe(0.6), 2 * wire)


def test_rays_are_lines_from_nearest_to_farthest_and_points() -> None:
    bundle = rays()
    lines, points = read(
        plot_scene({"s": {"r": bundle}}, raybundle_ray_line_width=2, raybundle_ray_point_marker_size=5)
    )["data"]
    assert (lines["mode"], lines["name"], lines["line"]["width"]) == ("lines", "r", 2)
    assert (points["mode"], points["name"], points["marker"]["size"]) == ("markers", "r_points", 5)
    ends = points_of(lines)
    assert len(ends) == 6 * 3 - 1
    np.testing.assert_allclose(ends[0], bundle.directions[0, 0], rtol=1e-6)
    np.testing.assert_allclose(ends[1], 2 * bundle.directions[0, 0], rtol=1e-6)
    assert len(points["x"]) == 6 * 4


def test_large_bundles_are_thinned() -> None:
    lines, points = plot_scene(
        {"s": {"r": rays(50, 20)}}, raybundle_max_rays=7, raybundle_max_points_per_ray=3
    ).data
    assert len(lines.x) == 7 * 3 - 1
    assert len(points.x) == 7 * 3


def test_subplots_stand_in_rows_with_their_titles() -> None:
    scenes = {f"title {index}": {"m": mesh(), "c": FoVPerspectiveCameras()} for index in range(3)}
    figure = read(plot_scene(scenes, ncols=2))
    assert [trace["scene"] for trace in figure["data"]] == [
        "scene",
        "scene",
        "scene2",
        "scene2",
        "scene3",
        "scene3",
    ]
    assert [title["text"] for title in figure["layout"]["annotations"]] == list(scenes)
    first, second, third = (figure["layout"][name]["domain"] for name in ("scene", "scene2", "scene3"))
    np.testing.assert_array_equal(first["y"], second["y"])
    np.testing.assert_array_equal(first["x"], third["x"])
    assert first["x"][0] < second["x"][0]


def test_a_scene_is_a_cube_around_its_things_and_y_is_up() -> None:
    scene = read(plot_scene({"s": {"m": mesh()}}))["layout"]["scene"]
    assert scene["aspectmode"] == "cube"
    ranges = np.array([scene[axis]["range"] for axis in ("xaxis", "yaxis", "zaxis")])
    np.testing.assert_allclose(ranges.mean(1), [1, 2, 0.5])
    np.testing.assert_allclose(ranges[:, 1] - ranges[:, 0], 4 * 1.1)
    assert scene["camera"]["up"] == {"x": 0, "y": 1, "z": 0}
    assert "eye" not in scene["camera"]


def test_arguments_of_axes() -> None:
    scene = read(
        plot_scene(
            {"s": {"m": mesh()}},
            axis_args=AxisArgs(showgrid=True, backgroundcolor="rgb(200, 200, 230)"),
            xaxis={"range": [-1, 7], "showgrid": False},
            lighting=Lighting(ambient=0.25),
        )
    )
    assert scene["data"][0]["lighting"]["ambient"] == 0.25
    axes = scene["layout"]["scene"]
    assert axes["xaxis"]["range"].tolist() == [-1, 7]
    assert axes["xaxis"]["showgrid"] is False
    assert axes["yaxis"]["showgrid"] is True
    assert axes["zaxis"]["backgroundcolor"] == "rgb(200, 200, 230)"
    assert axes["zaxis"]["showticklabels"] is False


@pytest.mark.parametrize("count", [1, 2])
def test_scenes_are_seen_from_viewpoint_cameras(count: int) -> None:
    R, T = look_at_view_transform(8.0, 20.0, torch.tensor([30.0, 75.0])[:count], at=((1.0, 2.0, 0.5),))
    cameras = PerspectiveCameras(R=R, T=T)
    layout = read(plot_scene({"a": {"m": mesh()}, "b": {"m": mesh()}}, viewpoint_cameras=cameras))["layout"]
    for index, name in enumerate(("scene", "scene2")):
        camera, row = layout[name]["camera"], min(index, count - 1)
        eye, center, up = ([camera[key][axis] for axis in "xyz"] for key in ("eye", "center", "up"))
        middle = torch.tensor([1.0, 2.0, 0.5])  # of the cube, whose side is 1 to Plotly
        place = cameras.get_camera_center()[row]
        np.testing.assert_allclose(eye, (place - middle) / 4.4, rtol=1e-4, atol=1e-5)
        ahead = torch.tensor(center) - torch.tensor(eye)
        np.testing.assert_allclose(ahead / ahead.norm(), (middle - place) / 8, rtol=1e-4, atol=1e-4)
        assert up[1] > 0


def test_another_number_of_viewpoints_is_warned_of() -> None:
    R, T = look_at_view_transform(8.0, 20.0, torch.tensor([30.0, 75.0, 80.0]))
    with pytest.warns(UserWarning, match="viewpoint_cameras must be 1 or 2, got 3; they are not used"):
        plot_scene({"a": {"m": mesh()}, "b": {}}, viewpoint_cameras=PerspectiveCameras(R=R, T=T))


def test_a_batch_individually() -> None:
    R, T = look_at_view_transform(5.0, 0.0, torch.tensor([0.0, 90.0]))
    batches = [ico_sphere(0).extend(2), PerspectiveCameras(R=R, T=T), Pointclouds([VERTS]), rays()]
    figure = plot_batch_individually(batches, ncols=2)
    assert [title.text for title in figure.layout.annotations] == ["Subplot 1", "Subplot 2"]
    names = [(trace.name, trace.scene) for trace in figure.data]
    assert names == [
        (name, scene)
        for index, scene in enumerate(["scene", "scene2"], start=1)
        for name in (*(f"trace{index}-{number}" for number in (1, 2, 3, 4)), f"trace{index}-4_points")
    ]
    assert len(figure.data[0].x) == 12
    once = plot_batch_individually(batches, extend_struct=False)
    assert [trace.name for trace in once.data if trace.scene == "scene2"] == [
        "trace2-1",
        "trace2-2",
        "trace2-4",
        "trace2-4_points",
    ]
    alone = plot_batch_individually(ico_sphere(0).extend(3), subplot_titles=["a", "b", "a"])
    assert len({title.text for title in alone.layout.annotations}) == 3
    assert len(alone.data) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_scene({}), "at least one scene, got none"),
        (
            lambda: plot_scene({"s": {"x": 3}}),
            "'x' must be Meshes, Pointclouds, cameras or a ray bundle, got int",
        ),
        (lambda: plot_scene({"s": {}}, ncols=0), "ncols must be at least 1, got 0"),
        (lambda: plot_batch_individually([]), "nothing to plot"),
        (
            lambda: plot_batch_individually([ico_sphere(0).extend(2), ico_sphere(0).extend(3)]),
            r"batches must have 3 elements or 1, got \[2, 3\]",
        ),
        (
            lambda: plot_batch_individually(ico_sphere(0), subplot_titles=["a", "b"]),
            "subplot_titles must be 1, got 2",
        ),
    ],
)
def test_what_cannot_be_plotted(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_unknown_arguments_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="takes no marker; it is not looked at"):
        plot_scene({"s": {}}, marker=3)


def test_empty_things_are_drawn_as_nothing() -> None:
    empty = Meshes([torch.zeros(0, 3)], [torch.zeros(0, 3, dtype=torch.int64)])
    figure = plot_scene({"s": {"m": empty, "c": Pointclouds([torch.zeros(0, 3)])}})
    assert len(figure.data) == 2
    assert figure.layout.scene.xaxis.range[0] < figure.layout.scene.xaxis.range[1]


def test_things_that_need_gradients_are_plotted() -> None:
    verts = VERTS.clone().requires_grad_()
    R, T = look_at_view_transform(5.0, 0.0, 0.0)
    things = {
        "m": Meshes([verts], [FACES], TexturesVertex([SQUARES.clone().requires_grad_()])),
        "p": Pointclouds([verts]),
        "c": FoVPerspectiveCameras(R=R, T=T.requires_grad_()),
    }
    assert len(plot_scene({"s": things}, viewpoint_cameras=things["c"]).data) == 3


@pytest.mark.parametrize("function", [plot_scene, plot_batch_individually])
def test_plotly_missing_is_a_line_that_names_the_extra(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(
        ImportError, match="plot_scene needs the package plotly, of r3d's extra vis"
    ) as caught:
        function({"s": {}} if function is plot_scene else ico_sphere(0))
    assert str(caught.value).endswith(pip_install(extra="vis"))
    assert "\n" not in str(caught.value)
