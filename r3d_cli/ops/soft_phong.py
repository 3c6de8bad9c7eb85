"""Soft Phong shading of packed meshes under autograd: ``torch.library`` ops over ``backend.soft_phong``."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.backend import soft_phong as backend
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.raster_arguments import check_mesh, deterministic_corners, must_repeat


class PhongSurface(NamedTuple):
    """What is lit, and how; without lights (see `soft_phong`) positions and normals may be empty.

    Example:
        >>> PhongSurface(torch.zeros(3, 3), torch.zeros(3, 3), torch.zeros(1, 21)).looks.shape
        torch.Size([1, 21])
    """

    positions: Tensor  # (V, 3) of the vertices, world space
    normals: Tensor  # (V, 3), of any length
    #: (N, 21) for each picture: ambient, diffuse and specular colour of light times material, the light's
    #: location or the direction towards it, the camera's centre, shininess, znear, zfar, the background's
    #: colour.
    looks: Tensor


class PackedTexture(NamedTuple):
    """What a surface shows: colours of vertices, maps with coordinates, or atlases (one square a face).

    Example:
        >>> PackedTexture(torch.zeros(3, 3), torch.tensor([[0, 1, 2]])).kind
        'vertices'
    """

    texels: Tensor  # (T, 3) at vertices; of maps, each from its top row; or of atlases (F * R * R, 3)
    corner_ids: Tensor | None = None  # (F, 3) int64 into texels, with maps into uvs; None with atlases
    uvs: Tensor | None = None  # (U, 2), with maps
    maps: Tensor | None = None  # (M, 3) int64 first texel, height and width, with maps
    faces_source: Tensor | None = None  # (F,) int64 a face's map or atlas; None: map 0, its own
    kind: str = "vertices"  # or "maps", "atlas"
    atlas_size: int = 1  # R, texels along a side
    padding_mode: str = "border"  # or "zeros", "reflection", "repeat": what lies outside a map
    align_corners: bool = True
    bilinear: bool = True  # else the nearest texel


def soft_phong(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3) int64
    mesh_first_face: Tensor,  # (N + 1,) int64
    surface: PhongSurface,
    texture: PackedTexture,
    image_size: tuple[int, int],
    *,
    lights: str = "point",
    sigma: float = 1e-4,
    gamma: float = 1e-4,
    blur_radius: float = 0.0,
    faces_per_pixel: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_near: float | None = None,
    z_far: float | None = None,
    is_perspective: bool | None = None,
) -> Tensor:  # (N, H, W, 4)
    """Phong-lit, softly blended pictures, differentiably, without fragments.

    What `rasterize_meshes`, `phong_shading` and `softmax_rgb_blend` give, in one kernel: its backward
    computes again what it needs, so memory beyond the picture depends neither on the number of faces nor on
    K. Liu et al. 2019, "Soft Rasterizer", equations 1 to 4; Phong 1975. Gradients go to every floating tensor
    given; they repeat bit by bit: always on the CPU, on a GPU under
    ``torch.use_deterministic_algorithms(True)``.

    Args:
        verts: (V, 3) vertices of all meshes, float32 or float64: NDC x (left) and y (up), and view depth z.
        faces: (F, 3) ids into ``verts``, of all meshes.
        mesh_first_face: (N + 1,) where each mesh's faces begin, and the number of all faces.
        surface: Positions and normals in the world, and each picture's light, camera and background.
        texture: What the surface shows, of three channels.
        image_size: (H, W), pixels; the shorter side spans [-1, 1].
        lights: "point", "directional", "ambient", or "none": the texels are the colours.
        sigma: Width of a face's soft edge, squared NDC distance.
        gamma: How fast weights fall with depth; small is opaque.
        blur_radius: As of `rasterize_meshes`, like all that follows.
        faces_per_pixel: Only the K nearest faces of a pixel count; None: all.
        perspective_correct: Interpolate depths in view space rather than on the screen.
        clip_barycentric_coords: Clamp barycentric coordinates to the face, where the blur reaches outside it.
        cull_backfaces: Leave out faces that are seen from behind.
        z_near: Cut faces at this view depth, exactly; None: leave them whole.
        z_far: The same for what lies behind it.
        is_perspective: Whether x and y were divided by the depth; None: as ``perspective_correct``.

    Returns:
        (N, H, W, 4) in the dtype of ``verts``: the blended colour, and the silhouette's alpha.

    Raises:
        ValueError: An argument of a wrong dtype, shape, device or range.
        IndexError: A face names no vertex, or a corner no texel.

    Example:
        >>> verts = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
        >>> mesh = verts, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1])
        >>> looks = torch.zeros(1, 21)
        >>> looks[0, 16:18] = torch.tensor([1.0, 100.0])  # znear, zfar
        >>> surface = PhongSurface(torch.zeros(0, 3), torch.zeros(0, 3), looks)
        >>> red = PackedTexture(torch.tensor([[1.0, 0.0, 0.0]]), torch.zeros(1, 3).long())
        >>> soft_phong(*mesh, surface, red, (2, 2), lights="none").round()[0, 1, 0]
        tensor([1., 0., 0., 1.])
    """
    where = "soft_phong"
    texels, corner_ids, uvs, maps, faces_source, kind, atlas_size, padding, align_corners, bilinear = texture
    if uvs is None:
        uvs = verts.new_zeros(0, 2)
    if maps is None:
        maps = faces.new_zeros(0, 3)
    verts, faces, first, *surface_, texels, corner_ids, uvs, maps, faces_source = prepare(
        where,
        verts=verts,
        faces=faces,
        mesh_first_face=mesh_first_face,
        **surface._asdict(),
        texels=texels,
        corner_ids=corner_ids,
        uvs=uvs,
        maps=maps,
        faces_source=faces_source,
    )
    check_mesh(where, verts, faces, first)
    settings = RasterSettings.of(
        blur_radius,
        perspective_correct,
        clip_barycentric_coords,
        cull_backfaces,
        z_near,
        z_far,
        is_perspective,
    )
    positions, normals, looks, texels, uvs = (tensor.to(verts.dtype) for tensor in (*surface_, texels, uvs))
    return _fwd(
        backend.Mesh(verts, faces, first),
        backend.Surface(positions, normals, looks),
        backend.Texture(texels, corner_ids, uvs, maps, faces_source),
        *image_size,
        must_repeat(verts),
        faces_per_pixel,
        backend.Kinds(lights, kind, atlas_size, padding, align_corners, bilinear),
        backend.Blending(sigma, gamma),
        settings,
    )[0]


def _run_fwd(
    mesh: backend.Mesh,
    surface: backend.Surface,
    texture: backend.Texture,
    height: int,
    width: int,
    in_order: bool,
    faces_per_pixel: int | None,
    kinds: backend.Kinds,
    blending: backend.Blending,
    settings: RasterSettings,
) -> tuple[Any, ...]:
    return tuple(
        backend.soft_phong_fwd(
            mesh,
            surface,
            texture,
            (height, width),
            faces_per_pixel,
            in_order=in_order,
            settings=settings,
            kinds=kinds,
            blending=blending,
        )
    )


def _fake_fwd(*arguments: Any) -> tuple[Tensor, ...]:
    verts, first = arguments[0], arguments[2]
    height, width, _, faces_per_pixel = arguments[_NUM_TENSORS : _NUM_TENSORS + 4]
    shape = first.shape[0] - 1, height, width
    limits = shape if faces_per_pixel is not None else (0, height, width)
    image, blend = verts.new_empty((*shape, 4)), verts.new_empty((*shape, 3))
    return image, blend, verts.new_empty(limits), verts.new_empty(limits, dtype=torch.int32)


def _gradients(
    mesh: backend.Mesh,
    surface: backend.Surface,
    packed_texture: backend.Texture,
    image: Tensor,
    blend: Tensor,
    limit_depth: Tensor,
    limit_face: Tensor,
    grad_image: Tensor,
    faces_per_pixel: int | None,
    kinds: backend.Kinds,
    blending: backend.Blending,
    settings: RasterSettings,
) -> tuple[Tensor, ...]:
    forward = backend.SoftPhong(image, blend, limit_depth, limit_face)
    corners = deterministic_corners(mesh.verts, mesh.faces)
    given = mesh, surface, packed_texture, forward, grad_image
    return _bwd(*given, *corners, faces_per_pixel, kinds, blending, settings)


def _run_bwd(
    mesh: backend.Mesh,
    surface: backend.Surface,
    texture: backend.Texture,
    forward: backend.SoftPhong,
    grad_image: Any,
    first_corner: Any,
    corners: Any,
    faces_per_pixel: int | None,
    kinds: backend.Kinds,
    blending: backend.Blending,
    settings: RasterSettings,
) -> tuple[Any, ...]:
    by_vertex = None if corners is None else (first_corner, corners)
    return tuple(
        backend.soft_phong_bwd(
            mesh,
            surface,
            texture,
            forward,
            grad_image,
            faces_per_pixel,
            corners=by_vertex,
            settings=settings,
            kinds=kinds,
            blending=blending,
        )
    )


def _fake_bwd(*arguments: Any) -> tuple[Tensor, ...]:
    verts, _, _, positions, normals, looks, texels, _, uvs, *_ = arguments
    return tuple(real.new_empty(real.shape) for real in (verts, positions, normals, looks, texels, uvs))


_RECORDS = (
    backend.Mesh,
    backend.Surface,
    backend.Texture,
    backend.Kinds,
    backend.Blending,
    RasterSettings,
    backend.SoftPhong,
)
_NUM_TENSORS = sum(len(record._fields) for record in _RECORDS[:3])
_SCENE = "mesh: Mesh, surface: Surface, packed_texture: Texture"
_OPTIONS = "faces_per_pixel: int?, kinds: Kinds, blending: Blending, settings: RasterSettings"
_REALS = "verts, positions, normals, looks, texels, uvs"
_fwd: Op = declare(
    f"soft_phong_fwd({_SCENE}, height: int, width: int, in_order: bool, {_OPTIONS})"
    " -> image: real (N, H, W, 4), blend: real (N, H, W, 3), limit_depth: real (N, H, W),"
    " limit_face: int32 (N, H, W)",
    _run_fwd,
    {_REALS: _gradients},
    fake=_fake_fwd,
    records=_RECORDS,
    constant=("blend", "limit_depth"),
)
_bwd: Op = declare(
    f"soft_phong_bwd({_SCENE}, forward: SoftPhong, grad_image: real (N, H, W, 4),"
    f" first_corner: int32? (V + 1,), corners: int32? (3F,), {_OPTIONS}) -> grad_verts: real (V, 3),"
    " grad_positions: real (V, 3), grad_normals: real (V, 3), grad_looks: real (N, 21),"
    " grad_texels: real (T, 3), grad_uvs: real (U, 2)",
    _run_bwd,
    "soft_phong: has no second derivatives",
    fake=_fake_bwd,
    records=_RECORDS,
)
