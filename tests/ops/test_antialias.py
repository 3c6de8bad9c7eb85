"""antialias against its reference, its gradients, and what it must leave alone."""

from __future__ import annotations

import itertools
import math
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import _native
from r3d_cli.ops import antialias, opposite_corners
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.reference import antialias as reference
from r3d_cli.transforms import axis_angle_to_matrix
from r3d_cli.utils import ico_sphere

module = import_module("r3d_cli.ops.antialias")  # the package has the function under this name


class Scene(NamedTuple):
    """Packed meshes as they are rasterized: NDC x, y and view depth."""

    verts: Tensor  # (V, 3)
    faces: Tensor  # (F, 3)
    first: Tensor  # (N + 1,)


def soup(seed: int, num_verts: int = 30, num_faces: int = 40, dtype: torch.dtype = torch.float64) -> Scene:
    """Two meshes of random triangles that share vertices, intersect and have edges of several faces."""
    rng = np.random.default_rng(seed)
    verts = torch.from_numpy(rng.uniform((-1.3, -1.3, 0.5), (1.3, 1.3, 3), (num_verts, 3)))
    faces = torch.from_numpy(np.stack([rng.permutation(num_verts)[:3] for _ in range(num_faces)]))
    return Scene(verts.to(dtype), faces, torch.tensor([0, num_faces // 2, num_faces]))


def sphere(
    level: int,
    radius: float = 0.7,
    at: tuple[float, float] = (0.012, -0.023),
    dtype: torch.dtype = torch.float64,
) -> Scene:
    """Seen by an orthographic camera, turned so that no face is seen edge-on."""
    mesh = ico_sphere(level)
    turn = axis_angle_to_matrix(torch.tensor([0.3, 0.2, 0.1], dtype=torch.float64))
    verts = mesh.verts_packed().double() @ turn * radius + torch.tensor([*at, 2], dtype=torch.float64)
    verts = verts.to(dtype)
    return Scene(verts, mesh.faces_packed(), torch.tensor([0, len(mesh.faces_packed())]))


def quad(left: float, bottom: float, right: float, top: float, dtype: torch.dtype = torch.float64) -> Scene:
    """Of two triangles; NDC x runs to the left."""
    corners = [[left, bottom, 1], [right, bottom, 1], [right, top, 1], [left, top, 1]]
    return Scene(
        torch.tensor(corners, dtype=dtype), torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([0, 2])
    )


SCENES = {
    "soup": soup(0),
    "other soup": soup(3),
    "dense soup": soup(9, 200, 300),
    "sphere": sphere(1),
    "fine sphere": sphere(3),
}


def fragments_of(scene: Scene, size: tuple[int, int], **settings: Any) -> Any:
    return rasterize_meshes(*scene, size, **settings).detach()


def blend(
    function: Any, scene: Scene, fragments: Any, color: Tensor, verts: Tensor | None = None, **settings: Any
) -> Tensor:
    return function(
        color,
        fragments.pix_to_face,
        fragments.zbuf,
        scene.verts if verts is None else verts,
        scene.faces,
        **settings,
    )


def random_color(fragments: Any, channels: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (*fragments.zbuf.shape[:3], channels)
    return torch.rand(shape, generator=generator, dtype=fragments.zbuf.dtype)


def coverage(scene: Scene, verts: Tensor, size: tuple[int, int], **settings: Any) -> Tensor:  # (N, H, W)
    """What share of each pixel is covered."""
    fragments = rasterize_meshes(verts, scene.faces, scene.first, size, **settings).detach()
    hard = (fragments.pix_to_face >= 0).to(verts.dtype)
    return blend(antialias, scene, fragments, hard, verts)[..., 0]


def results(
    function: Any, scene: Scene, fragments: Any, color: Tensor, **settings: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """The picture, and both gradients of its randomly weighted sum."""
    color, verts = color.clone().requires_grad_(), scene.verts.clone().requires_grad_()
    image = blend(function, scene, fragments, color, verts, **settings)
    weights = random_color(fragments, color.shape[3], seed=1) - 0.5
    return (
        image.detach(),
        *torch.autograd.grad((image * weights).sum(), (color, verts), materialize_grads=True),
    )


# -- The reference


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("z_near", [None, 1.0])
@pytest.mark.parametrize("size", [(13, 17), (24, 20)])
@pytest.mark.parametrize("name", SCENES)
def test_equals_the_reference(name: str, size: tuple[int, int], z_near: float | None) -> None:
    scene = SCENES[name]
    fragments = fragments_of(scene, size, z_near=z_near, faces_per_pixel=2)
    color = random_color(fragments)
    near = {} if z_near is None else {"z_near": z_near}
    assert len(reference.find_pairs(fragments.pix_to_face, fragments.zbuf, *scene[:2], **near)) > 20
    got = results(antialias, scene, fragments, color, z_near=z_near)
    for x, want in zip(got, results(reference.antialias, scene, fragments, color, **near), strict=True):
        torch.testing.assert_close(x, want, rtol=1e-9, atol=1e-11)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("channels", [1, 4, 7])
def test_float32_equals_the_reference_but_for_rounding(channels: int) -> None:
    scene = sphere(3, dtype=torch.float32)
    fragments = fragments_of(scene, (32, 40))
    color = random_color(fragments, channels)
    got = results(antialias, scene, fragments, color)
    for x, want in zip(got, results(reference.antialias, scene, fragments, color), strict=True):
        assert x.dtype == torch.float32
        torch.testing.assert_close(x, want, rtol=1e-4, atol=1e-4)


# -- Gradients


@pytest.mark.parametrize("name", ["soup", "sphere"])
def test_gradients(name: str) -> None:
    scene = SCENES[name]
    fragments = fragments_of(scene, (9, 11))
    color, verts = random_color(fragments).requires_grad_(), scene.verts.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda *x: blend(antialias, scene, fragments, *x), (color, verts))


def test_second_derivatives_are_refused() -> None:
    scene = SCENES["sphere"]
    fragments = fragments_of(scene, (9, 9))
    verts = scene.verts.clone().requires_grad_()
    image = blend(antialias, scene, fragments, random_color(fragments), verts)
    (grad,) = torch.autograd.grad(image.square().sum(), verts, create_graph=True)
    with pytest.raises(RuntimeError, match="antialias: has no second derivatives"):
        grad.sum().backward()


@pytest.mark.parametrize("shift", np.linspace(-0.03, 0.08, 23).tolist())
def test_an_edge_moved_by_less_than_a_pixel(shift: float) -> None:
    """The covered area is exact, and so is its derivative, wherever the edge is."""
    scene = quad(2, -2, 0.1, 2)  # leaves the picture but for its right edge
    verts = scene.verts.clone()
    verts[1:3, 0] += shift
    verts.requires_grad_()
    area = coverage(scene, verts, (32, 48)).mean()
    torch.testing.assert_close(area.item(), (1.5 - 0.1 - shift) / 3, rtol=0, atol=1e-12)
    (grad,) = torch.autograd.grad(area, verts)
    torch.testing.assert_close(grad[1:3, 0].sum().item(), -1 / 3, rtol=1e-9, atol=0)
    assert (grad[:, 2] == 0).all()


@pytest.mark.parametrize("angle", [0.0, 0.1, 0.6, math.pi / 4, 1.0, 1.5, 2.9, 4.0])
def test_a_half_plane_at_any_angle(angle: float) -> None:
    """Its edge leaves the picture at both ends; moved by d along its normal, it covers length x d."""
    scene = quad(30, -30, 0.07, 30)
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]).double()
    moved = torch.zeros((), dtype=torch.float64, requires_grad=True)
    flat = scene.verts[:, :2] - torch.stack([moved, moved * 0])
    verts = torch.cat([flat @ turn, scene.verts[:, 2:]], 1)
    (slope,) = torch.autograd.grad(coverage(scene, verts, (64, 64)).mean(), moved)
    assert abs(float(slope) / (_chord(angle, 0.07) / 4) - 1) < 0.02  # the picture is 2 x 2


def _chord(angle: float, distance: float) -> float:
    """Length of the line x cos + y sin = distance within the picture, by fine steps along it."""
    along = np.linspace(-2, 2, 400_001)
    x = distance * math.cos(angle) - along * math.sin(angle)
    y = distance * math.sin(angle) + along * math.cos(angle)
    return float((np.maximum(np.abs(x), np.abs(y)) <= 1).mean() * 4)


@pytest.mark.parametrize("level", [2, 4, 6])
def test_a_disc_grows(level: int) -> None:
    """Of faces larger than pixels, and of much smaller ones: the area's derivative is the outline's."""
    scene = sphere(level, 0.6)
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    center = torch.tensor([0.012, -0.023, 2], dtype=torch.float64)

    def area(scale: Tensor, size: int) -> Tensor:
        return coverage(scene, (scene.verts - center) * scale + center, (size, size)).mean()

    covered = area(scale, 96)
    (slope,) = torch.autograd.grad(covered, scale)
    exact = area(scale.detach(), 768)  # a polygon's area is of the second order in its scale
    assert abs(float(covered.detach() / exact) - 1) < 2e-3
    assert abs(float(slope / (2 * exact)) - 1) < 1e-2


def test_a_disc_moves_out_of_the_picture() -> None:
    """What it covers falls by the chord at the picture's border; central differences agree as well."""
    scene = sphere(4, 0.6, at=(0.8, 0.01))
    step = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def area(step: Tensor) -> Tensor:
        offset = torch.stack([step, 0 * step, 0 * step])
        return coverage(scene, scene.verts + offset, (128, 128)).mean()

    (slope,) = torch.autograd.grad(area(step), step)
    chord = 2 * math.sqrt(0.6**2 - 0.2**2) / 4
    assert abs(float(slope) / -chord - 1) < 1e-2
    difference = (area(step.detach() + 0.02) - area(step.detach() - 0.02)) / 0.04
    assert abs(float(slope / difference) - 1) < 1e-2


def test_edges_of_fine_meshes_come_near_to_supersampling() -> None:
    scene = sphere(6, 0.6)
    smooth = coverage(scene, scene.verts, (48, 48))[0]
    many = (rasterize_meshes(*scene, (768, 768)).pix_to_face[0, ..., 0] >= 0).double()
    exact = many.reshape(48, 16, 48, 16).mean((1, 3))
    partly = (exact > 0) & (exact < 1)
    hard = (rasterize_meshes(*scene, (48, 48)).pix_to_face[0, ..., 0] >= 0).double()
    error, before = ((picture - exact)[partly].square().mean().sqrt() for picture in (smooth, hard))
    assert error < 0.05 < 0.25 < before
    assert torch.equal(smooth[~partly], exact[~partly])


# -- What stays as it is


def test_a_quad_shows_no_seam_on_its_diagonal() -> None:
    scene = quad(0.9, -0.8, -0.7, 0.85)
    fragments = fragments_of(scene, (40, 40))
    color = random_color(fragments)
    image = blend(antialias, scene, fragments, color)
    covered = fragments.pix_to_face[..., 0] >= 0
    inner = covered.clone()
    for dim in (1, 2):
        inner &= covered.roll(1, dim) & covered.roll(-1, dim)
    assert len(fragments.pix_to_face[inner].unique()) == 2  # the diagonal is within
    assert torch.equal(image[inner], color[inner])
    assert not torch.equal(image[covered], color[covered])


def test_a_fold_that_shows_both_sides_is_no_silhouette() -> None:
    """Two walls that meet in a ridge; from beside, where one hides the other, it is one."""
    faces = torch.tensor([[0, 1, 2], [1, 0, 3]])
    first = torch.tensor([0, 2])
    ridge = [[0.01, -3.0, 1], [0.02, 3, 1]]
    fronts = Scene(torch.tensor([*ridge, [-3, 0.0, 2], [3, 0, 2]]).double(), faces, first)
    folded = Scene(torch.tensor([*ridge, [-3, 0.0, 2], [-3, 0.0, 3]]).double(), faces, first)
    for scene, untouched in ((fronts, True), (folded, False)):
        fragments = fragments_of(scene, (9, 10))
        rows = slice(3, 6)
        color = random_color(fragments)
        image = blend(antialias, scene, fragments, color)
        assert torch.equal(image[:, rows], color[:, rows]) == untouched


@pytest.mark.parametrize("name", SCENES)
def test_constant_colours_and_ranges(name: str) -> None:
    scene = SCENES[name]
    fragments = fragments_of(scene, (40, 30))
    constant = torch.full_like(random_color(fragments), 0.3)
    assert torch.equal(blend(antialias, scene, fragments, constant), constant)
    color = random_color(fragments)
    image = blend(antialias, scene, fragments, color)
    assert image.min() >= color.min() - 1e-12
    assert image.max() <= color.max() + 1e-12
    assert not torch.equal(image, color)


def test_a_lone_pixel_shares_itself_out() -> None:
    """A triangle smaller than a pixel: four edges would take more than all of it."""
    verts = torch.tensor([[0.04, -0.03, 1], [-0.05, -0.02, 1], [0.01, 0.06, 1]]).double()
    scene = Scene(verts, torch.tensor([[0, 1, 2]]), torch.tensor([0, 1]))
    alpha = coverage(scene, verts, (5, 5))[0]
    assert 0 <= alpha[2, 2] < 0.4
    assert (alpha >= 0).all()


def test_hidden_edges_get_no_gradient() -> None:
    wall, behind = quad(0.9, -0.9, -0.9, 0.9), sphere(2, 0.4)
    verts = torch.cat([wall.verts, behind.verts]).requires_grad_()
    faces = torch.cat([wall.faces, behind.faces + 4])
    scene = Scene(verts.detach(), faces, torch.tensor([0, len(faces)]))
    fragments = fragments_of(scene, (32, 32))
    blend(antialias, scene, fragments, random_color(fragments), verts).square().sum().backward()
    assert (verts.grad[4:] == 0).all()
    assert (verts.grad[:4, :2] != 0).all()


def test_faces_cut_by_the_near_plane_stay_as_they_are() -> None:
    scene = quad(0.9, -0.8, -0.7, 0.85)
    cut = scene.verts.clone()
    cut[2:, 2] = 0.2
    cut.requires_grad_()
    fragments = rasterize_meshes(cut, scene.faces, scene.first, (32, 32), z_near=0.5).detach()
    hard = (fragments.pix_to_face >= 0).double()
    assert 0 < hard.mean() < 1
    image = blend(antialias, scene, fragments, hard, cut, z_near=0.5)
    assert torch.equal(image, hard)
    assert (torch.autograd.grad(image.sum(), cut)[0] == 0).all()


# -- Batches, order, repetition


def test_permuted_faces_and_split_batches_change_nothing() -> None:
    one, two = sphere(3), sphere(2, 0.4, (-0.5, 0.3))
    faces = torch.cat([one.faces, two.faces + len(one.verts)])
    verts = torch.cat([one.verts, two.verts])
    ends = [0, len(one.faces), len(faces), len(faces)]
    scene = Scene(verts, faces, torch.tensor(ends))
    generator = torch.Generator().manual_seed(0)

    def gradient(scene: Scene) -> tuple[Tensor, Tensor]:
        verts = scene.verts.clone().requires_grad_()
        alpha = coverage(scene, verts, (48, 40))
        weight = torch.linspace(0, 1, 48 * 40, dtype=verts.dtype).reshape(48, 40)
        return alpha.detach(), torch.autograd.grad((alpha * weight).sum(), verts)[0]

    alpha, grad = gradient(scene)
    order = torch.cat(
        [start + torch.randperm(end - start, generator=generator) for start, end in itertools.pairwise(ends)]
    )
    for x, want in zip(gradient(scene._replace(faces=faces[order])), (alpha, grad), strict=True):
        torch.testing.assert_close(x, want, rtol=1e-12, atol=1e-12)
    alone = [gradient(one), gradient(two)]
    assert torch.equal(torch.cat([picture for picture, _ in alone]), alpha[:2])
    assert torch.equal(torch.cat([grads for _, grads in alone]), grad)
    assert (alpha[2] == 0).all()


def test_gradients_repeat_bitwise(restore_native: None) -> None:
    scene = soup(1, 300, 500, torch.float32)
    fragments = fragments_of(scene, (150, 170))
    color = random_color(fragments)
    want = results(antialias, scene, fragments, color)
    for threads in (1, 2, 5):
        _native.set_num_threads(threads)
        for _ in range(7):
            assert all(map(torch.equal, results(antialias, scene, fragments, color), want))


# -- Extremes


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e20, 1e38])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_wild_vertices_give_finite_gradients(value: float, axis: int) -> None:
    scene = sphere(2, dtype=torch.float32)
    verts = scene.verts.clone()
    verts[::9, axis] = value
    verts.requires_grad_()
    alpha = coverage(scene, verts, (40, 40))
    assert torch.isfinite(alpha).all()
    alpha.square().sum().backward()
    assert torch.isfinite(verts.grad).all()


