"""Whether a picture shows anything, and if not, the likely cause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.camera import Camera
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.normals import compute_face_normals

#: 8-bit codes that no eye tells apart, and roundings may be off by.
_SAME = 1
_ROWS = 8  # of the picture, compared at a time

SAME_COLOR = (
    "what it shows has the background's colour or is wholly transparent; choose another --background, "
    "--color or --shading"
)


def shows_nothing(
    image: NDArray[np.uint8],  # (H, W, 3 or 4)
    background: Sequence[float] | NDArray[np.uint8],  # 3 or 4 numbers in 0..1; (H, W, 3 or 4)
) -> bool:
    """Whether every pixel of a picture is the background's; looks no further than the first that is not.

    The rows in the middle come first, so that a picture that shows something costs next to nothing.

    Example:
        >>> white = np.full((4, 4, 3), 255, np.uint8)
        >>> shows_nothing(white, (1.0, 1.0, 1.0)), shows_nothing(white, (0.0, 0.0, 0.0))
        (True, False)
    """
    middle = len(image) // 2
    whole = background if isinstance(background, np.ndarray) else None
    code = None if whole is not None else np.rint(255 * np.asarray(background, np.float64)).astype(np.int16)
    starts = sorted(range(0, len(image), _ROWS), key=lambda row: abs(row + _ROWS // 2 - middle))
    for row in starts:
        rows = slice(row, row + _ROWS)
        behind = code if whole is None else whole[rows].astype(np.int16)
        assert behind is not None
        if not _same(image[rows].astype(np.int16), behind):
            return False
    return True


def _same(pixels: NDArray[np.int16], behind: NDArray[np.int16]) -> bool:  # (..., 3 or 4) each
    same = (np.abs(pixels[..., :3] - behind[..., :3]) <= _SAME).all(axis=-1)
    alpha, alpha_behind = (x[..., 3] if x.shape[-1] == 4 else np.int16(255) for x in (pixels, behind))
    # Where both are transparent, colours say nothing.
    clear = (alpha <= _SAME) & (alpha_behind <= _SAME)
    return bool(((same & (np.abs(alpha - alpha_behind) <= _SAME)) | clear).all())


def why_uncovered(mesh: RawMesh, camera: Camera, size: tuple[int, int], *, cull: bool = False) -> str:
    """The likely cause why a mesh covers no sample of a picture, and what to do.

    Args:
        mesh: What was drawn.
        camera: From where.
        size: (H, W) of the picture, pixels.
        cull: Whether faces seen from behind were left out.

    Example:
        >>> from r3d_cli.scene.framing import frame
        >>> mesh = RawMesh(np.eye(3, dtype=np.float32)[[0, 0, 1]], np.array([[0, 1, 2]]))
        >>> why_uncovered(mesh, frame(mesh), (8, 8))
        'its faces have no area; check the file'
    """
    with np.errstate(all="ignore"):  # coordinates may be anything
        verts = mesh.verts.astype(np.float64)
        finite = np.asarray(np.isfinite(verts).all(axis=1))
        whole = finite[mesh.faces].all(axis=1)
        faces = mesh.faces[whole]
        if not len(faces):
            return "no face has finite vertices; check the file"
        low, high = verts[faces].min(axis=(0, 1)), verts[faces].max(axis=(0, 1))
        doubled = np.linalg.norm(compute_face_normals(verts - (low + high) / 2, faces), axis=1)
        # Of float32 coordinates, whose roundings leave slivers some area.
        if not (doubled > 1e-12 * float(((high - low) ** 2).max())).any():
            return "its faces have no area; check the file"
        corners = verts[np.unique(faces)]
        depths = camera.to_view(corners)[:, 2]
        if camera.is_perspective and not (depths > camera.z_near).any():
            return "the mesh lies behind the camera, which looks away from it; check the pose and its axes"
        ndc = camera.project(corners)
        in_front = depths > camera.z_near
        edges = np.array([size[1], size[0]]) / min(size)
        seen = ndc[in_front, :2]
        if not len(seen) or (seen.min(axis=0) > edges).any() or (seen.max(axis=0) < -edges).any():
            return "the mesh lies outside of what the camera sees; check where it looks"
        if (np.ptp(seen, axis=0) * min(size) / 2 < 1).any():
            return "the mesh is smaller than a pixel there, or seen edge-on; come nearer or turn the camera"
    if cull:
        return "all that the camera sees are backs of faces, which --cull leaves out"
    return "the camera looks past the faces; check where it looks"


def empty_line(name: str, views: int, empty: Sequence[tuple[int, str]]) -> str:
    """One line for all empty pictures of a file: each its view's number and cause.

    Example:
        >>> empty_line("a.obj", 4, [(1, "x; y"), (3, "x; y")])
        'a.obj: 2 of its 4 pictures are empty (views 1, 3): x; y'
    """
    cause = empty[0][1]
    if views == 1:
        return f"{name}: the picture is empty: {cause}"
    shown = ", ".join(str(view) for view, _ in empty[:8]) + ", …" * (len(empty) > 8)
    noun = "is" if len(empty) == 1 else "are"
    return f"{name}: {len(empty):,} of its {views:,} pictures {noun} empty (views {shown}): {cause}"
