"""Batches of meshes joined into one batch, or one mesh."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from r3d_cli.structures.meshes import Meshes


def join_meshes_as_batch(meshes: Sequence[Meshes], include_textures: bool = True) -> Meshes:
    """All meshes of several batches as one batch.

    Args:
        meshes: Batches on one device; none gives an empty batch.
        include_textures: Join the textures too: all batches have textures of one kind, or none has any.

    Returns:
        A batch of sum(len(batch)) meshes. Given vertex normals are kept where all batches have them.

    Raises:
        ValueError: One Meshes instead of a list, batches on several devices or of several dtypes, textures
            of several kinds or only of some batches.

    Example:
        >>> import torch
        >>> one = Meshes([torch.rand(4, 3)], [torch.tensor([[0, 1, 2]])])
        >>> join_meshes_as_batch([one, one.extend(2)]).num_verts_per_mesh().tolist()
        [4, 4, 4]
    """
    where = "join_meshes_as_batch"
    if isinstance(meshes, Meshes) or not all(isinstance(batch, Meshes) for batch in meshes):
        raise ValueError(f"{where}: meshes must be a list of Meshes, got {_kinds(meshes)}")
    if not meshes:
        return Meshes([], [])
    textures = _join_textures(where, meshes) if include_textures else None
    filled = [batch for batch in meshes if len(batch)]
    normals = [batch._given_normals for batch in filled]
    return Meshes(
        list(chain.from_iterable(batch.verts_list() for batch in filled)),
        list(chain.from_iterable(batch.faces_list() for batch in filled)),
        textures,
        None if None in normals else list(chain.from_iterable(normal.list for normal in normals if normal)),
    )


def join_meshes_as_scene(meshes: Meshes | Sequence[Meshes], include_textures: bool = True) -> Meshes:
    """All meshes of a batch, or of several, as one mesh.

    Args:
        meshes: A batch, or batches on one device.
        include_textures: Join the textures too, which must be of one kind.

    Returns:
        A batch of one mesh, with the vertices and faces of ``verts_packed`` and ``faces_packed``; a batch of
        one as it is.

    Raises:
        ValueError: include_textures that is no bool (two meshes instead of a list of them), or what
            ``join_meshes_as_batch`` does not take.

    Example:
        >>> import torch
        >>> one = Meshes([torch.rand(4, 3)], [torch.tensor([[0, 1, 2]])])
        >>> join_meshes_as_scene([one, one]).faces_packed().tolist()
        [[0, 1, 2], [4, 5, 6]]
    """
    if not isinstance(include_textures, bool | int):
        kind = type(include_textures).__name__
        raise ValueError(f"join_meshes_as_scene: include_textures must be a bool, got {kind}")
    batch = meshes if isinstance(meshes, Meshes) else join_meshes_as_batch(meshes, include_textures)
    textures = batch.textures if include_textures else None
    if len(batch) == 1:
        return batch if textures is batch.textures else batch._with(batch._geometry)
    return batch._with(
        batch._geometry.as_one(),
        None if textures is None else textures.join_scene(),
        batch._given_normals and batch._given_normals.as_one(),
    )


def _join_textures(where: str, meshes: Sequence[Meshes]) -> Any:
    textures = [batch.textures for batch in meshes]
    first, *others = textures
    if all(texture is None for texture in textures):
        return None
    if any(type(texture) is not type(first) for texture in others):
        kinds = sorted({"none" if texture is None else type(texture).__name__ for texture in textures})
        raise ValueError(f"{where}: all meshes must have textures of one kind, got {' and '.join(kinds)}")
    return first.join_batch(others) if others else first


def _kinds(meshes: Any) -> str:
    if isinstance(meshes, Meshes):
        return "Meshes"
    return "a list with " + ", ".join(sorted({type(batch).__name__ for batch in meshes} - {"Meshes"}))
