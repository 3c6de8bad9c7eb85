"""What one writes in plain PyTorch: every pair of a face and a pixel of its bounding box, in chunks, sorted.

No pair outside a bounding box is looked at and memory is bounded, which tutorials' versions do not manage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.bench.arrays import as_torch
from r3d_cli.bench.suite import Prepared, Unsupported

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.bench.cases.mesh_losses import Inputs as Losses
    from r3d_cli.bench.cases.mesh_normals import Inputs as Normals
    from r3d_cli.bench.cases.packed_to_padded import Inputs as Rows
    from r3d_cli.bench.cases.rasterize_meshes import Inputs
    from r3d_cli.bench.cases.render_hard_phong import Inputs as Scene
    from r3d_cli.bench.cases.shade_meshes import Inputs as Shading
    from r3d_cli.bench.cases.soft_silhouette import Inputs as Silhouettes
    from r3d_cli.bench.cases.vertex_corners import Inputs as Faces
    from r3d_cli.bench.cases.weighted_rows import Inputs as Terms

NAME = "naive PyTorch"
REQUIRES, INSTALL = "torch", "pip install torch"

PAIRS_AT_ONCE = 1 << 21
MOST_BLENDED = 25_000  # faces: autograd keeps every pair of a face and a pixel


def rasterize_meshes(inputs: Inputs) -> Callable[[], Fragments]:
    verts, faces, first = map(as_torch, (inputs.verts, inputs.faces, inputs.mesh_first_face))
    return lambda: rasterize(verts, faces, first, inputs, evaluate)


def shade_meshes(inputs: Shading) -> Prepared:
    import numpy as np

    from r3d_cli.reference.shade_meshes import encode_srgb
    from r3d_cli.reference.shade_meshes import shade_meshes as shade

    if not isinstance(inputs.lights, np.ndarray):
        raise Unsupported
    fragments, surface, *tables = inputs.tables(as_torch)

    def call() -> Any:
        linear = shade(fragments, surface, *tables, supersampling=inputs.supersampling, focal=inputs.focal)
        return encode_srgb(linear)

    return Prepared(call)


def soft_silhouette(inputs: Silhouettes) -> Callable[[], Any]:
    from r3d_cli.bench.cases.soft_silhouette import with_gradient

    if len(inputs.faces) > MOST_BLENDED:
        raise Unsupported
    mesh = inputs.verts, inputs.faces, inputs.mesh_first_face
    return lambda: with_gradient(inputs, lambda: blend(*mesh, inputs))


def render_hard_phong(inputs: Scene) -> Callable[[], Any]:
    import torch

    from r3d_cli.bench.phong import project, shade

    first = torch.tensor([0, len(inputs.faces)], device=inputs.faces.device)

    def call() -> Any:
        fragments = rasterize(project(inputs.verts, inputs), inputs.faces, first, inputs, evaluate)
        picture = shade(fragments, inputs.verts, inputs.map, inputs)
        return picture, *torch.autograd.grad(picture, (inputs.verts, inputs.map), inputs.cotangent)

    return call


def vertex_corners(inputs: Faces) -> Callable[[], Any]:
    from r3d_cli.reference.vertex_corners import vertex_corners as sort

    faces = as_torch(inputs.faces)
    return lambda: sort(faces, inputs.num_verts)


def mesh_edges(inputs: Faces) -> Callable[[], Any]:
    from r3d_cli.reference.mesh_edges import mesh_edges as unique

    faces = as_torch(inputs.faces)
    return lambda: unique(faces, inputs.num_verts)


def mesh_normals(inputs: Normals) -> Callable[[], Any]:
    import torch

    from r3d_cli.reference.mesh_normals import vertex_normals

    verts, faces, grad = map(as_torch, (inputs.verts, inputs.faces, inputs.grad_normals))
    verts = verts.requires_grad_()

    def call() -> Any:
        normals = vertex_normals(verts, faces)
        return normals, torch.autograd.grad(normals, verts, grad)[0]

    return call


def mesh_losses(inputs: Losses) -> Callable[[], Any]:
    import torch

    meshes, offsets = inputs.meshes, inputs.offsets
    verts, edges, pairs = meshes.verts_packed(), meshes.edges_packed(), meshes.face_pairs_packed()

    def call() -> Any:
        value = mesh_loss(inputs.loss, verts + offsets, edges, pairs)
        return value, torch.autograd.grad(value, offsets)[0]

    return call


def mesh_loss(
    loss: str,
    verts: Tensor,  # (V, 3)
    edges: Tensor,  # (E, 2)
    pairs: Tensor,  # (P, 4) an edge, and the other vertex of each of its two faces
) -> Tensor:  # ()
    """The three losses of `loss`, of one mesh, word for word."""
    import torch

    if loss == "edge":
        start, end = verts[edges].unbind(1)
        return (end - start).norm(dim=1).square().mean()
    if loss == "normal":
        start, end, a, b = verts[pairs].unbind(1)
        normal_a = torch.linalg.cross(end - start, a - start)
        normal_b = torch.linalg.cross(b - start, end - start)
        return (1 - torch.cosine_similarity(normal_a, normal_b, dim=1)).mean()
    ids = torch.cat([edges, edges.flip(1)]).T
    count = torch.bincount(ids[0], minlength=len(verts)).to(verts.dtype)
    shape = (len(verts), len(verts))
    L = torch.sparse_coo_tensor(ids, 1 / count[ids[0]], shape, check_invariants=False)
    return (L @ verts - verts).norm(dim=1).mean()


def packed_to_padded(inputs: Rows) -> Callable[[], Any]:
    from r3d_cli.reference import packed_to_padded as loops

    packed, first = as_torch(inputs.packed), as_torch(inputs.first_idxs)

    def call() -> Any:
        padded = loops.packed_to_padded(packed, first, inputs.max_size)
        return padded, loops.padded_to_packed(padded, first, len(packed))

    return call


def blend(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    mesh_first_face: Tensor,  # (N + 1,)
    inputs: Silhouettes,
) -> Tensor:  # (N, H, W)
    """1 - the product of sigmoid(dist / sigma) over the faces of a pixel, or over its K nearest."""
    import torch

    height, width = inputs.image_size
    half = min(height, width) / 2
    triangles = verts[faces]  # (F, 3, 3)
    first, size = _boxes(triangles.detach(), math.sqrt(inputs.blur_radius), height, width)
    mesh = torch.searchsorted(mesh_first_face, torch.arange(len(faces), device=faces.device), right=True) - 1
    found = []
    for face, place in _pairs(size):
        column = first[face, 0] + place % size[face, 0]
        row = first[face, 1] + place // size[face, 0]
        point = torch.stack([(width / 2 - column - 0.5) / half, (height / 2 - row - 0.5) / half], -1)
        _, _, bary, dist = evaluate(triangles[face], point.to(verts.dtype), inputs.blur_radius)
        clipped = bary.detach().clamp(min=0)
        z = (clipped / clipped.sum(1, keepdim=True).clamp(min=1e-5) * triangles[face, :, 2].detach()).sum(1)
        hit = (dist < inputs.blur_radius) & (z >= 0)
        pixel = (mesh[face] * height + row) * width + column
        found.append(tuple(values[hit] for values in (pixel, face, z, dist)))
    hits = tuple(map(torch.cat, zip(*found, strict=True)))
    if inputs.faces_per_pixel is not None:
        hits = _nearest(hits, inputs.faces_per_pixel)
    pixel, _, _, dist = hits
    logs = verts.new_zeros((len(mesh_first_face) - 1) * height * width)
    logs = logs.index_add(0, pixel, torch.nn.functional.logsigmoid(dist / inputs.sigma))
    return 1 - logs.exp().reshape(-1, height, width)


def weighted_rows(inputs: Terms) -> Callable[[], Any]:
    import torch

    from r3d_cli.reference.weighted_rows import weighted_rows as weigh

    ids, grad = as_torch(inputs.ids), as_torch(inputs.grad)
    leaves = [as_torch(values).requires_grad_() for values in (inputs.rows, inputs.weights)]

    def call() -> Any:
        sums = weigh(leaves[0], ids, leaves[1])
        return sums, *torch.autograd.grad(sums, leaves, grad)

    return call


def rasterize(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    mesh_first_face: Tensor,  # (N + 1,)
    inputs: Inputs | Scene,
    evaluate: Callable[..., Any],
) -> Fragments:
    """All four outputs; ``evaluate`` looks at the pairs."""
    import torch

    height, width = inputs.image_size
    half, K = min(height, width) / 2, inputs.faces_per_pixel
    triangles = verts[faces]  # (F, 3, 3)
    mesh = torch.searchsorted(mesh_first_face, torch.arange(len(faces), device=faces.device), right=True) - 1
    first, size = _boxes(triangles, math.sqrt(inputs.blur_radius), height, width)
    kept: tuple[Tensor, ...] | None = None  # pixel, face, z, bary, distance of the hits, nearest K a pixel
    for face, place in _pairs(size):
        column = first[face, 0] + place % size[face, 0]
        row = first[face, 1] + place // size[face, 0]
        point = torch.stack([(width / 2 - column - 0.5) / half, (height / 2 - row - 0.5) / half], -1)
        hit, z, bary, dist = evaluate(triangles[face], point, inputs.blur_radius)
        pixel = (mesh[face] * height + row) * width + column
        hits = tuple(values[hit] for values in (pixel, face, z, bary, dist))
        if kept is not None:
            hits = tuple(map(torch.cat, zip(kept, hits, strict=True)))
        kept = _nearest(hits, K)
    shape = (inputs.num_meshes, height, width, K)
    outputs = [
        torch.full(shape, -1, dtype=torch.int64, device=verts.device),
        verts.new_full(shape, -1),
        verts.new_full((*shape, 3), -1),
        verts.new_full(shape, -1),
    ]
    if kept is not None:
        pixel, *values = kept
        slot = pixel * K + _rank(pixel)
        for output, value in zip(outputs, values, strict=True):
            output.view(-1, *output.shape[4:])[slot] = value
    return Fragments(*outputs)


def _boxes(triangles: Tensor, reach: float, height: int, width: int) -> tuple[Tensor, Tensor]:
    """First column and row, and columns and rows, of the pixel centres in faces' boxes: (F, 2) each."""
    import torch

    side = torch.tensor([width, height], device=triangles.device)
    half = min(height, width) / 2
    high, low = triangles[..., :2].amax(1) + reach, triangles[..., :2].amin(1) - reach
    first = torch.ceil(side / 2 - high * half - 0.5).clamp(min=0)
    last = torch.floor(side / 2 - low * half - 0.5).minimum(side - 1)
    return first.long(), (last - first + 1).clamp(min=0).long()


