"""Runs every kernel once over a small shape, for compute-sanitizer, which slows kernels a hundredfold."""

from __future__ import annotations

from typing import Any

import numpy as np

from r3d_cli.backend import cuda
from r3d_cli.backend import soft_phong as phong
from r3d_cli.backend.antialias import antialias_bwd_edges, antialias_fwd
from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.backend.mesh_normals import face_areas_normals_bwd, face_areas_normals_fwd
from r3d_cli.backend.rasterize_meshes import RasterSettings, rasterize_meshes
from r3d_cli.backend.soft_silhouette import soft_silhouette_bwd, soft_silhouette_fwd
from r3d_cli.backend.sources import stems
from r3d_cli.backend.vertex_corners import vertex_corners
from r3d_cli.backend.weighted_rows import weighted_rows_rows_bwd
from r3d_cli.bench.cases import antialias, mesh_normals, packed_to_padded, weighted_rows
from r3d_cli.bench.suite import Place
from r3d_cli.scene.draw import draw
from r3d_cli.scene.framing import frame
from r3d_cli.scene.model import Material, RawMesh, Texture


def scene(dtype: str, faces: int = 200) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    verts = rng.normal(0.0, 0.5, (3 * faces, 3)) + (0, 0, 2)
    verts[:9] *= (8, 8, 1)  # some faces that are large in the image
    return [verts.astype(dtype), np.arange(3 * faces).reshape(-1, 3), np.array([0, faces // 2, faces])]


def shade_softly(cupy: Any, arrays: list[Any], by_vertex: tuple[Any, Any]) -> None:
    """Both ways of summing, of a map."""
    rng = np.random.default_rng(1)
    verts, real = arrays[0], arrays[0].dtype
    looks = rng.uniform(0.1, 1, (len(arrays[2]) - 1, 21))
    looks[:, 17] = 4  # zfar
    maps = cupy.asarray(np.array([[0, 8, 8]]))
    texels, uvs = (
        cupy.asarray(rng.uniform(0, 1, shape).astype(real)) for shape in ((64, 3), (len(verts), 2))
    )
    parts = (
        phong.Mesh(*arrays), phong.Surface(verts, verts, cupy.asarray(looks.astype(real))),
        phong.Texture(texels, arrays[1], uvs, maps, None),
    )  # fmt: skip
    how = {
        "settings": RasterSettings(1e-3, True, z_near=1.0), "kinds": phong.Kinds(texture="maps"),
        "blending": phong.Blending(1e-3, 1e-2),
    }  # fmt: skip
    for faces_per_pixel, corners in ((None, None), (6, by_vertex)):
        seen = phong.soft_phong_fwd(*parts, (72, 80), faces_per_pixel, in_order=corners is not None, **how)
        phong.soft_phong_bwd(*parts, seen, seen.image, faces_per_pixel, corners=corners, **how)


def textured_quad(alpha_mode: str) -> RawMesh:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 4)).astype(np.uint8)
    material = Material(base_color_texture=Texture(image), alpha_mode=alpha_mode)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return RawMesh(corners, faces, uvs=corners[:, :2].copy(), materials=[material])


def main() -> None:
    cupy = cuda.require_cuda()
    launched: set[str] = set()
    start = cuda._Program.start

    def recording_start(self: cuda._Program, name: str, *arguments: object) -> None:
        launched.add(name)
        start(self, name, *arguments)

    cuda._Program.start = recording_start
    for dtype in ("float32", "float64"):
        arrays = [cupy.asarray(array) for array in scene(dtype)]
        for options in (
            {"perspective_correct": True, "z_near": 1.0},
            {"faces_per_pixel": 6, "blur_radius": 1e-3, "clip_barycentric_coords": True},
            {"faces_per_pixel": 40, "workspace_budget": 1 << 14, "z_near": 1.0},
        ):
            rasterize_meshes(*arrays, (48, 80), **options)
        after = cupy.ones((2, 48, 80), dtype), cupy.zeros((2, 48, 80), "int64")
        for faces_per_pixel in (4, 40):
            rasterize_meshes(
                *arrays, (48, 80), faces_per_pixel=faces_per_pixel, after_zbuf=after[0], after_face=after[1]
            )
        rasterize_meshes(
            *arrays, (544, 544), faces_per_pixel=2
        )  # so many tiles that their scan needs two levels
        by_vertex = vertex_corners(arrays[1], len(arrays[0]))
        settings = RasterSettings(1e-3, True, z_near=1.0)
        for faces_per_pixel, corners in ((None, None), (6, by_vertex)):
            how = 1e-3, faces_per_pixel
            seen = soft_silhouette_fwd(
                *arrays, (72, 80), *how, settings=settings, in_order=corners is not None
            )
            soft_silhouette_bwd(*arrays, seen, seen.uncovered, *how, settings=settings, corners=corners)
        shade_softly(cupy, arrays, by_vertex)
    for alpha_mode in ("opaque", "mask", "blend"):
        for shading in ("phong", "flat", "normals"):
            mesh = textured_quad(alpha_mode)
            draw(mesh, frame(mesh), size=(32, 32), shading=shading, device="cuda")
    few_verts = cupy.asarray(np.random.default_rng(0).integers(0, 40, (400, 3)))  # so long runs
    vertex_corners(few_verts, 40)
    mesh_edges(few_verts, 40)
    for suite in (antialias, mesh_normals, packed_to_padded, weighted_rows):
        suite.ours(suite.make_inputs(dict(suite.suite.tiny), Place("cuda:0")))()
    areas, normals = face_areas_normals_fwd(*arrays[:2])
    corners = vertex_corners(arrays[1], len(arrays[0]))
    face_areas_normals_bwd(*arrays[:2], *corners, areas, normals, areas, normals)
    weighted_rows_rows_bwd(arrays[1], normals, normals, len(arrays[0]), *corners)
    tiny = antialias.make_inputs(dict(antialias.suite.tiny), Place("cuda:0"))
    picture = tiny.color, tiny.pix_to_face, tiny.zbuf, tiny.verts, tiny.faces, tiny.opposites
    tables = antialias_fwd(*picture)[1:]
    antialias_bwd_edges(tiny.color, tiny.grad, *tables, tiny.verts, tiny.faces)
    cupy.cuda.runtime.deviceSynchronize()

    device = cuda.CudaDevice.at(0)
    missed = {name for stem in stems() for name in device.kernels(stem, "float32").signatures} - launched
    if missed:
        raise SystemExit(f"never launched: {', '.join(sorted(missed))}")
    print(f"{len(launched)} kernels ran")


if __name__ == "__main__":
    main()
