"""Put mesh files, or shapes where none are named, into one ragged batch and print its three views.

python examples/ragged_batch.py [FILE ...]
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from r3d_cli.structures import Meshes

SPOT = Path(__file__).parent / "spot" / "spot.obj"


def main() -> int:
    # `| head` and Ctrl-C end it like any Unix filter: quietly, also while the library is being loaded.
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    from r3d_cli.errors import R3dError
    from r3d_cli.io import IO
    from r3d_cli.structures import join_meshes_as_batch
    from r3d_cli.utils import ico_sphere, torus

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="mesh files (default: spot, a sphere, a torus)"
    )
    files = parser.parse_args().files
    try:
        meshes = [IO().load_mesh(file, include_textures=False) for file in files or [SPOT]]
    except (R3dError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not files:
        meshes += [ico_sphere(3), torus(0.3, 1.0, 12, 24)]
    show(join_meshes_as_batch(meshes))
    return 0


def show(batch: Meshes) -> None:
    print(batch)
    print("list")
    for i, (verts, faces) in enumerate(zip(batch.verts_list(), batch.faces_list(), strict=True)):
        print(f"  mesh {i}: verts {tuple(verts.shape)}, faces {tuple(faces.shape)}")
    print("packed")
    print(f"  verts {tuple(batch.verts_packed().shape)}, faces {tuple(batch.faces_packed().shape)}")
    print(f"  edges {tuple(batch.edges_packed().shape)}, normals {tuple(batch.verts_normals_packed().shape)}")
    print(f"  meshes begin at the vertices {batch.mesh_to_verts_packed_first_idx().tolist()}")
    print("padded")
    print(f"  verts {tuple(batch.verts_padded().shape)}, faces {tuple(batch.faces_padded().shape)}")
    rows = len(batch) * batch.verts_padded().shape[1]
    print(f"  {len(batch.verts_packed()) / rows:.0%} of the padded vertices are vertices")


if __name__ == "__main__":
    sys.exit(main())