def _pairs(size: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Faces and places in their boxes, about PAIRS_AT_ONCE at a time (a face's are not split)."""
    import torch

    count = size.prod(1)
    end = count.cumsum(0)
    begin = 0
    while begin < len(count):
        done = int(end[begin - 1]) if begin else 0
        stop = max(int(torch.searchsorted(end, done + PAIRS_AT_ONCE, right=True)), begin + 1)
        here = count[begin:stop]
        face = torch.repeat_interleave(torch.arange(begin, stop, device=size.device), here)
        yield face, torch.arange(len(face), device=size.device) - (end - count)[face] + done
        begin = stop


def evaluate(
    triangles: Tensor,  # (P, 3, 3)
    points: Tensor,  # (P, 2)
    blur_radius: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # (P,) hit, (P,) z, (P, 3) bary, (P,) distance
    """What pixel centres see of triangles, perspective-correct."""
    import torch

    corners = triangles[..., :2] - points[:, None]
    a, b = corners.roll(-1, 1), corners.roll(-2, 1)
    edges = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]  # (P, 3)
    area = edges.sum(1, keepdim=True)
    inside = ((edges > 0) == (area > 0)).all(1) & (area[:, 0] != 0)
    weights = edges * area.sign() / triangles[..., 2]
    # Past the line where the plane of a nearly edge-on face vanishes the sum would change its sign.
    bary = weights / weights.sum(1, keepdim=True).clamp(min=1e-30)
    z = (bary * triangles[..., 2]).sum(1)
    along = b - a
    t = (-(a * along).sum(-1) / (along * along).sum(-1).clamp(min=1e-30)).clamp(0, 1)
    distance = (a + t[..., None] * along).square().sum(-1).amin(1)
    hit = (inside | (distance < blur_radius)) & (z >= 0)
    return hit, z, bary, torch.where(inside, -distance, distance)


def _nearest(hits: tuple[Tensor, ...], K: int) -> tuple[Tensor, ...]:
    """Hits sorted by pixel, then depth, then face; of each pixel the first K."""
    by_depth = hits[2].argsort(stable=True)
    order = by_depth[hits[0][by_depth].argsort(stable=True)]
    order = order[_rank(hits[0][order]) < K]
    return tuple(values[order] for values in hits)


def _rank(sorted_ids: Tensor) -> Tensor:
    """How many equal values stand before each."""
    import torch

    _, count = torch.unique_consecutive(sorted_ids, return_counts=True)
    first = count.cumsum(0) - count
    return torch.arange(len(sorted_ids), device=sorted_ids.device) - first.repeat_interleave(count)
