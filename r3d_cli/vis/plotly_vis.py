"""Scenes that turn under the mouse, in figures of Plotly."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.extras import pip_install
from r3d_cli.renderer import CamerasBase
from r3d_cli.vis.traces import Sizes, is_ray_bundle, traces_of

#: How much wider the axes are than what they show.
_MARGIN = 1.1


class AxisArgs(NamedTuple):
    """How axes look, by the names that Plotly's ``layout.scene.xaxis`` has.

    Attributes:
        showgrid: Lines of a grid.
        zeroline: A line at 0.
        showline: A line along the axis.
        ticks: Marks at the labels: "outside", "inside" or "".
        showticklabels: Numbers.
        backgroundcolor: Of the wall behind, as CSS writes colours.
        showaxeslabels: The axis' name.

    Example:
        >>> AxisArgs(showgrid=True).showgrid
        True
    """

    showgrid: bool = False
    zeroline: bool = False
    showline: bool = False
    ticks: str = ""
    showticklabels: bool = False
    backgroundcolor: str = "#fff"
    showaxeslabels: bool = False


class Lighting(NamedTuple):
    """How meshes are lit, by the names that Plotly's ``Mesh3d.lighting`` has.

    Attributes:
        ambient: Light from everywhere, 0 to 1.
        diffuse: Light from one side, 0 to 1.
        fresnel: Shine at grazing angles, 0 to 5.
        specular: Highlights, 0 to 2.
        roughness: How wide highlights are, 0 to 1.
        facenormalsepsilon: Below this size a face has no normal.
        vertexnormalsepsilon: The same for vertices.

    Example:
        >>> Lighting(ambient=0.5).ambient
        0.5
    """

    ambient: float = 0.8
    diffuse: float = 1.0
    fresnel: float = 0.0
    specular: float = 0.0
    roughness: float = 0.5
    facenormalsepsilon: float = 1e-6
    vertexnormalsepsilon: float = 1e-12


def plot_scene(
    plots: Mapping[str, Mapping[str, Any]],
    *,
    viewpoint_cameras: CamerasBase | None = None,
    ncols: int = 1,
    camera_scale: float = 0.3,
    pointcloud_max_points: int = 20000,
    pointcloud_marker_size: int = 1,
    raybundle_max_rays: int = 20000,
    raybundle_max_points_per_ray: int = 1000,
    raybundle_ray_point_marker_size: int = 1,
    raybundle_ray_line_width: int = 1,
    **kwargs: Any,
) -> Any:
    """Plot scenes side by side, each with its things by their names.

    Meshes have the colours of their vertices, or their faces' mean colour of an atlas or a map; points those
    of 3 or 4 features. All elements of a batch are drawn. Each scene is a cube, its y axis up.

    Args:
        plots: Title -> name -> `Meshes`, `Pointclouds`, cameras, or a ray bundle (anything with the tensors
            ``origins`` (..., 3), ``directions`` (..., 3) and ``lengths`` (..., P)).
        viewpoint_cameras: From where scenes are seen: one camera each, or one for all. Plotly's angle of view
            is always the same; only places and directions are taken over.
        ncols: Scenes in a row.
        camera_scale: Size of drawn cameras, world units; see `get_camera_wireframe`.
        pointcloud_max_points: Of larger clouds, that many points each are drawn, by chance.
        pointcloud_marker_size: Pixels.
        raybundle_max_rays: Of larger bundles, that many rays are drawn, by chance.
        raybundle_max_points_per_ray: Of longer rays, that many points.
        raybundle_ray_point_marker_size: Pixels.
        raybundle_ray_line_width: Pixels.
        **kwargs: ``axis_args``, `AxisArgs` of all axes; ``xaxis``, ``yaxis`` and ``zaxis``, dictionaries of
            what else Plotly knows of an axis (``{"range": [-1, 1]}``); ``lighting``, a `Lighting`.

    Returns:
        A ``plotly.graph_objects.Figure``: ``.show()``, ``.write_html("scene.html")``.

    Raises:
        ImportError: Plotly is missing.
        ValueError: There is nothing to plot, or something else than the above.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras
        >>> from r3d_cli.utils import ico_sphere
        >>> figure = plot_scene({"A sphere": {"mesh": ico_sphere(1), "camera": FoVPerspectiveCameras()}})
        >>> [trace.name for trace in figure.data]
        ['mesh', 'camera']
    """
    subplots = _plotly("plot_scene").make_subplots
    if not plots:
        raise ValueError("plot_scene: plots must name at least one scene, got none")
    if ncols < 1:
        raise ValueError(f"plot_scene: ncols must be at least 1, got {ncols}")
    lighting = dict(kwargs.pop("lighting", Lighting())._asdict())
    shared = kwargs.pop("axis_args", AxisArgs())._asdict()
    axes = {axis: shared | dict(kwargs.pop(axis, {})) for axis in ("xaxis", "yaxis", "zaxis")}
    for unknown in kwargs:
        warnings.warn(f"plot_scene: takes no {unknown}; it is not looked at", stacklevel=2)
    sizes = Sizes(
        camera_scale,
        pointcloud_max_points,
        pointcloud_marker_size,
        raybundle_max_rays,
        raybundle_max_points_per_ray,
        raybundle_ray_point_marker_size,
        raybundle_ray_line_width,
    )
    views = _viewpoints(viewpoint_cameras, len(plots))
    rows = -(-len(plots) // ncols)
    specs = [[{"type": "scene"}] * ncols for _ in range(rows)]
    figure = subplots(rows=rows, cols=ncols, specs=specs, subplot_titles=list(plots))
    for index, scene in enumerate(plots.values()):
        points = [torch.zeros(0, 3)]
        for name, struct in scene.items():
            found = traces_of(struct, name, sizes, lighting)
            points.append(found.points.float())
            figure.add_traces(found.traces, rows=index // ncols + 1, cols=index % ncols + 1)
        layout = _layout(torch.cat(points), axes, views[min(index, len(views) - 1)] if views else None)
        figure.update_layout({"scene" if index == 0 else f"scene{index + 1}": layout})
    return figure


def plot_batch_individually(
    batched_structs: Any,
    *,
    viewpoint_cameras: CamerasBase | None = None,
    ncols: int = 1,
    extend_struct: bool = True,
    subplot_titles: Sequence[str] | None = None,
    **kwargs: Any,
) -> Any:
    """Plot the elements of batches, each in a scene of its own.

    Args:
        batched_structs: What `plot_scene` takes, a batch of N; or a list of such, of N elements or of 1.
        viewpoint_cameras: As of `plot_scene`.
        ncols: Scenes in a row.
        extend_struct: Draw batches of one element in all scenes, rather than in the first alone.
        subplot_titles: N titles.
        **kwargs: All that `plot_scene` takes.

    Returns:
        A ``plotly.graph_objects.Figure``.

    Raises:
        ImportError: Plotly is missing.
        ValueError: Batches of other sizes, none at all, or another number of titles.

    Example:
        >>> from r3d_cli.utils import ico_sphere
        >>> spheres = ico_sphere(1).extend(2)
        >>> figure = plot_batch_individually(spheres, subplot_titles=["left", "right"], ncols=2)
        >>> [title.text for title in figure.layout.annotations], len(figure.data)
        (['left', 'right'], 2)
    """
    where = "plot_batch_individually"
    several = isinstance(batched_structs, list | tuple) and not is_ray_bundle(batched_structs)
    structs = list(batched_structs) if several else [batched_structs]
    counts = [_length(struct) for struct in structs]
    count = max(counts, default=0)
    if count == 0:
        raise ValueError(f"{where}: there is nothing to plot: no batch has an element")
    if set(counts) - {1, count}:
        raise ValueError(f"{where}: batches must have {count} elements or 1, got {counts}")
    numbered = [f"Subplot {index + 1}" for index in range(count)]
    titles = numbered if subplot_titles is None else list(subplot_titles)
    if len(titles) != count:
        raise ValueError(f"{where}: subplot_titles must be {count}, got {len(titles)}")
    scenes = [
        {
            f"trace{index + 1}-{number + 1}": _element(struct, min(index, size - 1))
            for number, (struct, size) in enumerate(zip(structs, counts, strict=True))
            if index < size or (extend_struct and size == 1)
        }
        for index in range(count)
    ]
    if len(set(titles)) < count:  # a dictionary would keep one of them
        titles = [f"{title} ({index + 1})" for index, title in enumerate(titles)]
    plots = dict(zip(titles, scenes, strict=True))
    return plot_scene(plots, viewpoint_cameras=viewpoint_cameras, ncols=ncols, **kwargs)


def _plotly(where: str) -> Any:
    try:
        from plotly import subplots
    except ImportError as error:
        raise ImportError(
            f"{where} needs the package plotly, of r3d's extra vis ({error}): {pip_install(extra='vis')}"
        ) from None
    return subplots


def _length(struct: Any) -> int:
    return len(struct.origins) if is_ray_bundle(struct) else len(struct)


class _Rays(NamedTuple):
    origins: Tensor
    directions: Tensor
    lengths: Tensor


def _element(struct: Any, index: int) -> Any:
    if is_ray_bundle(struct):
        return _Rays(struct.origins[index], struct.directions[index], struct.lengths[index])
    return struct[index]


def _viewpoints(cameras: CamerasBase | None, count: int) -> list[Tensor]:  # of (3, 3): eye, at, up
    """Where cameras stand, a point ahead of them, and what is up."""
    if cameras is None:
        return []
    if len(cameras) not in (1, count):
        warnings.warn(
            f"plot_scene: viewpoint_cameras must be 1 or {count}, got {len(cameras)}; they are not used",
            stacklevel=3,
        )
        return []
    to_world = cameras.get_world_to_view_transform().inverse()
    marks = to_world.get_matrix().new_tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    found = to_world.transform_points(marks).detach().cpu().reshape(-1, 3, 3)
    return [torch.stack([eye, at, above - eye]) for eye, at, above in found]


def _layout(points: Tensor, axes: dict[str, dict[str, Any]], view: Tensor | None) -> dict[str, Any]:
    """A cube around points, seen from a viewpoint."""
    points = points[points.isfinite().all(1)]
    low, high = (points.amin(0), points.amax(0)) if len(points) else (-torch.ones(3), torch.ones(3))
    half = _MARGIN / 2 * float((high - low).amax()) or 1.0
    ranges = {
        axis: [center - half, center + half]
        for axis, center in zip(axes, ((low + high) / 2).tolist(), strict=True)
    }
    layout: dict[str, Any] = {axis: {"range": ranges[axis]} | args for axis, args in axes.items()}
    camera = {"up": {"x": 0, "y": 1, "z": 0}}
    if view is not None:
        # Plotly measures in cubes: one side is 1 long, and the cube's centre is 0.
        spans = torch.tensor([[float(end) for end in layout[axis]["range"]] for axis in axes])
        sides = spans[:, 1] - spans[:, 0]
        eye, at = ((place - spans.mean(1)) / sides for place in view[:2].float())
        camera = {
            name: dict(zip("xyz", place.tolist(), strict=True))
            for name, place in (("eye", eye), ("center", at), ("up", view[2].float() / sides))
        }
    return layout | {"aspectmode": "cube", "camera": camera}