def test_slivers_and_repeated_vertices_give_finite_gradients() -> None:
    rng = np.random.default_rng(0)
    verts = torch.from_numpy(rng.uniform((-1, -1, 0.5), (1, 1, 3), (400, 3))).float()
    verts[::4] = verts[1::4] + torch.from_numpy(rng.normal(0, 1e-6, (100, 3))).float()
    faces = torch.from_numpy(rng.integers(400, size=(600, 3)))
    faces[::2] = torch.arange(200).repeat_interleave(2)[:300, None] * 2 + torch.tensor([0, 1, 2])
    faces[5::9, 1] = faces[5::9, 0]
    faces %= 400
    scene = Scene(verts, faces, torch.tensor([0, 600]))
    fragments = fragments_of(scene, (64, 64))
    for result in results(antialias, scene, fragments, random_color(fragments)):
        assert torch.isfinite(result).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_pictures_of_one_row_or_column(size: tuple[int, int]) -> None:
    scene = soup(0)
    fragments = fragments_of(scene, size)
    color = random_color(fragments)
    got = results(antialias, scene, fragments, color)
    for x, want in zip(got, results(reference.antialias, scene, fragments, color), strict=True):
        torch.testing.assert_close(x, want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 4, 4, 0), (2, 4, 4, 3)])
