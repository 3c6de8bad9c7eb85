"""Primitives of glTF that are compressed by Draco (KHR_draco_mesh_compression), through DracoPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.extras import pip_install
from r3d_cli.scene.readers.gltf_document import GltfDocument

DRACO = "KHR_draco_mesh_compression"


def decode_draco(
    document: GltfDocument, packed: dict[str, Any]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:  # name -> (V, width), (F, 3)
    """The attributes and the faces that the extension of a primitive holds."""
    try:
        import DracoPy  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        document.source.fail(
            "its meshes are compressed by Draco, which needs the package DracoPy; "
            f"{pip_install(extra='draco')}, or export the file again without compression"
        )
    data = bytes(document.buffer_view(packed["bufferView"]))
    try:
        mesh = DracoPy.decode(data)
        stored = {found["unique_id"]: np.asarray(found["data"]) for found in mesh.attributes}
        faces = np.asarray(mesh.faces, np.int64).reshape(-1, 3)
    except Exception as error:  # whatever a decoder raises on broken data
        reason = (str(error) or type(error).__name__).splitlines()[0]
        document.fail(f"has a mesh that Draco cannot decompress ({reason})")
    missing = [name for name, unique_id in packed["attributes"].items() if unique_id not in stored]
    if missing:
        document.fail(f"has a mesh whose {missing[0]} is not in its Draco data")
    attributes = {name: stored[unique_id] for name, unique_id in packed["attributes"].items()}
    return {name: values.reshape(len(values), -1) for name, values in attributes.items()}, faces
