"""The cameras within a glTF file, where its nodes put them.

They see along -Z with +Y up. ``yfov`` is the field of view across the height, ``aspectRatio`` the picture's
width over its height; a file without one leaves that to the picture. ``znear`` cuts; ``zfar`` does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.path_cameras import over_shorter
from r3d_cli.scene.readers.gltf_document import GltfDocument
from r3d_cli.scene.readers.gltf_pose import nodes
from r3d_cli.scene.readers.source import Source

Values = dict[str, Any]


def gltf_entries(source: Source, size: tuple[int, int]) -> Iterator[tuple[str, Values]]:
    """The place of each camera of the default scene, and the camera in the form of `camera_files`.

    Args:
        source: The file.
        size: Height and width of the picture that is wanted; the shorter side of those of other shapes.

    Raises:
        MeshError: The file is broken.
    """
    document = GltfDocument(source)
    try:
        for node, transform in nodes(document):
            if "camera" not in node:
                continue
            camera = document.item("cameras", node["camera"])
            name = str(camera.get("name") or node.get("name") or node["camera"])
            values = {"name": name, "convention": "opengl", "camera_to_world": _rigid(transform).tolist()}
            yield f"camera '{name}'", values | _lens(camera, size)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        source.fail(f"is not valid glTF ({type(error).__name__}: {error}); export the file again")


def _rigid(transform: NDArray[np.float64]) -> NDArray[np.float64]:  # (4, 4)
    """The pose without the scale of the nodes, which does not count."""
    pose = transform.copy()
    lengths = np.linalg.norm(pose[:3, :3], axis=0)
    pose[:3, :3] /= np.where(lengths > 0, lengths, 1)
    return pose


def _lens(camera: Values, size: tuple[int, int]) -> Values:
    height, width = size
    if camera.get("type") == "orthographic":
        lens = camera["orthographic"]
        across, up = abs(float(lens["xmag"])), abs(float(lens["ymag"]))
        aspect = across / up
        values: Values = {"orthographic": min(across, up)}
    else:
        lens = camera["perspective"]
        aspect = float(lens.get("aspectRatio") or width / height)
        values = {"fov": over_shorter(math.degrees(float(lens["yfov"])), aspect)}
    if lens.get("znear"):
        values["near"] = float(lens["znear"])
    if not 1e-3 < aspect < 1e3:
        raise ValueError(f"aspectRatio {aspect:g}")
    if "aspectRatio" in lens or camera.get("type") == "orthographic":
        side = min(size)
        values["height"] = side if aspect >= 1 else round(side / aspect)
        values["width"] = round(side * aspect) if aspect >= 1 else side
    return values
