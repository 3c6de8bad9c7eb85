"""Soft Phong shading of packed meshes under autograd: ``torch.library`` ops over ``backend.soft_phong``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.backend import soft_phong as backend
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.ops.bridge import differentiate, prepare, register
from r3d_cli.ops.raster_arguments import SETTINGS, deterministic_corners, must_repeat


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
        perspective_correct: See there.
        clip_barycentric_coords: See there.
        cull_backfaces: See there.
        z_near: See there.
        z_far: See there.
        is_perspective: See there.

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
        where, verts=verts, faces=faces, mesh_first_face=mesh_first_face, **surface._asdict(), texels=texels,
        corner_ids=corner_ids, uvs=uvs, maps=maps, faces_source=faces_source,
    )  # fmt: skip
    check_shape(where, "verts", verts, "V 3")
    check_dtype(where, "verts", verts, "float32", "float64")
    check_shape(where, "faces", faces, "F 3")
    check_shape(where, "mesh_first_face", first, "N+1")
    planes = -math.inf if z_near is None else z_near, math.inf if z_far is None else z_far
    height, width = image_size
    reals = (tensor.to(verts.dtype) for tensor in (*surface_, texels, uvs))
    return _fwd(
        verts, *reals, faces, first, corner_ids, maps, faces_source, height, width, must_repeat(verts),
        faces_per_pixel, lights, kind, atlas_size, padding, align_corners, bilinear, sigma, gamma,
        blur_radius, perspective_correct, clip_barycentric_coords, cull_backfaces, *planes,
        perspective_correct if is_perspective is None else is_perspective,
    )[0]  # fmt: skip


_TENSORS = (
    "Tensor verts, Tensor positions, Tensor normals, Tensor looks, Tensor texels, Tensor uvs, Tensor faces, "
    "Tensor mesh_first_face, Tensor? corner_ids, Tensor maps, Tensor? faces_source"
)
_NUM_TENSORS = 11
_NUM_REALS = 6
_OPTIONS = (
    "SymInt? faces_per_pixel, str lights, str texture, SymInt atlas_size, str padding, bool align_corners, "
    f"bool bilinear, float sigma, float gamma, {SETTINGS}"
)


def _parts(
    tensors: Any, options: Any
) -> tuple[tuple[backend.Mesh, backend.Surface, backend.Texture], dict[str, Any]]:
    """The launcher's arguments of the op's."""
    verts, positions, normals, looks, texels, uvs, faces, first, corner_ids, maps, faces_source = tensors
    kinds, (sigma, gamma), settings = options[:6], options[6:8], options[8:]
    return (
        backend.Mesh(verts, faces, first),
        backend.Surface(positions, normals, looks),
        backend.Texture(texels, corner_ids, uvs, maps, faces_source),
    ), {
        "settings": RasterSettings(*settings),
        "kinds": backend.Kinds(*kinds),
        "blending": backend.Blending(sigma, gamma),
    }


def _run_fwd(*arguments: Any) -> tuple[Any, ...]:
    height, width, in_order, faces_per_pixel, *options = arguments[_NUM_TENSORS:]
    arrays, named = _parts(arguments[:_NUM_TENSORS], options)
    return tuple(
        backend.soft_phong_fwd(*arrays, (height, width), faces_per_pixel, in_order=in_order, **named)
    )


def _fake_fwd(*arguments: Any) -> tuple[Tensor, ...]:
    verts, first = arguments[0], arguments[7]
    height, width, _, faces_per_pixel, *_ = arguments[_NUM_TENSORS:]
    shape = first.shape[0] - 1, height, width
    limits = shape if faces_per_pixel is not None else (0, height, width)
    return (
        verts.new_empty((*shape, 4)), verts.new_empty((*shape, 3)), verts.new_empty(limits),
        verts.new_empty(limits, dtype=torch.int32),
    )  # fmt: skip


def _run_bwd(*arguments: Any) -> tuple[Any, ...]:
    tensors, rest = arguments[:_NUM_TENSORS], arguments[_NUM_TENSORS:]
    *result, grad_image, first_corner, corners, faces_per_pixel = rest[:8]
    arrays, named = _parts(tensors, rest[8:])
    by_vertex = None if corners is None else (first_corner, corners)
    return tuple(
        backend.soft_phong_bwd(
            *arrays, backend.SoftPhong(*result), grad_image, faces_per_pixel, corners=by_vertex, **named
        )
    )


def _fake_bwd(*arguments: Any) -> tuple[Tensor, ...]:
    return tuple(
        torch.empty_like(real, memory_format=torch.contiguous_format) for real in arguments[:_NUM_REALS]
    )


_fwd = register(
    f"soft_phong_fwd({_TENSORS}, SymInt height, SymInt width, bool in_order, {_OPTIONS}) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    _run_fwd,
    _fake_fwd,
)
_bwd = register(
    f"soft_phong_bwd({_TENSORS}, Tensor image, Tensor blend, Tensor limit_depth, Tensor limit_face, "
    f"Tensor grad_image, Tensor? first_corner, Tensor? corners, {_OPTIONS}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    _run_bwd,
    _fake_bwd,
)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, _, _, *ctx.options = inputs[_NUM_TENSORS:]
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[:_NUM_TENSORS], *output)


def _backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    grads: tuple[Tensor | None, ...] = (None,) * _NUM_REALS
    if grad is not None:
        saved = ctx.saved_tensors
        corners = deterministic_corners(saved[0], saved[6])
        grads = _bwd(*saved, grad, *corners, *ctx.options)
    return (*grads, *[None] * (_NUM_TENSORS - _NUM_REALS + 3 + len(ctx.options)))


def _save_nothing(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    pass


def _second_backward(*_: Any) -> None:
    raise RuntimeError("soft_phong: has no second derivatives")


differentiate(_fwd, _save, _backward)
differentiate(_bwd, _save_nothing, _second_backward)
