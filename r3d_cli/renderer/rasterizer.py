"""`MeshRasterizer`: cameras and settings around `rasterize_meshes`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from r3d_cli.ops.rasterize_meshes import Fragments
from r3d_cli.ops.world_to_screen import world_to_screen
from r3d_cli.renderer.cameras.lenses import lens_of
from r3d_cli.renderer.rasterize_meshes import (
    check_faces_per_pixel,
    note_not_finite,
    rasterize_meshes,
    read_image_size,
)
from r3d_cli.renderer.screen import Screen, ScreenFragments
from r3d_cli.structures.meshes import Meshes

#: Depths are kept this far from zero, as a share of the point's distance from the optical axis: the quotient
#: stays finite, and clipping, which multiplies x by z again, gets the view coordinate back.
_SMALLEST_DEPTH = 1e-6

#: The least depth that is in front of a perspective camera. The kernels keep edges that lead from there to
#: behind it farther away, relative to their own extent: `constants.DEFINES`, R3D_NEAREST_CUT.
_IN_FRONT = torch.finfo(torch.float32).tiny


@dataclass
class RasterizationSettings:
    """How to rasterize; the meaning of each is that of `rasterize_meshes`.

    Attributes:
        image_size: Pixels a side, or (H, W).
        blur_radius: Squared NDC distance.
        faces_per_pixel: K; None is for shaders that blend every face, and not for fragments.
        bin_size: Accepted and ignored, like the limits ``max_faces_opengl`` and ``max_faces_per_bin``.
        max_faces_opengl: Accepted and ignored.
        max_faces_per_bin: Accepted and ignored.
        perspective_correct: None: as the camera is.
        clip_barycentric_coords: None: where there is blur.
        cull_backfaces: Leave out faces that are seen from behind.
        z_clip_value: Near plane, view depth. None: half of the znear of a perspective camera that has one.
            What is not in front of the camera is cut away in any case.
        cull_to_frustum: Accepted and ignored.
        blur_pixels: The blur as a distance in pixels, in place of ``blur_radius``.
        strict: Vertices that are not finite are an error, rather than a warning.

    Raises:
        ValueError: A value out of range.

    Example:
        >>> RasterizationSettings(image_size=100, blur_pixels=2.0).blur_radius
        0.0016
    """

    image_size: int | tuple[int, int] = 256
    blur_radius: float = 0.0
    faces_per_pixel: int | None = 1
    bin_size: int | None = None
    max_faces_opengl: int = 10_000_000
    max_faces_per_bin: int | None = None
    perspective_correct: bool | None = None
    clip_barycentric_coords: bool | None = None
    cull_backfaces: bool = False
    z_clip_value: float | None = None
    cull_to_frustum: bool = False
    blur_pixels: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        where = "RasterizationSettings"
        size = read_image_size(where, self.image_size)
        if self.blur_pixels is not None:
            if self.blur_radius != 0:
                raise ValueError(f"{where}: give blur_radius or blur_pixels, not both")
            if not self.blur_pixels >= 0:
                raise ValueError(f"{where}: blur_pixels must be at least 0, got {self.blur_pixels}")
            self.blur_radius = (2 * self.blur_pixels / min(size)) ** 2
        try:
            good = bool(self.blur_radius >= 0) and math.isfinite(self.blur_radius)
        except TypeError:  # not a number
            good = False
        if not good:
            raise ValueError(f"{where}: blur_radius must be a finite number >= 0, got {self.blur_radius}")
        if self.faces_per_pixel is not None:
            check_faces_per_pixel(where, self.faces_per_pixel)


class MeshRasterizer(nn.Module):
    """Meshes of the world to `Fragments`, seen by cameras.

    Args:
        cameras: Of N meshes, one or N cameras; of one mesh, any number: its geometry is shared.
        raster_settings: By default ``RasterizationSettings()``.

    Both may be given, or replaced, in a call: ``rasterizer(meshes, cameras=cameras)``.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras, look_at_view_transform
        >>> from r3d_cli.utils import ico_sphere
        >>> R, T = look_at_view_transform(2.7, elev=0.0, azim=torch.tensor([0.0, 90.0]))
        >>> rasterizer = MeshRasterizer(FoVPerspectiveCameras(R=R, T=T), RasterizationSettings(image_size=64))
        >>> fragments = rasterizer(ico_sphere(2))
        >>> fragments.pix_to_face.shape, round(float(fragments.zbuf[0, 32, 32, 0]), 2)
        (torch.Size([2, 64, 64, 1]), 1.7)
    """

    def __init__(self, cameras: Any = None, raster_settings: RasterizationSettings | None = None) -> None:
        super().__init__()
        self.cameras = cameras
        self.raster_settings = RasterizationSettings() if raster_settings is None else raster_settings

    def to(self, device: torch.device | str) -> MeshRasterizer:  # type: ignore[override]
        """Moves the cameras."""
        if self.cameras is not None:
            self.cameras = self.cameras.to(device)
        return self

    def transform(self, meshes_world: Any, **kwargs: Any) -> Any:
        """Meshes in NDC x and y, with the view depth z.

        Args:
            meshes_world: `Meshes`.
            **kwargs: ``cameras``, and what they take, such as R and T; ``eps``, the least depth divided by.

        Raises:
            ValueError: No cameras, or as many as do not fit the meshes.
        """
        cameras = kwargs.pop("cameras", self.cameras)
        if cameras is None:
            raise ValueError("MeshRasterizer: no cameras; give them when it is made or called")
        for name, value, method in (
            ("meshes", meshes_world, "verts_padded"),
            ("cameras", cameras, "get_world_to_view_transform"),
        ):
            if not hasattr(value, method):
                kind = type(value).__name__
                raise ValueError(f"MeshRasterizer: {name} must be {name.capitalize()}, got {kind}")
        seen = _at_once(meshes_world, cameras, kwargs)
        if seen is not None:
            return seen
        view = cameras.get_world_to_view_transform(**kwargs)
        batch = max(len(view), len(cameras))
        meshes_world = _one_a_camera(meshes_world, batch)
        verts = meshes_world.verts_padded()
        eps = kwargs.pop("eps", None)
        verts_view = (
            _away_from_zero(view.transform_points(verts))
            if eps is None
            else view.transform_points(verts, eps)
        )
        try:
            projection = cameras.get_projection_transform(**kwargs)
        except NotImplementedError:  # such as a fisheye: no matrix
            corners_ndc = getattr(cameras, "_corners_ndc", cameras.transform_points_ndc)
            verts_ndc = corners_ndc(verts, eps=eps, **kwargs)
        else:
            to_ndc = cameras.get_ndc_camera_transform(**kwargs)
            verts_ndc = projection.compose(to_ndc).transform_points(verts_view, eps=eps)
        return meshes_world.update_padded(torch.cat([verts_ndc[..., :2], verts_view[..., 2:]], -1))

    def forward(self, meshes_world: Any, **kwargs: Any) -> Fragments:
        """Rasterize.

        Args:
            meshes_world: `Meshes`.
            **kwargs: ``raster_settings``, and what ``transform`` takes.

        Returns:
            `Fragments` of as many pictures as there are meshes or cameras; they know their `Screen`.
        """
        settings = kwargs.pop("raster_settings", self.raster_settings)
        cameras = kwargs.get("cameras", self.cameras)
        return self.rasterize(self.transform(meshes_world, **kwargs), settings, cameras)

    def rasterize(
        self,
        meshes_ndc: Any,
        settings: RasterizationSettings,
        cameras: Any,
        after_zbuf: Tensor | None = None,
        after_face: Tensor | None = None,
    ) -> Fragments:
        """Rasterize what `transform` returned.

        Args:
            meshes_ndc: `Meshes` in NDC x and y, with the view depth z.
            settings: `RasterizationSettings`.
            cameras: For the settings that are left to the camera.
            after_zbuf: (N, H, W) only what lies behind this counts: see `rasterize_meshes`.
            after_face: (N, H, W) the face that goes with that depth.
        """
        if not hasattr(settings, "faces_per_pixel"):
            kind = type(settings).__name__
            raise ValueError(f"MeshRasterizer: raster_settings must be RasterizationSettings, got {kind}")
        if settings.faces_per_pixel is None:
            raise ValueError(
                "MeshRasterizer: faces_per_pixel=None keeps no fragments; give a number, or use a renderer "
                "whose shader blends every face"
            )
        resolved = resolve_settings(settings, cameras)
        fragments = rasterize_meshes(
            meshes_ndc,
            settings.image_size,
            settings.blur_radius,
            settings.faces_per_pixel,
            perspective_correct=resolved.perspective_correct,
            clip_barycentric_coords=resolved.clip_barycentric_coords,
            cull_backfaces=settings.cull_backfaces,
            z_clip_value=resolved.near,
            is_perspective=resolved.is_perspective,
            strict=settings.strict,
            after_zbuf=after_zbuf,
            after_face=after_face,
        )
        screen = Screen(meshes_ndc.verts_packed(), meshes_ndc.faces_packed(), *resolved.interpolation)
        return ScreenFragments.of(fragments, screen)


def _one_a_camera(meshes: Any, cameras: int) -> Any:
    """As many meshes as cameras; one camera sees any number."""
    if cameras == len(meshes) or cameras <= 1:
        return meshes
    if len(meshes) != 1:
        raise ValueError(f"MeshRasterizer: {cameras} cameras do not fit {len(meshes)} meshes")
    return meshes.extend(cameras)


def _at_once(meshes: Any, cameras: Any, kwargs: dict[str, Any]) -> Any:
    """`MeshRasterizer.transform` in one op, which also counts what is not finite.

    None: cameras or meshes of a class of somebody's own, whose methods expect to be called; parameters of
    the call other than a pose; or what does not fit, which the transforms of the cameras say best.
    """
    if getattr(type(meshes), "update_padded", None) is not Meshes.update_padded:
        return None
    lens = lens_of(cameras)
    if lens is None:
        return None
    replaced = {"eps", *cameras._FIELDS, *cameras._shared()} - {"R", "T"}
    if any(kwargs.get(name) is not None for name in replaced):
        return None
    cameras._take_pose(kwargs)
    verts, given = meshes.verts_packed(), (cameras.R, cameras.T, lens.numbers)
    if any(x.dtype != verts.dtype or x.device != verts.device for x in given):
        return None
    if verts.dtype not in (torch.float32, torch.float64) or verts.device.type not in ("cpu", "cuda"):
        return None
    batch = max(map(len, given))
    if batch == 0 or any(len(x) not in (1, batch) for x in given):
        return None
    if cameras.R.shape[1:] != (3, 3) or cameras.T.shape[1:] != (3,):
        return None
    R, T, numbers = (x if len(x) == batch else x.expand(batch, *x.shape[1:]) for x in given)
    seen = _one_a_camera(meshes, batch)
    first = meshes._verts.layout.bounds if batch == len(meshes) > 1 else None
    screen = world_to_screen(verts, R, T, numbers, lens.kind, first)
    seen = seen._update_packed(screen.verts)
    note_not_finite(seen, screen.not_finite)
    return seen


class Resolved(NamedTuple):
    """Settings with what was left to the camera."""

    perspective_correct: bool
    clip_barycentric_coords: bool
    near: float  # view depth; what is nearer is cut away: never less than what is in front of the camera
    is_perspective: bool  # whether the camera divides by the depth

    @property
    def interpolation(self) -> tuple[bool, bool, float]:
        """What a `Screen` takes besides the faces."""
        return self.perspective_correct, self.is_perspective, self.near


def resolve_settings(settings: RasterizationSettings, cameras: Any) -> Resolved:
    """What settings that were left to the camera come to."""
    perspective = settings.perspective_correct
    if perspective is None:
        perspective = bool(cameras.is_perspective())
    clip = settings.clip_barycentric_coords
    if clip is None:
        clip = settings.blur_radius > 0
    divides = _divides_by_depth(cameras, perspective)
    near = settings.z_clip_value
    if near is None and (perspective or divides):
        znear = cameras.get_znear()
        if znear is not None:
            near = _least(cameras, znear) / 2
    nearest = _IN_FRONT if divides else 0.0
    return Resolved(perspective, clip, nearest if near is None else max(near, nearest), divides)


def _divides_by_depth(cameras: Any, perspective_correct: bool) -> bool:
    """Whether what lies behind the camera is projected to the wrong side. Cameras that do not say what they
    are do as the attributes do."""
    tell = getattr(cameras, "_divides_by_depth", None) or getattr(cameras, "is_perspective", None)
    try:
        return perspective_correct if tell is None else bool(tell())
    except NotImplementedError:
        return perspective_correct


def _least(cameras: Any, znear: Tensor | float) -> float:
    """The least of the cameras' znear, without a look into the tensor where it was made of a number."""
    tensor, number = getattr(cameras, "_znear_given", None) or (None, 0.0)
    if tensor is znear:
        return float(number)
    return float(znear.min() if isinstance(znear, Tensor) else znear)


def _away_from_zero(points: Tensor) -> Tensor:  # (..., 3)
    """View points whose depth can be divided by; gradients pass as if nothing had been moved."""
    with torch.no_grad():
        z = points[..., 2]
        least = points[..., :2].abs().amax(-1) * _SMALLEST_DEPTH + torch.finfo(points.dtype).tiny
        step = torch.where(z.abs() < least, torch.where(z < 0, -least, least) - z, 0)
    return torch.cat([points[..., :2], (points[..., 2] + step)[..., None]], -1)
