"""Material libraries of OBJ files, and atlases baked of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from r3d_cli.checks import check_shape
from r3d_cli.io.atlas import check_atlas, texel_weights
from r3d_cli.io.obj import load_obj

__all__ = ["load_mtl", "make_material_atlas", "make_mesh_texture_atlas"]


def load_mtl(
    f: str | os.PathLike[str],
    *,
    material_names: Sequence[str],
    data_dir: str | os.PathLike[str],
    device: torch.device | str = "cpu",
    path_manager: Any = None,
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Read a material library: the colours and the images of materials, by name.

    Args:
        f: Its path.
        material_names: Which materials.
        data_dir: The folder from which it names its images.
        device: Where the tensors go.
        path_manager: Finds the local file of ``f``, if given.

    Returns:
        ``material_colors`` and ``texture_images`` as of `load_obj`; what the library lacks is not in them.
    """
    path = os.fspath(f) if path_manager is None else path_manager.get_local_path(os.fspath(f))
    # An OBJ file that uses the materials is all that the reader of libraries is ever asked for.
    uses = "".join(f"usemtl {name}\nf 1 2 3\n" for name in material_names)
    file = _Named(f"mtllib {os.path.relpath(path, data_dir)}\nv 0 0 0\nv 1 0 0\nv 0 1 0\n{uses}", data_dir)
    aux = load_obj(file, device=device)[2]  # type: ignore[arg-type]
    colors = {name: values for name, values in (aux.material_colors or {}).items() if name in material_names}
    return colors, {name: image for name, image in (aux.texture_images or {}).items() if name in colors}


class _Named:
    """A text that is read like an open file in a folder."""

    def __init__(self, text: str, folder: str | os.PathLike[str]) -> None:
        self._text = text
        self.name = os.path.join(folder, "materials.obj")

    def read(self) -> str:
        return self._text


def make_mesh_texture_atlas(
    material_properties: dict[str, dict[str, Tensor]],
    texture_images: dict[str, Tensor],
    face_material_names: Sequence[str] | np.ndarray,
    faces_uvs: Tensor,
    texture_size: int,
    texture_wrap: str | None,
) -> Tensor:
    """An atlas of faces: the images of their materials, their diffuse colours, or white.

    Args:
        material_properties: What `load_mtl` returns: ``diffuse_color`` (3,) is read.
        texture_images: (H, W, 3) by material.
        face_material_names: F names.
        faces_uvs: (F, 3, 2) texture coordinates of the faces' corners, v up.
        texture_size: R, texels on each side of a face.
        texture_wrap: "repeat", or "clamp" or None for an image's border.

    Returns:
        (F, R, R, 3).

    Example:
        >>> colors = {"red": {"diffuse_color": torch.tensor([1.0, 0.0, 0.0])}}
        >>> make_mesh_texture_atlas(colors, {}, ["red"], torch.zeros(1, 3, 2), 1, "repeat")
        tensor([[[[1., 0., 0.]]]])
    """
    where = "make_mesh_texture_atlas"
    check_atlas(where, texture_size, texture_wrap)
    check_shape(where, "faces_uvs", faces_uvs, "F 3 2", F=len(face_material_names))
    names = np.asarray(face_material_names, dtype=object)
    atlas = faces_uvs.new_ones(len(names), texture_size, texture_size, 3)
    for name, properties in material_properties.items():
        if "diffuse_color" in properties:
            atlas[torch.from_numpy(names == name)] = properties["diffuse_color"].to(atlas)
    for name, image in texture_images.items():
        uses = torch.from_numpy(names == name)
        corners = faces_uvs[uses]
        atlas[uses] = _baked(image.to(atlas), corners, texture_size, repeat=texture_wrap == "repeat")
    return atlas


def make_material_atlas(image: Tensor, faces_verts_uvs: Tensor, texture_size: int) -> Tensor:
    """An image at the texels of faces, bilinearly.

    Args:
        image: (H, W, 3), its first row at v = 0.
        faces_verts_uvs: (F, 3, 2) texture coordinates in [0, 1].
        texture_size: R.

    Returns:
        (F, R, R, 3).

    Example:
        >>> make_material_atlas(torch.ones(2, 2, 3), torch.zeros(5, 3, 2), 4).shape
        torch.Size([5, 4, 4, 3])
    """
    check_atlas("make_material_atlas", texture_size, None)
    check_shape("make_material_atlas", "image", image, "H W 3")
    check_shape("make_material_atlas", "faces_verts_uvs", faces_verts_uvs, "F 3 2")
    return _baked(image.flip(0).to(faces_verts_uvs), faces_verts_uvs, texture_size, repeat=False)


def _baked(image: Tensor, corners: Tensor, size: int, *, repeat: bool) -> Tensor:  # (F, R, R, 3)
    uvs = torch.einsum("yxk,fkc->fyxc", texel_weights(size).to(corners), corners)
    if repeat:
        uvs = uvs - uvs.floor()
    grid = torch.stack([uvs[..., 0], 1 - uvs[..., 1]], dim=-1).flatten(0, 1)[None] * 2 - 1
    texels = grid_sample(image.permute(2, 0, 1)[None], grid, padding_mode="border", align_corners=True)
    return texels[0].permute(1, 2, 0).reshape(-1, size, size, 3)
