"""Wavefront OBJ files as tensors and meshes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from r3d_cli.checks import check_dtype, check_ids, check_shape, check_tensor
from r3d_cli.io.atlas import bake_atlas, check_atlas
from r3d_cli.io.files import (
    File,
    check_decimals,
    check_faces,
    check_verts,
    read_raw,
    to_numpy,
    to_tensor,
    verts_tensor,
    write,
)
from r3d_cli.io.materials import color_of, image_of, is_known, map_of
from r3d_cli.io.ply import mesh_arrays
from r3d_cli.io.streams import is_path
from r3d_cli.scene.model import Material, RawMesh
from r3d_cli.scene.writers.obj import encode_obj

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes


class Faces(NamedTuple):
    """Ids of each face's corners; -1: the corner has none."""

    verts_idx: Tensor  # (F, 3) int64
    normals_idx: Tensor  # (F, 3) int64 ids into Properties.normals
    textures_idx: Tensor  # (F, 3) int64 ids into Properties.verts_uvs
    materials_idx: Tensor  # (F,) int64 the file's materials, in the order of their first use


class Properties(NamedTuple):
    """What an OBJ file and its materials hold beside vertices and faces; None: nothing."""

    normals: Tensor | None  # (VN, 3)
    verts_uvs: Tensor | None  # (T, 2) v up
    material_colors: dict[str, dict[str, Tensor]] | None
    texture_images: dict[str, Tensor] | None  # (H, W, 3) in [0, 1] as stored (sRGB), by material
    texture_atlas: Tensor | None  # (F, R, R, 3)


def load_obj(
    f: File,
    load_textures: bool = True,
    create_texture_atlas: bool = False,
    texture_atlas_size: int = 4,
    texture_wrap: str | None = "repeat",
    device: torch.device | str = "cpu",
    path_manager: Any = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Faces, Properties]:
    """Read an OBJ file with its materials and textures.

    Polygons are triangulated: convex ones as fans, others by cutting ears. Colours stay as stored: a map's
    values are its bytes / 255, a material's the numbers of the MTL file. Where that holds one material and no
    usemtl names one, all faces have it. A missing MTL file or image is warned of. Texture placements
    (``map_Kd -s -o``) are applied to the texture coordinates.

    Args:
        f: A path or an open file, text or binary.
        load_textures: Read the MTL files and images.
        create_texture_atlas: Sample the materials for ``texture_atlas``, which is white where there are none.
        texture_atlas_size: R, texels on each side of a face.
        texture_wrap: What lies outside of a map for the atlas: "repeat", or "clamp" or None for its border.
        device: Where the tensors go.
        path_manager: Opens paths, if given.
        dtype: Of the vertices. float64 keeps what float32 would lose of coordinates far from the origin.

    Returns:
        Vertices (V, 3); the :class:`Faces`; the :class:`Properties`: its ``material_colors`` has
        ambient_color, diffuse_color, specular_color (3,) and shininess (1,) for each material that faces
        use, where the MTL is silent 1, 0.5, 0 and 1.

    Raises:
        MeshError: The file cannot be read; a ValueError that names file, line and mend.
        ValueError: The atlas' size or wrap is none.

    Example:
        >>> import io
        >>> verts, faces, aux = load_obj(io.StringIO("v 0 0 0\\nv 1 0 0\\nv 1 1 0\\nv 0 1 0\\nf 1 2 3 4"))
        >>> faces.verts_idx.tolist(), faces.textures_idx[0].tolist(), aux.verts_uvs
        ([[0, 1, 2], [0, 2, 3]], [-1, -1, -1], None)
    """
    check_atlas("load_obj", texture_atlas_size, texture_wrap)
    raw = read_raw("load_obj", "f", f, "obj", path_manager, textures=load_textures)

    def ids(found: np.ndarray | None, *shape: int) -> Tensor:
        missing = np.full((len(raw.faces), *shape), -1, np.int64)
        return to_tensor(missing if found is None else found, device, torch.int64)

    def optional(found: np.ndarray | None) -> Tensor | None:
        return None if found is None else to_tensor(found, device)

    faces = Faces(
        ids(raw.faces, 3), ids(raw.faces_normals, 3), ids(raw.faces_uvs, 3), ids(raw.faces_material)
    )
    colors, images, atlas = None, None, None
    known = [material for material in raw.materials if is_known(material)]
    if known:
        colors = {material.name: _colors(material, device) for material in known}
        images = {
            material.name: map_of(material.base_color_texture, material).to(device)
            for material in known
            if material.base_color_texture is not None
        }
    if create_texture_atlas:
        atlas = bake_atlas(raw, texture_atlas_size, texture_wrap).to(device)
    properties = Properties(optional(raw.normals), optional(raw.uvs), colors, images, atlas)
    return verts_tensor("load_obj", raw, device, dtype), faces, properties


