"""What a camera measures at the centres of pixels: depth, normals, ids, coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.backend.shade_meshes import shade_meshes
from r3d_cli.backend.weighted_rows import weighted_rows_fwd
from r3d_cli.scene.drawable import View

#: Passes for which the place in the face must be known.
_INSIDE_FACES = ("normal", "uv", "position")

#: (values of a pixel, type, what stands where nothing is)
_LAYOUTS: dict[str, tuple[tuple[int, ...], type, float]] = {
    "depth": ((), np.float32, np.inf),
    "normal": ((3,), np.float32, 0),
    "mask": ((), np.bool_, False),
    "faceid": ((), np.int32, -1),
    "uv": ((2,), np.float32, np.nan),
    "position": ((3,), np.float32, np.nan),
}


class Measurement:
    """Passes of one picture, filled band by band.

    Args:
        view: The mesh, as the camera sees it.
        size: Height and width, pixels.
        passes: Of those above.
        flat: Normals are the faces' own.
    """

    def __init__(self, view: View, size: tuple[int, int], passes: Sequence[str], *, flat: bool) -> None:
        self._view, self._flat = view, flat
        self.passes = {name: self._make(name, size) for name in passes}
        self.wants_bary_coords = view.drawable.has_holes or any(name in passes for name in _INSIDE_FACES)

    def _make(self, name: str, size: tuple[int, int]) -> NDArray[Any]:
        shape, dtype, _ = _LAYOUTS[name]
        if name == "position" and self._view.drawable.mesh.verts.dtype == np.float64:
            dtype = np.float64  # coordinates that float32 cannot hold
        return np.empty((*size, *shape), dtype)

    def nearest(self, fragments: Fragments) -> Fragments | None:  # (1, rows, W, K) -> (1, rows, W, 1)
        """The nearest fragment of each pixel that is not cut out; None: all K of one are, more are needed."""
        return self._nearest_visible(fragments) if self._view.drawable.has_holes else fragments

    def measure(self, fragments: Fragments, first: int) -> int:
        """Fill in the rows from ``first`` on.

        Args:
            fragments: (1, rows, W, 1) at the centres of their pixels.
            first: The first of the rows.

        Returns:
            How many pixels show a face.
        """
        fetch = self._view.drawable.fetch
        depth = fetch(fragments.zbuf)[0, ..., 0]
        empty = depth < 0  # faster to tell than by the ids, which are twice as long
        last = first + len(depth)
        for name, picture in self.passes.items():
            band = picture[first:last]
            if name == "mask":
                np.logical_not(empty, out=band)
            elif name == "depth":
                np.multiply(depth, np.float32(1 / self._view.scale), out=band)
                np.copyto(band, np.inf, where=empty)
            elif name == "faceid":
                band[...] = fetch(fragments.pix_to_face)[0, ..., 0]
            elif name == "normal":
                self._measure_normals(fragments, empty, band)
            else:
                band[...] = np.nan
                inside = np.flatnonzero(~empty)
                ids = fetch(fragments.pix_to_face).reshape(-1)[inside]
                values = self._interpolate(name, ids, fetch(fragments.bary_coords).reshape(-1, 3)[inside])
                if values is not None:
                    band.reshape(-1, values.shape[1])[inside] = values
        return empty.size - int(np.count_nonzero(empty))

    def _measure_normals(
        self, fragments: Fragments, empty: NDArray[np.bool_], band: NDArray[np.float32]
    ) -> None:
        # A grey background is the picture of the zero vector; behind what is see-through it would mix.
        holes = self._view.drawable.has_holes
        colors = self._shade(fragments, "normals", (0, 0, 0, 0) if holes else (0.5, 0.5, 0.5, 1))
        np.multiply(colors[..., :3], 2, out=band)
        band -= 1
        if holes:
            band[empty] = 0

    def _shade(
        self, fragments: Fragments, shading: str, background: tuple[float, ...] = (0, 0, 0, 0)
    ) -> NDArray[np.float32]:  # (rows, W, 4)
        view = self._view
        behind = view.drawable.place(np.array(background, np.float32))
        no_lights = view.drawable.place(np.zeros((0, 14), np.float32))
        surface = view.bare_surface if self._flat or shading != "normals" else view.surface
        pixels = shade_meshes(
            fragments,
            surface,
            no_lights,
            view.eye,
            behind,
            shading=shading,
            want_image=False,
            want_linear=True,
            check_ids=False,
        )
        return view.drawable.fetch(pixels.linear)

    def _interpolate(
        self,
        name: str,
        ids: NDArray[np.int64],  # (P,)
        bary: NDArray[np.float32],  # (P, 3)
    ) -> NDArray[Any] | None:  # (P, C)
        """Texture coordinates or positions; None: the mesh has none."""
        mesh = self._view.drawable.mesh
        if name == "position":
            verts, faces = self._view.drawable.verts, self._view.drawable.faces
            # Weights add up to 1 but for rounding, which far from the origin would be metres.
            base = verts[faces[0, 0]]
            base = np.where(np.isfinite(base), base, 0)
            return weighted_rows_fwd(verts - base, faces[ids], bary.astype(np.float64)) + base
        if mesh.uvs is None:
            return None
        corners = (mesh.faces if mesh.faces_uvs is None else mesh.faces_uvs)[ids].astype(np.int64)
        uvs = np.concatenate([mesh.uvs, [[np.nan, np.nan]]]).astype(np.float32)  # -1: a corner without
        return weighted_rows_fwd(uvs, np.where(corners < 0, len(mesh.uvs), corners), bary)

    def _nearest_visible(self, fragments: Fragments) -> Fragments | None:
        """The nearest fragment of each pixel that is not cut out, as the only one."""
        drawable = self._view.drawable
        layers = fragments.pix_to_face.shape[3]
        ids, depth, bary = (drawable.fetch(part) for part in fragments[:3])
        best = [np.ascontiguousarray(part[:, :, :, :1]) for part in (ids, depth, bary)]
        found = np.zeros(ids.shape[:3], np.bool_)
        for layer in range(layers):
            here = [np.ascontiguousarray(part[:, :, :, layer : layer + 1]) for part in (ids, depth, bary)]
            here[0][found] = -1
            if not (here[0] >= 0).any():
                break
            shaded = self._shade(_fragments(*map(drawable.place, here)), "unlit")
            now = shaded[None, ..., 3] > 0
            for to, part in zip(best, here, strict=True):
                to[now] = part[now]
            found |= now
        for part in best:
            part[~found] = -1
        if layers < len(drawable.faces) and (~found & (ids[..., -1] >= 0)).any():
            return None
        return _fragments(*map(drawable.place, best))


def _fragments(pix_to_face: Any, zbuf: Any, bary_coords: Any) -> Fragments:
    return Fragments(pix_to_face, zbuf, bary_coords, None)
