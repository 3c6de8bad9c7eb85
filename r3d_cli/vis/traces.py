"""Meshes, point clouds, cameras and rays as what Plotly draws: traces, and the points that they span."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from r3d_cli.renderer import CamerasBase, TexturesAtlas, TexturesVertex
from r3d_cli.structures import Meshes, Pointclouds


class Sizes(NamedTuple):
    """How much is drawn, and how large: the parameters of `plot_scene`."""

    camera_scale: float
    pointcloud_max_points: int
    pointcloud_marker_size: float
    raybundle_max_rays: int
    raybundle_max_points_per_ray: int
    raybundle_ray_point_marker_size: float
    raybundle_ray_line_width: float


class Traces(NamedTuple):
    traces: list[Any]  # of plotly.graph_objects
    points: Tensor  # (P, 3) that the axes have to reach


def is_ray_bundle(struct: Any) -> bool:
    """Whether something has a ray bundle's fields."""
    fields = "origins", "directions", "lengths"
    return all(isinstance(getattr(struct, field, None), Tensor) for field in fields)


def traces_of(struct: Any, name: str, sizes: Sizes, lighting: dict[str, float]) -> Traces:
    """What stands for a mesh, a cloud, a camera or a ray bundle.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(struct, Meshes):
        return _of_meshes(struct.detach().cpu(), name, lighting)
    if isinstance(struct, Pointclouds):
        clouds = struct.detach().cpu().subsample(sizes.pointcloud_max_points)
        return _of_clouds(clouds, name, sizes.pointcloud_marker_size)
    if isinstance(struct, CamerasBase):
        return _of_cameras(struct, name, sizes.camera_scale)
    if is_ray_bundle(struct):
        return _of_rays(struct, name, sizes)
    raise ValueError(
        f"plot_scene: {name!r} must be Meshes, Pointclouds, cameras or a ray bundle, "
        f"got {type(struct).__name__}"
    )


def get_camera_wireframe(scale: float = 0.3) -> Tensor:  # (P, 3)
    """One line that draws a camera in its own view: the frustum, its axis, and a mark above the image.

    Args:
        scale: View units for one unit of the line, in which the image lies at depth 2.

    Returns:
        (P, 3) points, +x to the left, +y up and +z ahead, as cameras see.

    Example:
        >>> line = get_camera_wireframe(scale=1.0)
        >>> line.amin(0).tolist(), line.amax(0).tolist()
        ([-1.0, -0.75, 0.0], [1.0, 1.0, 3.0])
    """
    eye, ahead = (0.0, 0.0, 0.0), (0.0, 0.0, 3.0)
    top_left, top_right = (1.0, 0.75, 2.0), (-1.0, 0.75, 2.0)
    low_left, low_right = (1.0, -0.75, 2.0), (-1.0, -0.75, 2.0)
    middle, mark = (0.0, 0.75, 2.0), (0.0, 1.0, 2.0)
    image = [top_left, middle, mark, middle, top_right, low_right, low_left, top_left]
    edges = [eye, top_right, eye, low_right, eye, low_left, eye, ahead]
    return scale * torch.tensor(image + edges)


def _of_meshes(meshes: Meshes, name: str, lighting: dict[str, float]) -> Traces:
    from plotly.graph_objects import Mesh3d

    verts, faces = meshes.verts_packed(), meshes.faces_packed()
    used = torch.zeros(len(verts), dtype=torch.bool)
    used[faces.flatten()] = True
    points = verts[used] if used.any() else verts
    if (
        not used.all()
    ):  # Plotly sets its axes and its light by all vertices: those of no face lie among others
        verts = torch.where(used[:, None], verts, points.mean(0))
    (x, y, z), (i, j, k) = _columns(verts), _columns(faces)
    colors = _colors_of(meshes, name)
    return Traces([Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, lighting=lighting, name=name, **colors)], points)


def _colors_of(meshes: Meshes, name: str) -> dict[str, list[str]]:
    """Colours of vertices where the textures have them, else of faces; of more texels their mean."""
    textures = meshes.textures
    if textures is None or not len(meshes.faces_packed()):
        return {}
    if isinstance(textures, TexturesVertex):
        where, values = "vertexcolor", textures.verts_features_packed()
    elif isinstance(textures, TexturesAtlas):
        where, values = "facecolor", textures.atlas_packed().mean((1, 2))
    else:
        where, values = "facecolor", textures.faces_verts_textures_packed().mean(1)
    if values.shape[1] not in (3, 4):
        warnings.warn(
            f"plot_scene: the textures of {name!r} have {values.shape[1]} channels, and colours 3 or 4; "
            "it is drawn without them",
            stacklevel=5,
        )
        return {}
    return {where: _css(values)}


def _of_clouds(clouds: Pointclouds, name: str, marker_size: float) -> Traces:
    from plotly.graph_objects import Scatter3d

    points, features = clouds.points_packed(), clouds.features_packed()
    marker: dict[str, Any] = {"size": marker_size}
    if features is not None and features.shape[1] in (3, 4):
        marker["color"] = _css(features)
    x, y, z = _columns(points)
    return Traces([Scatter3d(x=x, y=y, z=z, mode="markers", marker=marker, name=name)], points)


def _of_cameras(cameras: CamerasBase, name: str, scale: float) -> Traces:
    from plotly.graph_objects import Scatter3d

    to_world = cameras.get_world_to_view_transform().inverse()
    wire = get_camera_wireframe(scale).to(to_world.get_matrix())
    lines = to_world.transform_points(wire).detach().cpu().reshape(-1, *wire.shape)  # (N, P, 3)
    x, y, z = _columns(_broken(lines))
    return Traces(
        [Scatter3d(x=x, y=y, z=z, mode="lines", name=name)],
        lines.flatten(0, 1),
    )


def _of_rays(rays: Any, name: str, sizes: Sizes) -> Traces:
    from plotly.graph_objects import Scatter3d

    origins, directions = (part.detach().cpu().reshape(-1, 3) for part in (rays.origins, rays.directions))
    lengths = rays.lengths.detach().cpu().reshape(len(origins), -1)  # (R, P)
    chosen = _some(len(origins), sizes.raybundle_max_rays)
    origins, directions, lengths = origins[chosen, None], directions[chosen, None], lengths[chosen]
    ends = torch.stack([lengths.amin(1), lengths.amax(1)], dim=1)
    lines = origins + ends[..., None] * directions  # (R, 2, 3)
    along = lengths[:, _some(lengths.shape[1], sizes.raybundle_max_points_per_ray)]
    points = (origins + along[..., None] * directions).flatten(0, 1)
    (x, y, z), (px, py, pz) = _columns(_broken(lines)), _columns(points)
    line = {"width": sizes.raybundle_ray_line_width}
    marker = {"size": sizes.raybundle_ray_point_marker_size}
    return Traces(
        [
            Scatter3d(x=x, y=y, z=z, mode="lines", line=line, name=name),
            Scatter3d(x=px, y=py, z=pz, mode="markers", marker=marker, name=f"{name}_points"),
        ],
        lines.flatten(0, 1),
    )


def _some(count: int, limit: int) -> slice | Tensor:
    """All of them, or at random as many as are allowed, in their order."""
    return slice(None) if count <= limit else torch.randperm(count)[:limit].sort().values


def _broken(lines: Tensor) -> Tensor:  # (N, P, 3) -> (N * (P + 1) - 1, 3)
    """Lines as one that NaN interrupts."""
    gaps = lines.new_full((len(lines), 1, 3), torch.nan)
    return torch.cat([lines, gaps], dim=1).flatten(0, 1)[:-1]


def _columns(values: Tensor) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(column) for column in values.numpy().T]


def _css(colors: Tensor) -> list[str]:
    """Colours (N, 3 or 4) in [0, 1] as CSS writes them. Plotly also takes numbers, and then has to guess
    whether 1 is the largest or the smallest above 0."""
    values = colors.float().clamp(0, 1).nan_to_num()
    rgb = (255 * values[:, :3]).round().int().tolist()
    if values.shape[1] == 3:
        return [f"rgb({red}, {green}, {blue})" for red, green, blue in rgb]
    return [
        f"rgba({red}, {green}, {blue}, {alpha:.3g})"
        for (red, green, blue), alpha in zip(rgb, values[:, 3].tolist(), strict=True)
    ]