def _colors(material: Material, device: torch.device | str) -> dict[str, Tensor]:
    found = {"ka": (1.0, 1.0, 1.0), "ks": (0.0, 0.0, 0.0), "ns": (1.0,)} | material.statements
    values = {
        "ambient_color": found["ka"],
        "diffuse_color": color_of(material),
        "specular_color": found["ks"],
        "shininess": found["ns"],
    }
    return {name: torch.tensor(value, dtype=torch.float32, device=device) for name, value in values.items()}


def load_objs_as_meshes(
    files: Sequence[File],
    device: torch.device | str | None = None,
    load_textures: bool = True,
    create_texture_atlas: bool = False,
    texture_atlas_size: int = 4,
    texture_wrap: str | None = "repeat",
    path_manager: Any = None,
) -> Meshes:
    """Read OBJ files as one batch of meshes, with the textures that they hold.

    - With texture images: :class:`TexturesUV`, a map for each material; materials without an image, and faces
      that lack texture coordinates, get a map of one texel. ``texture_images`` of several materials are all
      kept. Where texture coordinates leave [0, 1] and the material does not clamp, maps repeat; else the
      padding is the border's.
    - With ``create_texture_atlas``: :class:`TexturesAtlas`, white where the files have no materials.
    - With vertex colours (``v x y z r g b``): :class:`TexturesVertex`.
    - With nothing of these: no textures.

    Where the library holds one material and no usemtl names one, all faces have it. In a batch where one file
    has images and another nothing, the other is grey.

    Args:
        files: Paths or open files.
        device: Where the meshes go, the CPU by default.
        load_textures: Read MTL files, images and vertex colours.
        create_texture_atlas: Sample the materials into atlases.
        texture_atlas_size: R, texels on each side of a face.
        texture_wrap: What lies outside of a map for the atlas: "repeat", or "clamp" or None for its border.
        path_manager: Opens paths, if given.

    Raises:
        MeshError: A file cannot be read; a ValueError that names file, line and mend.
        ValueError: One file has images and another vertex colours.

    Example:
        >>> import io
        >>> mesh = load_objs_as_meshes([io.StringIO("v 0 0 0\\nv 1 0 0\\nv 1 1 0\\nf 1 2 3")])
        >>> mesh.verts_packed().shape, mesh.textures
        (torch.Size([3, 3]), None)
    """
    from r3d_cli.io.meshes import to_meshes

    where = "load_objs_as_meshes"
    if not isinstance(files, Iterable) or is_path(files) or hasattr(files, "read"):
        raise ValueError(f"{where}: files must be a list of paths or open files, got {files!r}")
    check_atlas(where, texture_atlas_size, texture_wrap)
    raws = [
        read_raw(where, f"files[{index}]", f, "obj", path_manager, textures=load_textures)
        for index, f in enumerate(files)
    ]
    atlas = (texture_atlas_size, texture_wrap) if create_texture_atlas else None
    return to_meshes(where, raws, device or "cpu", include_textures=load_textures, atlas=atlas)


