"""A textured mesh to a picture by MeshRenderer, MeshRasterizer and HardPhongShader, and back: gradients of
the vertices and of the texture. Files of --data, which need a texture, are cut finer: each face in 16."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.meshes import FOV, camera, sphere, sphere_faces
from r3d_cli.bench.suite import Case, Place, Selection, Suite, Unsupported, arrays_that_differ

if TYPE_CHECKING:
    from torch import Tensor

_SIZES = {"quick": (20_000,), "default": (5_000, 100_000), "full": (5_000, 20_000, 100_000, 640_000)}
_CUTS = 2  # times that each face of a file becomes four


@dataclass(frozen=True)
class Inputs:
    """Tensors are on the device; the two leaves have gradients."""

    verts: Tensor  # (V, 3) float32, world
    faces: Tensor  # (F, 3) int64
    verts_uvs: Tensor  # (U, 2) float32
    faces_uvs: Tensor  # (F, 3) int64
    map: Tensor  # (S, S, 3) float32
    cotangent: Tensor  # (H, W, 4) of the picture
    R: np.ndarray  # (3, 3) world to view, for row vectors
    T: np.ndarray  # (3,)
    lamp: tuple[float, float, float] = (0.0, 2.0, -2.0)  # world; the camera looks along -z too
    blur_radius: float = 0.0
    faces_per_pixel: int = 1
    num_meshes: int = 1

    @property
    def image_size(self) -> tuple[int, int]:
        return self.cotangent.shape[0], self.cotangent.shape[1]

    @property
    def focal(self) -> float:
        return 1 / math.tan(math.radians(FOV) / 2)


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        yield {"mesh": "ico", "faces": sphere_faces(size), "image": 512, "map": 1024}
    for name in selection.files:
        yield {"mesh": name, "faces": None, "image": 512, "map": None}


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    if case["mesh"] == "ico":
        verts, faces = sphere(int(case["faces"] or 0))
        uvs, faces_uvs = _spherical(verts), faces
        side = int(case["map"] or 0)
        texture = np.random.default_rng(0).random((side // 8, side // 8, 3)).repeat(8, 0).repeat(8, 1)
        verts = 0.8 * verts
    else:
        assert place.data is not None
        verts, faces, uvs, faces_uvs, texture = _textured(place.data / str(case["mesh"]))
        for _ in range(_CUTS):
            (verts, faces), (uvs, faces_uvs) = cut(verts, faces), cut(uvs, faces_uvs)
    generator = np.random.default_rng(1)
    side = int(case["image"] or 0)
    cotangent = generator.random((side, side, 4))
    eye = camera()
    put = [
        torch.tensor(x, dtype=torch.float32, device=place.device) for x in (verts, uvs, texture, cotangent)
    ]
    ids = [torch.tensor(x, dtype=torch.int64, device=place.device) for x in (faces, faces_uvs)]
    leaves = put[0].requires_grad_(), put[2].requires_grad_()
    return Inputs(leaves[0], ids[0], put[1], ids[1], leaves[1], put[3], eye.R, eye.T)


def _spherical(verts: np.ndarray) -> np.ndarray:  # (V, 3) -> (V, 2)
    """Longitude and latitude, there and back again round the sphere, so that there is no seam."""
    around = np.abs(np.arctan2(verts[:, 0], verts[:, 2])) / np.pi
    return np.stack([around, np.arcsin(verts[:, 1].clip(-1, 1)) / np.pi + 0.5], 1)


def _textured(path: Any) -> tuple[np.ndarray, ...]:
    from r3d_cli.scene.readers import read_mesh

    mesh = read_mesh(path)
    textures = [material.base_color_texture for material in mesh.materials or ()]
    images = [texture.image for texture in textures if texture is not None]
    if mesh.uvs is None or not images:
        raise Unsupported
    faces_uvs = mesh.faces if mesh.faces_uvs is None else mesh.faces_uvs
    return mesh.verts, mesh.faces, mesh.uvs, faces_uvs, images[0][..., :3] / 255.0


def cut(rows: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each face into four, at the middles of its edges.

    Example:
        >>> rows, faces = cut(np.eye(3), np.array([[0, 1, 2]]))
        >>> len(rows), faces.tolist()
        (6, [[0, 3, 4], [1, 5, 3], [2, 4, 5], [3, 5, 4]])
    """
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, of_sides = np.unique(sides, axis=0, return_inverse=True)
    a, b, c = faces.T
    ab, bc, ca = (of_sides.reshape(-1, 3) + len(rows)).T
    four = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([rows, rows[edges].mean(1)]), np.concatenate([np.stack(f, 1) for f in four])


def ours(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli import renderer, structures

    return rendering(renderer, structures, inputs)


def rendering(renderer: Any, structures: Any, inputs: Inputs) -> Callable[[], Any]:
    """What is timed, with r3d's modules or PyTorch3D's: a step of a fit, from tensors to their gradients."""
    import torch

    device = inputs.verts.device
    R, T = (torch.tensor(x, dtype=torch.float32, device=device)[None] for x in (inputs.R, inputs.T))
    cameras = renderer.FoVPerspectiveCameras(R=R, T=T, fov=FOV, device=device)
    lights = renderer.PointLights(location=(inputs.lamp,), device=device)
    rasterizer = renderer.MeshRasterizer(cameras, renderer.RasterizationSettings(inputs.image_size))
    shader = renderer.HardPhongShader(device=device, cameras=cameras, lights=lights)
    draw = renderer.MeshRenderer(rasterizer, shader)

    def call() -> Any:
        textures = renderer.TexturesUV(inputs.map[None], [inputs.faces_uvs], [inputs.verts_uvs])
        picture = draw(structures.Meshes([inputs.verts], [inputs.faces], textures))[0]
        return picture, *torch.autograd.grad(picture, (inputs.verts, inputs.map), inputs.cotangent)

    return call


def outcome(inputs: Inputs, result: tuple[Any, ...]) -> dict[str, Any]:
    names = ("picture", "grad_verts", "grad_map")
    return {name: as_numpy(array.detach()) for name, array in zip(names, result, strict=True)}


def reference(inputs: Inputs) -> dict[str, Any]:
    """Every pixel in full, in double precision. The fragments are r3d's: their own suite checks them."""
    import torch

    from r3d_cli.bench.phong import project, shade
    from r3d_cli.ops.rasterize_meshes import rasterize_meshes

    names = ("verts", "faces", "verts_uvs", "faces_uvs", "map", "cotangent")
    moved = replace(inputs, **{name: getattr(inputs, name).detach().cpu() for name in names})
    leaves = moved.verts.double().requires_grad_(), moved.map.double().requires_grad_()
    first = torch.tensor([0, len(moved.faces)])
    ndc = project(leaves[0], moved)
    fragments = rasterize_meshes(ndc, moved.faces, first, moved.image_size, perspective_correct=True)
    picture = shade(fragments, *leaves, moved)
    return outcome(moved, (picture, *torch.autograd.grad(picture, leaves, moved.cotangent.double())))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    """Pixels on the edges of faces may show another one; what these see is another part of the map."""
    return arrays_that_differ(outcome, expected, 1e-3, 2e-3)


suite = Suite(
    name="render-hard-phong",
    about="a textured mesh to a picture by HardPhongShader, and gradients of vertices and texture",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "pytorch3d"),
    tiny={"mesh": "ico", "faces": 80, "image": 16, "map": 16},
)