def test_empty(shape: tuple[int, ...]) -> None:
    count, height, width, _ = shape
    scene = Scene(
        torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64), torch.zeros(count + 1, dtype=torch.int64)
    )
    fragments = fragments_of(scene, (height, width))
    color, verts = torch.rand(shape, requires_grad=True), scene.verts.clone().requires_grad_()
    image = blend(antialias, scene, fragments, color, verts)
    assert torch.equal(image, color)
    image.sum().backward()
    assert verts.grad.shape == (0, 3)
    assert (color.grad == 1).all()


# -- PyTorch


@pytest.mark.parametrize("transposed", [False, True])
def test_registration(transposed: bool) -> None:
    scene = SCENES["sphere"]
    fragments = fragments_of(scene, (9, 11))
    color, verts, opposites = (
        random_color(fragments),
        scene.verts,
        opposite_corners(scene.faces, len(scene.verts)),
    )
    if transposed:
        color, verts = color.transpose(1, 2).contiguous().transpose(1, 2), verts.T.contiguous().T
    _, crossings, shares = module._fwd(
        color, fragments.pix_to_face, fragments.zbuf, verts, scene.faces, opposites, -math.inf
    )
    given = (color, fragments.pix_to_face, fragments.zbuf, verts, scene.faces, opposites, 0.1)
    learnt = tuple(x.clone().requires_grad_() if i in (0, 3) else x for i, x in enumerate(given))
    torch.library.opcheck(module._fwd.torch_op, learnt)
    torch.library.opcheck(module._bwd_color.torch_op, (color, shares))
    torch.library.opcheck(module._bwd_verts.torch_op, (color, color, crossings, shares, verts, scene.faces))