def save_obj(
    f: File,
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    decimal_places: int | None = None,
    path_manager: Any = None,
    *,
    normals: Tensor | None = None,  # (VN, 3)
    faces_normals_idx: Tensor | None = None,  # (F, 3)
    verts_uvs: Tensor | None = None,  # (T, 2)
    faces_uvs: Tensor | None = None,  # (F, 3)
    texture_map: Tensor | Sequence[Tensor] | None = None,  # (H, W, 3)
    maps_ids: Tensor | None = None,  # (F,)
) -> None:
    """Write a mesh to an OBJ file; with a texture map also an MTL file and a PNG picture of its name.

    Args:
        f: A path; its files appear whole or not at all. Or an open file, where there is no texture map.
        verts: (V, 3) float.
        faces: (F, 3) ids into ``verts``, integers.
        decimal_places: Digits after the point; by default the fewest that read back the same.
        path_manager: Opens paths, if given.
        normals: (VN, 3).
        faces_normals_idx: (F, 3) ids into ``normals``; ``faces`` if not given.
        verts_uvs: (T, 2), v up.
        faces_uvs: (F, 3) ids into ``verts_uvs``; ``faces`` if not given.
        texture_map: (H, W, 3) in [0, 1], rounded to 8 bits. Beyond PyTorch3D: a list of them.
        maps_ids: (F,) the map of each face, where there is a list.

    Raises:
        ValueError: A shape or dtype does not fit; texture coordinates or maps come without each other.
        IndexError: An id has no row.
        OSError: A file cannot be written; older ones stay as they were.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> save_obj(file, torch.eye(3), torch.tensor([[0, 1, 2]]))
        >>> file.getvalue().splitlines()
        ['v 1 0 0', 'v 0 1 0', 'v 0 0 1', 'f 1 2 3']
    """
    where = "save_obj"
    check_decimals(where, decimal_places)
    raw = mesh_arrays(where, verts, faces)
    count = len(raw.faces)
    for name, given, partner, needed in (
        ("faces_normals_idx", faces_normals_idx, "normals", normals),
        ("faces_uvs", faces_uvs, "verts_uvs", verts_uvs),
        ("texture_map", texture_map, "verts_uvs", verts_uvs),
        ("maps_ids", maps_ids, "texture_map", texture_map),
    ):
        if given is not None and needed is None:
            raise ValueError(f"{where}: {name} needs {partner}, got None")
    if normals is not None:
        raw.normals = check_verts(where, "normals", normals)
        if faces_normals_idx is None:
            check_shape(where, "normals", normals, "V 3", V=len(raw.verts))
        else:
            ids = check_faces(where, "faces_normals_idx", faces_normals_idx, len(normals), "normals", F=count)
            raw.faces_normals = ids
    if verts_uvs is not None:
        raw.uvs = check_verts(where, "verts_uvs", verts_uvs, "2")
        if faces_uvs is None:
            check_shape(where, "verts_uvs", verts_uvs, "V 2", V=len(raw.verts))
        else:
            raw.faces_uvs = check_faces(where, "faces_uvs", faces_uvs, len(verts_uvs), "verts_uvs", F=count)
    if texture_map is not None:
        maps: list[Any] = list(texture_map) if isinstance(texture_map, list | tuple) else [texture_map]
        raw.materials = [_material(where, index, image, len(maps)) for index, image in enumerate(maps)]
        if maps_ids is None:
            if len(maps) != 1:
                raise ValueError(f"{where}: {len(maps)} maps need maps_ids of shape (F,), got None")
            raw.faces_material = np.zeros(count, np.int32)
        else:
            check_tensor(where, "maps_ids", maps_ids, "F", F=count)
            check_dtype(where, "maps_ids", maps_ids, "int64", "int32", "int16", "uint8")
            check_ids(where, "maps_ids", maps_ids, len(maps), "texture_map")
            raw.faces_material = to_numpy(maps_ids).astype(np.int32)
    save_raw_obj(f, raw, decimal_places, path_manager)


def _material(where: str, index: int, image: Tensor, count: int) -> Material:
    check_tensor(where, "texture_map", image, "H W 3")
    check_dtype(where, "texture_map", image, "float32", "float64", "float16", "bfloat16")
    return image_of(image, "mesh" if count == 1 else f"mesh_{index}")


def save_raw_obj(f: File, raw: RawMesh, decimals: int | None, path_manager: Any) -> None:
    """Write the OBJ of a path ``a/b.obj`` and ``b.mtl``, ``b.png`` beside it."""
    stem = Path(f).stem if is_path(f) else "mesh"  # type: ignore[arg-type]
    write("save_obj", f, encode_obj(raw, stem, decimals=decimals), path_manager)
