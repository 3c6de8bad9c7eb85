"""Which maps the meshes of a batch wear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from r3d_cli.checks import dtype_name
from r3d_cli.renderer.textures.base import FLOATS, check_tensor
from r3d_cli.renderer.textures.texel_maps import TexelMaps
from r3d_cli.structures.ragged import Layout, Ragged


@dataclass(frozen=True)
class MeshMaps:
    """Maps of N meshes: a store of distinct ones, and which of them each mesh wears."""

    store: TexelMaps
    of_meshes: tuple[tuple[int, ...], ...]

    @classmethod
    def read(cls, given: Any, several: bool) -> MeshMaps:
        """The argument ``maps`` of `TexturesUV`; ``several``: with ``maps_ids``."""
        if isinstance(given, Tensor):
            return cls._of_padded(given, several)
        if not isinstance(given, list | tuple):
            kind = type(given).__name__
            raise ValueError(f"TexturesUV: maps must be a tensor or a list of maps, got {kind}")
        if not given:
            return cls(TexelMaps(Ragged(Layout([]), packed=torch.zeros(0, 3)), ()), ())
        images: dict[tuple[int, int], Tensor] = {}
        of_meshes = []
        for index, of_mesh in enumerate(given):
            named = _images(f"maps[{index}]", of_mesh, several)
            images.update(named)
            of_meshes.append([key for key, _ in named])
        places = {key: place for place, key in enumerate(images)}
        _check_alike(list(images.values()))
        store = TexelMaps.of_images(list(images.values()))
        return cls(store, tuple(tuple(places[key] for key in keys) for keys in of_meshes))

    @classmethod
    def _of_padded(cls, given: Tensor, several: bool) -> MeshMaps:
        sizes = _check_image("maps", given, "N M H W C" if several else "N H W C")
        count, each = sizes["N"], sizes.get("M", 1)
        if count > 1 and given.stride(0) == 0 and not several and not given.requires_grad:
            return cls(TexelMaps.of_stack(given[:1]), ((0,),) * count)  # one map, expanded
        of_meshes = tuple(tuple(range(each * mesh, each * (mesh + 1))) for mesh in range(count))
        return cls(TexelMaps.of_stack(given.flatten(0, 1) if several else given), of_meshes)

    @property
    def only_one(self) -> bool:
        """Whether all meshes wear the same single map."""
        return len(self.store) == 1

    def which(self, meshes: Tensor, ids: Tensor | int) -> Tensor:
        """The places in the store of maps of meshes.

        Args:
            meshes: (P,).
            ids: Which of the mesh's maps, (P,).
        """
        layout = Layout([len(of_mesh) for of_mesh in self.of_meshes], meshes.device)
        places = [place for of_mesh in self.of_meshes for place in of_mesh]
        return torch.tensor(places, device=meshes.device)[layout.first_idx[meshes] + ids]

    def padded(self, align_corners: bool) -> Tensor:  # (N, max M, H, W, C)
        """Maps resized to the largest; zeros where a mesh wears fewer than others."""
        store = self.store
        if not self.of_meshes:
            return store.texels.new_zeros(0, 0, 0, store.texels.shape[1])
        height, width = (max(sides) for sides in zip(*store.sizes, strict=True))
        images = [store.image(index) for index in range(len(store))]
        if len(set(store.sizes)) == 1:
            stack = store.texels.unflatten(0, (len(store), height, width))
        else:
            stack = torch.stack([_resized(image, height, width, align_corners) for image in images])
        count, most = len(self.of_meshes), max(len(of_mesh) for of_mesh in self.of_meshes)
        each_its_own = [place for of_mesh in self.of_meshes for place in of_mesh] == list(range(count * most))
        if each_its_own:
            return stack.unflatten(0, (count, most))
        if self.only_one and most == 1:
            return stack.expand(count, 1, -1, -1, -1)
        places = [(*of_mesh, *[len(store)] * (most - len(of_mesh))) for of_mesh in self.of_meshes]
        with_none = torch.cat([stack, torch.zeros_like(stack[:1])])
        return with_none[torch.tensor(places, device=stack.device)]

    def select(self, meshes: Sequence[int]) -> MeshMaps:
        """The maps of some meshes; what none of them wears is left behind."""
        chosen = [self.of_meshes[mesh] for mesh in meshes]
        worn = sorted({place for of_mesh in chosen for place in of_mesh})
        places = {place: new for new, place in enumerate(worn)}
        of_meshes = tuple(tuple(places[place] for place in of_mesh) for of_mesh in chosen)
        return MeshMaps(self.store.select(worn), of_meshes)

    def map(self, function: Callable[[Tensor], Tensor]) -> MeshMaps:
        return MeshMaps(self.store.map(function), self.of_meshes)

    @staticmethod
    def join(where: str, batches: Sequence[MeshMaps]) -> MeshMaps:
        """The meshes of non-empty batches, one after the other."""
        first, *others = [batch.store for batch in batches]
        for other in others:
            if other.texels.shape[1] != first.texels.shape[1]:
                raise ValueError(
                    f"{where}: maps differ in channels: {first.texels.shape[1]} and {other.texels.shape[1]}"
                )
        of_meshes: list[tuple[int, ...]] = []
        before = 0
        for batch in batches:
            of_meshes += [tuple(before + place for place in of_mesh) for of_mesh in batch.of_meshes]
            before += len(batch.store)
        return MeshMaps(first.join(others), tuple(of_meshes))


def _images(name: str, of_mesh: Any, several: bool) -> list[tuple[tuple[int, int], Tensor]]:
    """The images (H, W, C) of a mesh, by what makes them the same: their tensor, and their place in it."""
    if not several or not isinstance(of_mesh, list | tuple):
        _check_image(name, of_mesh, "M H W C" if several else "H W C")
        images = of_mesh.unbind(0) if several else [of_mesh]
        named = [((id(of_mesh), place), image) for place, image in enumerate(images)]
    else:
        for place, image in enumerate(of_mesh):
            _check_image(f"{name}[{place}]", image, "H W C")
        named = [((id(image), 0), image) for image in of_mesh]
    if not named:
        raise ValueError(f"TexturesUV: {name} must hold a map at least")
    return named


def _check_image(name: str, image: Any, shape: str) -> dict[str, int]:
    sizes = check_tensor("TexturesUV", name, image, shape, FLOATS)
    if 0 in image.shape[-3:]:
        raise ValueError(f"TexturesUV: {name} must have texels, got shape {tuple(image.shape)}")
    height, width, channels = image.shape[-3:]
    if height in (3, 4) and min(width, channels) > 16:
        raise ValueError(
            f"TexturesUV: {name} must have its channels last, as {shape.replace(' ', ', ')}, got shape "
            f"{tuple(image.shape)}; use maps.movedim(-3, -1)"
        )
    return sizes


def _check_alike(images: Sequence[Tensor]) -> None:
    first = images[0]
    for image in images:
        if (image.shape[2], image.dtype, image.device) != (first.shape[2], first.dtype, first.device):
            raise ValueError(
                "TexturesUV: maps must be alike in channels, dtype and device, got "
                f"{tuple(first.shape)} {dtype_name(first)} on {first.device} and "
                f"{tuple(image.shape)} {dtype_name(image)} on {image.device}"
            )


def _resized(image: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    if image.shape[:2] == (height, width):
        return image
    planes = image.permute(2, 0, 1)[None]
    resized = functional.interpolate(planes, (height, width), mode="bilinear", align_corners=align_corners)
    return resized[0].permute(1, 2, 0)
