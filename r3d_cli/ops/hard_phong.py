"""Hard Phong shading of fragments: interpolated, textured and lit in one pass, under autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.backend import hard_phong as backend
from r3d_cli.backend.hard_phong import Kinds, Look, Pixels, Texture, Wanted
from r3d_cli.backend.soft_phong import LIGHTS, PADDINGS, TEXTURES
from r3d_cli.checks import check_shape
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.raster_arguments import must_repeat
from r3d_cli.ops.soft_phong import PackedTexture
from r3d_cli.reference import hard_phong as reference


def hard_phong(
    pixels: Pixels, texture: PackedTexture, look: Look, *, lights: str = "point"
) -> Tensor:  # (N, H, W, 4)
    """Phong-lit pictures of the nearest faces, differentiably, in one pass over the covered pixels.

    What `interpolate_face_attributes`, `phong_shading` and `hard_rgb_blend` give of fragments, in one kernel,
    whose backward computes again what it needs. Phong 1975. Gradients go to every floating tensor given, of
    any order; they repeat bit by bit: always on the CPU, whatever the number of threads, on a GPU under
    ``torch.use_deterministic_algorithms(True)``.

    Args:
        pixels: What `rasterize_meshes` found, of whose K faces a pixel the first is shaded; the faces, and
            positions and normals of their vertices in the world.
        texture: What the surface shows, of three channels.
        look: Lights, materials, cameras and background. Lights without a source are ambient.
        lights: "point", "directional" or "ambient".

    Returns:
        (N, H, W, 4): the colour and alpha 1 where a face is, else the background and 0.

    Raises:
        ValueError: An argument of a wrong dtype, shape or device.
        IndexError: A pixel shows no face, or a face of no vertex, texel, coordinate or map. On a GPU, which
            would have to be waited for, its colour is NaN instead.

    Example:
        >>> ids, thirds = torch.tensor([0, -1]).reshape(1, 1, 2, 1), torch.full((1, 1, 2, 1, 3), 1 / 3)
        >>> pixels = Pixels(ids, thirds, torch.tensor([[0, 1, 2]]), torch.eye(3), torch.eye(3))
        >>> red = PackedTexture(torch.tensor([[1.0, 0.0, 0.0]]), torch.zeros(1, 3).long())
        >>> one, none = torch.ones(1, 3), torch.zeros(1, 3)
        >>> camera = torch.eye(3)[None], none
        >>> look = Look(one, one, none, torch.ones(1), one, None, None, None, *camera, none)
        >>> hard_phong(pixels, red, look, lights="ambient")[0, 0]
        tensor([[1., 0., 0., 1.],
                [0., 0., 0., 0.]])
    """
    where = "hard_phong"
    if lights not in LIGHTS[1:]:
        raise ValueError(f"{where}: lights must be one of {', '.join(LIGHTS[1:])}, got {lights!r}")
    parts = texture[:5]
    given = {**pixels._asdict(), **look._asdict(), **dict(zip(PackedTexture._fields, parts, strict=False))}
    prepared = prepare(where, **given)
    check_shape(where, "positions", pixels.positions, "V 3")
    dtype = prepared[1].dtype
    ready = [
        tensor
        if tensor is None or tensor.dtype is dtype or not tensor.is_floating_point()
        else tensor.to(dtype)
        for tensor in prepared
    ]
    kinds = Kinds(
        LIGHTS.index(lights),
        TEXTURES.index(texture.kind),
        texture.atlas_size,
        PADDINGS.index(texture.padding_mode),
        texture.align_corners,
        texture.bilinear,
    )
    return _fwd(Pixels(*ready[:5]), Texture(*ready[16:]), Look(*ready[5:16]), kinds)


def _gradients(pixels: Pixels, texture: Texture, look: Look, kinds: Kinds, grad_image: Tensor) -> Any:
    reals = (pixels.bary_coords, pixels.positions, pixels.normals, *look, texture.texels, texture.uvs)
    bary, positions, normals, *of_look, texels, uvs = (_is_asked(tensor) for tensor in reals)
    wanted = Wanted(bary, positions or normals, any(of_look), texels, uvs)
    in_order = must_repeat(grad_image)
    found = _bwd(pixels, texture, look, kinds, grad_image, wanted, in_order)
    grad_bary, grad_positions, grad_normals, grad_looks, grad_texels, grad_uvs = found
    return (
        grad_bary if bary else None,
        grad_positions if positions else None,
        grad_normals if normals else None,
        *(_of_parts(look, grad_looks) if wanted.wants_look else [None] * len(look)),
        grad_texels if texels else None,
        grad_uvs if uvs else None,
    )


def _is_asked(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.requires_grad


def _of_parts(look: Look, grad: Tensor) -> list[Tensor | None]:  # grad: (N, 21)
    """Gradients of the parts of looks, those that are asked for."""
    ambient, diffuse, specular, source, camera, rest = grad.split([3, 3, 3, 3, 3, 6], 1)
    found: list[Tensor | None] = [None] * len(look)

    def give(name: str, value: Any) -> None:
        part = getattr(look, name)
        if _is_asked(part):
            grad = value()
            found[Look._fields.index(name)] = grad if len(part) == len(grad) else grad.sum(0, keepdim=True)

    for kind, of_product in (("ambient", ambient), ("diffuse", diffuse), ("specular", specular)):
        material, light = getattr(look, f"material_{kind}"), getattr(look, f"light_{kind}")
        if light is None:
            give(f"material_{kind}", lambda of_product=of_product: torch.zeros_like(of_product))
            continue
        give(f"material_{kind}", lambda of_product=of_product, light=light: of_product * light)
        give(f"light_{kind}", lambda of_product=of_product, material=material: of_product * material)
    give("material_shininess", lambda: rest[:, 0])
    give("light_source", lambda: source)
    give("background", lambda: rest[:, 3:])
    if _is_asked(look.rotation) or _is_asked(look.translation):
        # The centre is C = -T inverse(R). No matrix products, which autocast would take in halves.
        center = reference.camera_center(look.rotation, look.translation)
        of_translation = -(reference.inverse(look.rotation) * camera[:, None]).sum(2)
        give("rotation", lambda: center[:, :, None] * of_translation[:, None])
        give("translation", lambda: of_translation)
    return found


def _second_gradients(
    pixels: Pixels,
    texture: Texture,
    look: Look,
    kinds: Kinds,
    grad_image: Tensor,
    grad_of_bary: Any,
    grad_of_positions: Any,
    grad_of_normals: Any,
    grad_of_looks: Any,
    grad_of_texels: Any,
    grad_of_uvs: Any,
) -> Any:
    """Few ask for them, so the reference is differentiated twice."""
    given = (pixels.bary_coords, pixels.positions, pixels.normals, *look, texture.texels, texture.uvs)
    upstream = grad_of_bary, grad_of_positions, grad_of_normals, grad_of_looks, grad_of_texels, grad_of_uvs
    with torch.enable_grad():
        *leaves, grad_leaf = (
            None if tensor is None else tensor.detach().requires_grad_() for tensor in (*given, grad_image)
        )
        bary, positions, normals, *parts, texels, uvs = leaves
        looks = reference.looks_of(Look(*parts), len(pixels.pix_to_face))
        image = reference.shade(
            pixels._replace(bary_coords=bary, positions=positions, normals=normals),
            texture._replace(texels=texels, uvs=uvs),
            looks,
            kinds,
        )
        pairs = zip((bary, positions, normals, looks, texels, uvs), upstream, strict=True)
        reached, used = zip(*((leaf, grad) for leaf, grad in pairs if _has(grad)), strict=True)
        first = torch.autograd.grad(
            image, reached, grad_leaf, create_graph=True, allow_unused=True, materialize_grads=True
        )
        total = sum((grad * weight).sum() for grad, weight in zip(first, used, strict=True))
        asked = [leaf for leaf in (*leaves, grad_leaf) if leaf is not None]
        found = iter(torch.autograd.grad(total, asked, allow_unused=True))
    return [None if leaf is None else next(found) for leaf in (*leaves, grad_leaf)]


def _has(grad: Tensor | None) -> bool:
    return grad is not None and grad.numel() > 0


_REALS = ", ".join(("bary_coords, positions, normals", *Look._fields, "texels, uvs"))
_RECORDS = (Pixels, Texture, Look, Kinds, Wanted)
_GIVEN = "pixels: Pixels, texture: Texture, look: Look, kinds: Kinds"


def _fake_fwd(pix_to_face: Tensor, bary_coords: Tensor, *_: Any) -> Tensor:
    return bary_coords.new_empty((*pix_to_face.shape[:3], 4))


def _fake_bwd(pix_to_face: Tensor, bary: Tensor, faces: Tensor, positions: Tensor, *rest: Any) -> Any:
    texels, uvs = rest[1], rest[3]
    wants = dict(zip(Wanted._fields, rest[-6:-1], strict=True))
    N, H, W, K = pix_to_face.shape
    verts = len(positions) if wants["wants_surface"] else 0
    shapes = (
        (N if wants["wants_bary"] else 0, H, W, K, 3),
        (verts, 3),
        (verts, 3),
        (N if wants["wants_look"] else 0, backend.LOOK_SIZE),
        (len(texels) if wants["wants_texels"] else 0, 3),
        (len(uvs) if wants["wants_uvs"] and uvs is not None else 0, 2),
    )
    return tuple(bary.new_empty(shape) for shape in shapes)


_fwd: Op = declare(
    f"hard_phong_fwd({_GIVEN}) -> image: real (N, H, W, 4)",
    backend.hard_phong_fwd,
    {_REALS: _gradients},
    fake=_fake_fwd,
    records=_RECORDS,
)
_bwd: Op = declare(
    f"hard_phong_bwd({_GIVEN}, grad_image: real (N, H, W, 4), wanted: Wanted, in_order: bool)"
    " -> of_bary: real (N, H, W, K, 3), of_positions: real (V, 3), of_normals: real (V, 3),"
    " of_looks: real (N, 21), of_texels: real (T, 3), of_uvs: real (U, 2)",
    backend.hard_phong_bwd,
    {f"{_REALS}, grad_image": _second_gradients},
    fake=_fake_bwd,
    records=_RECORDS,
)