@pytest.mark.parametrize("known", [True, False])
def test_compiles_whole(known: bool) -> None:
    """With the rasterizer before it, forward and backward."""
    scene = SCENES["sphere"]
    opposites = opposite_corners(scene.faces, len(scene.verts)) if known else None

    def loss(verts: Tensor) -> Tensor:
        fragments = rasterize_meshes(verts, scene.faces, scene.first, (16, 16))
        hard = (fragments.pix_to_face >= 0).to(verts.dtype)
        image = antialias(hard, fragments.pix_to_face, fragments.zbuf, verts, scene.faces, opposites)
        return image.square().sum()

    found = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        verts = scene.verts.clone().requires_grad_()
        value = function(verts)
        found.append((value, *torch.autograd.grad(value, verts)))
    for x, y in zip(*found, strict=True):
        torch.testing.assert_close(x, y)


def test_autocast_computes_in_float32() -> None:
    scene = sphere(2, dtype=torch.float32)
    fragments = fragments_of(scene, (16, 16))
    color = random_color(fragments).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        image = blend(antialias, scene, fragments, color)
    assert image.dtype == torch.float32
    assert torch.equal(image, blend(antialias, scene, fragments, color.float()))


def test_bad_input_is_named() -> None:
    scene = SCENES["sphere"]
    fragments = fragments_of(scene, (8, 8))
    ids, color = fragments.pix_to_face, random_color(fragments)
    right = {
        "color": color,
        "pix_to_face": ids,
        "zbuf": fragments.zbuf,
        "verts": scene.verts,
        "faces": scene.faces,
        "opposites": opposite_corners(scene.faces, len(scene.verts)),
    }
    antialias(**right)
    for match, change in (
        (r"color must have shape \(N, H, W, C\), got \(8, 8, 3\)$", {"color": color[0]}),
        (r"pix_to_face must have shape \(N, H, W, K\) with N = 1 and H = 8", {"pix_to_face": ids[:, 1:]}),
        (r"pix_to_face must be int64, got int32$", {"pix_to_face": ids.int()}),
        (r"zbuf must be float64, got float32$", {"zbuf": fragments.zbuf.float()}),
        (r"verts must be float64, got float32$", {"verts": scene.verts.float()}),
        (r"color must be float32 or float64, got float16$", {"color": color.half()}),
        (r"opposites must have shape \(F, 3\) with F = 80", {"opposites": right["opposites"][1:]}),
        (r"z_near must be a number, got nan$", {"z_near": math.nan}),
        (r"color is on meta, pix_to_face is on cpu", {"color": color.to("meta")}),
        (
            r"pix_to_face must have at least one slot",
            {"pix_to_face": ids[..., :0], "zbuf": fragments.zbuf[..., :0]},
        ),
    ):
        with pytest.raises(ValueError, match=rf"^antialias: {match}"):
            antialias(**{**right, **change})
    for match, change in (
        (r"pix_to_face holds 80, outside \[-1, 80\)", {"pix_to_face": torch.where(ids >= 0, 80, ids)}),
        (r"face \d+ names a vertex outside \[0, 20\)", {"verts": scene.verts[:20]}),
    ):
        with pytest.raises(IndexError, match=rf"^antialias: {match}"):
            antialias(**{**right, **change})


def test_a_table_of_other_faces_does_no_harm() -> None:
    """What it leads to is wrong, but nothing outside the arrays is read, and no walk is endless."""
    scene = SCENES["sphere"]
    fragments = fragments_of(scene, (32, 32))
    color = random_color(fragments)
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(-5, 3 * len(scene.faces) + 5, scene.faces.shape, generator=generator).int()
    image = antialias(color, fragments.pix_to_face, fragments.zbuf, *scene[:2], table)
    assert image.min() >= 0
    assert image.max() <= 1
