"""Fused soft silhouettes against the reference, against blended fragments, and where they are hard."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import _native
from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.ops import soft_silhouette as module
from r3d_cli.ops.rasterize_meshes import rasterize_meshes
from r3d_cli.ops.soft_silhouette import soft_silhouette
from r3d_cli.reference import soft_silhouette as reference
from r3d_cli.renderer.blending import BlendParams, uncovered

Mesh = tuple[Tensor, Tensor, Tensor]
SETTINGS: dict[str, dict[str, Any]] = {
    "hard": {},
    "blurred": {"blur_radius": 0.01},
    "perspective": {"blur_radius": 0.01, "perspective_correct": True},
    "planes": {"blur_radius": 0.01, "perspective_correct": True, "z_near": 1.0, "z_far": 2.2},
    "bounded, culled": {"blur_radius": 0.01, "clip_barycentric_coords": True, "cull_backfaces": True},
}


def soup(
    dtype: torch.dtype = torch.float64, num_faces: int = 40, seed: int = 0, behind: bool = False
) -> Mesh:
    """Two meshes, an empty one between them: faces that share vertices and intersect, slivers among them, and
    perhaps some that are partly or wholly behind the camera."""
    rng = np.random.default_rng(seed)
    verts = rng.uniform((-1.3, -1.3, 0.3), (1.3, 1.3, 3), (30, 3))
    if behind:
        verts[:4, 2] *= -1
    verts[6:9] = verts[3:6] + rng.normal(size=(3, 3)) * 1e-4
    faces = np.stack([rng.permutation(30)[:3] for _ in range(num_faces)])
    faces[0], faces[1] = (0, 1, 2), (3, 6, 12)
    first = torch.tensor([0, num_faces // 2, num_faces // 2, num_faces])
    return torch.from_numpy(verts).to(dtype), torch.from_numpy(faces), first


def upstream(alpha: Tensor, seed: int = 0) -> Tensor:
    return torch.randn(alpha.shape, dtype=alpha.dtype, generator=torch.Generator().manual_seed(seed))


def value_and_gradient(silhouette: Any, mesh: Mesh, *arguments: Any, **options: Any) -> tuple[Tensor, Tensor]:
    verts = mesh[0].clone().requires_grad_()
    alpha = silhouette(verts, *mesh[1:], *arguments, **options)
    return alpha.detach(), torch.autograd.grad(alpha, verts, upstream(alpha))[0]


def of_fragments(
    verts: Tensor,
    faces: Tensor,
    first: Tensor,
    image_size: tuple[int, int],
    *,
    sigma: float,
    faces_per_pixel: int | None,
    **settings: Any,
) -> Tensor:
    """What the fused op replaces: fragments, blended by the shader's own function."""
    K = len(faces) if faces_per_pixel is None else faces_per_pixel
    fragments = rasterize_meshes(verts, faces, first, image_size, faces_per_pixel=K, **settings)
    return 1 - uncovered(fragments, BlendParams(sigma=sigma))


def assert_close(got: tuple[Tensor, Tensor], want: tuple[Tensor, Tensor], tolerance: float) -> None:
    torch.testing.assert_close(got[0], want[0], rtol=0, atol=tolerance)
    scale = float(want[1].abs().max())
    assert scale > 0
    torch.testing.assert_close(got[1], want[1], rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("faces_per_pixel", [None, 1, 3])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
@pytest.mark.usefixtures("isa")
def test_equals_the_reference(settings: dict[str, Any], faces_per_pixel: int | None, seed: int) -> None:
    # With perspective and no near plane, faces through the camera have depths without bounds.
    mesh = soup(seed=seed, behind="perspective_correct" not in settings or "z_near" in settings)
    options: dict[str, Any] = {"sigma": 3e-3, "faces_per_pixel": faces_per_pixel, **settings}
    want = value_and_gradient(reference.soft_silhouette, mesh, (10, 15), **options)
    assert 0.1 < float(want[0].mean()) < 0.95
    assert_close(value_and_gradient(soft_silhouette, mesh, (10, 15), **options), want, 1e-9)


@pytest.mark.parametrize("faces_per_pixel", [None, 1, 8, 40])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_equals_blended_fragments(settings: dict[str, Any], faces_per_pixel: int | None) -> None:
    """K faces exactly as K slots hold them, more than the CPU keeps of a pixel at once among the Ks."""
    mesh = soup(torch.float32, num_faces=300, behind=True)
    options: dict[str, Any] = {"sigma": 3e-3, "faces_per_pixel": faces_per_pixel, **settings}
    want = value_and_gradient(of_fragments, mesh, (33, 40), **options)
    assert_close(value_and_gradient(soft_silhouette, mesh, (33, 40), **options), want, 1e-5)
    torch.testing.assert_close(soft_silhouette(*mesh, (33, 40), **options), want[0], rtol=0, atol=1e-6)


def test_more_faces_than_are_kept_at_once() -> None:
    """Limits found in several passes: 500 faces through each pixel, 150 of which count."""
    rng = np.random.default_rng(0)
    verts = rng.normal((0, 0, 2), (0.1, 0.1, 0.3), (1500, 3)) + np.tile(
        [[-4, -4, 0], [4, -4, 0], [0, 5, 0]], (500, 1)
    )
    mesh = torch.from_numpy(verts), torch.arange(1500).reshape(-1, 3), torch.tensor([0, 500])
    options: dict[str, Any] = {"sigma": 100.0, "faces_per_pixel": 150, "perspective_correct": True}
    want = value_and_gradient(of_fragments, mesh, (5, 6), **options)
    fewer = value_and_gradient(of_fragments, mesh, (5, 6), **{**options, "faces_per_pixel": 140})
    assert not torch.allclose(want[1], fewer[1], rtol=1e-3, atol=0)
    assert_close(value_and_gradient(soft_silhouette, mesh, (5, 6), **options), want, 1e-9)


def test_equal_depths_go_by_id() -> None:
    """Copies of a face: the K first count, and they alone have gradients."""
    verts = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1.5, 2]]).repeat(60, 1).requires_grad_()
    mesh = verts, torch.arange(180).reshape(-1, 3), torch.tensor([0, 60])
    alpha = soft_silhouette(*mesh, (20, 20), sigma=1.0, faces_per_pixel=10)
    one = soft_silhouette(*mesh, (20, 20), sigma=1.0, faces_per_pixel=1)
    torch.testing.assert_close(1 - alpha, (1 - one) ** 10)
    (grad,) = torch.autograd.grad(alpha.sum(), verts)
    moved = grad.reshape(60, 9).abs().sum(1) > 0
    assert moved.tolist() == [True] * 10 + [False] * 50


@pytest.mark.parametrize("faces_per_pixel", [None, 2])
@pytest.mark.parametrize("planes", [{}, {"z_near": 1.0, "z_far": 2.2}])
def test_gradcheck(planes: dict[str, float], faces_per_pixel: int | None) -> None:
    verts, faces, first = soup(num_faces=12, seed=3)
    settings: dict[str, Any] = {"blur_radius": 0.5, "perspective_correct": True, **planes}

    def alpha(verts: Tensor) -> Tensor:
        # A wide edge, at whose end faces come and go in steps too small for finite differences to see.
        return soft_silhouette(
            verts, faces, first, (4, 5), sigma=0.02, faces_per_pixel=faces_per_pixel, **settings
        )

    assert torch.autograd.gradcheck(alpha, (verts.requires_grad_(),), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("perspective", [False, True])
def test_gradients_of_bad_faces_are_finite(perspective: bool, dtype: torch.dtype) -> None:
    """20,000 slivers, edge-on, zero-area and near-plane faces, huge and tiny ones among them."""
    rng = np.random.default_rng(0)
    count = 4_000
    a = rng.uniform((-1, -1, 0.5), (1, 1, 3), (5 * count, 3))
    along, aside = rng.normal(size=(2, 5 * count, 3))
    kinds = np.repeat(np.arange(5), count)
    aside[kinds == 0] *= 10.0 ** rng.uniform(-30, -3, (count, 1))  # slivers
    aside[kinds == 1] = along[kinds == 1] * (1, 1, 5) * rng.uniform(0, 2, (count, 1))  # edge-on
    aside[kinds == 2] *= 0  # of zero area
    a[kinds == 3, 2] = 10.0 ** rng.uniform(-8, -1, count)  # near the plane, and behind the camera
    scale = np.where(kinds == 4, 10.0 ** rng.uniform(-25, 12, len(a)), 0.3)[:, None]
    verts = torch.from_numpy(np.stack([a, a + scale * along, a + scale * aside], 1).reshape(-1, 3)).to(dtype)
    faces, first = torch.arange(len(verts)).reshape(-1, 3), torch.arange(6) * count
    moved = torch.zeros(5, dtype=torch.bool)
    for faces_per_pixel in (None, 40):
        verts = verts.detach().requires_grad_()
        # So wide an edge that no pixel is wholly covered: each passes its gradient on to all of its faces.
        alpha = soft_silhouette(
            verts,
            faces,
            first,
            (24, 24),
            sigma=1e3,
            blur_radius=1e-3,
            faces_per_pixel=faces_per_pixel,
            perspective_correct=perspective,
            z_near=1e-4,
        )
        assert ((alpha >= 0) & (alpha <= 1)).all()
        (grad,) = torch.autograd.grad(alpha, verts, 1e6 * upstream(alpha))
        assert torch.isfinite(grad).all()
        moved |= grad.reshape(5, -1).any(1)
    assert moved.tolist() == [True, True, False, True, True]


@pytest.mark.usefixtures("restore_native")
def test_repeats_bitwise_whatever_the_threads() -> None:
    mesh = soup(torch.float32, num_faces=600, seed=7)
    options: dict[str, Any] = {"sigma": 1.0, "blur_radius": 0.01, "perspective_correct": True}
    for faces_per_pixel in (None, 12):
        runs = set()
        for threads in (1, 2, 7, *[2] * 17):
            _native.set_num_threads(threads)
            alpha, grad = value_and_gradient(
                soft_silhouette, mesh, (90, 110), faces_per_pixel=faces_per_pixel, **options
            )
            runs.add(alpha.numpy().tobytes() + grad.numpy().tobytes())
        assert len(runs) == 1


def test_the_order_of_faces_changes_nothing() -> None:
    mesh = soup(seed=3)
    verts, faces, first = mesh[0], mesh[1], torch.tensor([0, len(mesh[1])])
    order = torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))
    for faces_per_pixel in (None, 4):
        options: dict[str, Any] = {"sigma": 3e-3, "blur_radius": 0.01, "faces_per_pixel": faces_per_pixel}
        want = value_and_gradient(soft_silhouette, (verts, faces, first), (20, 20), **options)
        got = value_and_gradient(soft_silhouette, (verts, faces[order], first), (20, 20), **options)
        assert_close(got, want, 1e-12)


def test_a_batch_is_its_meshes_one_by_one() -> None:
    verts, faces, first = soup(torch.float32)
    options: dict[str, Any] = {"sigma": 3e-3, "blur_radius": 0.01, "faces_per_pixel": 3}
    together = soft_silhouette(verts, faces, first, (20, 30), **options)
    for i in range(3):
        own = faces[first[i] : first[i + 1]]
        alone = soft_silhouette(verts, own, torch.tensor([0, len(own)]), (20, 30), **options)
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=0)
    assert not together[1].any()


def test_nothing_in_gives_zeros() -> None:
    verts = torch.zeros(0, 3, requires_grad=True)
    for first in ([0], [0, 0, 0]):
        for faces_per_pixel in (None, 2):
            alpha = soft_silhouette(
                verts,
                torch.zeros(0, 3, dtype=torch.int64),
                torch.tensor(first),
                (4, 5),
                faces_per_pixel=faces_per_pixel,
            )
            assert alpha.shape == (len(first) - 1, 4, 5)
            assert not alpha.any()
            assert torch.autograd.grad(alpha.sum(), verts)[0].shape == (0, 3)


@pytest.mark.parametrize("faces_per_pixel", [None, 2])
def test_opcheck(faces_per_pixel: int | None) -> None:
    """With vertices that do not lie one after another."""
    verts, faces, first = soup(torch.float32)
    verts = verts.T.contiguous().T
    settings = RasterSettings(0.01, perspective_correct=True)
    rest = faces_per_pixel, 3e-3, *settings
    arguments = verts.requires_grad_(), faces, first, 4, 5, False, *rest
    torch.library.opcheck(module._fwd.torch_op, arguments)
    with torch.no_grad():
        output = module._fwd(*arguments)
    grad = upstream(output[0]).transpose(1, 2).contiguous().transpose(1, 2)
    torch.library.opcheck(
        module._bwd.torch_op, (verts.detach(), faces, first, *output, grad, None, None, *rest)
    )


@pytest.mark.parametrize("faces_per_pixel", [None, 2])
def test_compiles_whole(faces_per_pixel: int | None) -> None:
    verts, faces, first = soup(torch.float32)

    def loss(verts: Tensor, faces: Tensor, first: Tensor) -> Tensor:
        alpha = soft_silhouette(
            verts * 0.9, faces, first, (6, 7), sigma=3e-3, blur_radius=0.01, faces_per_pixel=faces_per_pixel
        )
        return (alpha - 0.5).square().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    grads = []
    for function in (loss, compiled):
        leaf = verts.clone().requires_grad_()
        function(leaf, faces, first).backward()
        grads.append(leaf.grad)
    assert grads[0].any()
    torch.testing.assert_close(grads[1], grads[0])


def test_halves_are_taken_under_autocast_only() -> None:
    verts, faces, first = soup(torch.float32)
    halves = verts.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        alpha = soft_silhouette(halves, faces, first, (6, 7), blur_radius=0.01)
    assert alpha.dtype == torch.float32
    torch.testing.assert_close(
        alpha, soft_silhouette(halves.detach().float(), faces, first, (6, 7), blur_radius=0.01)
    )
    assert torch.autograd.grad(alpha.sum(), halves)[0].dtype == torch.bfloat16
    with pytest.raises(ValueError, match="soft_silhouette: verts must be float32 or float64, got bfloat16"):
        soft_silhouette(halves, faces, first, (6, 7))


def test_has_no_second_derivative() -> None:
    verts, faces, first = soup()
    alpha = soft_silhouette(verts.requires_grad_(), faces, first, (6, 7), blur_radius=0.01)
    (grad,) = torch.autograd.grad(alpha.sum(), verts, create_graph=True)
    with pytest.raises(RuntimeError, match="soft_silhouette: has no second derivatives"):
        grad.sum().backward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0.0}, r"soft_silhouette: sigma must be a finite number > 0, got 0.0"),
        ({"sigma": -1e-4}, r"soft_silhouette: sigma must be a finite number > 0, got -0.0001"),
        ({"sigma": float("nan")}, r"soft_silhouette: sigma must be a finite number > 0, got nan"),
        ({"sigma": float("inf")}, r"soft_silhouette: sigma must be a finite number > 0, got inf"),
        ({"faces_per_pixel": 0}, r"soft_silhouette: faces_per_pixel must be at least 1, got 0"),
        ({"faces_per_pixel": -3}, r"soft_silhouette: faces_per_pixel must be at least 1, got -3"),
        ({"blur_radius": -1.0}, r"soft_silhouette: blur_radius must be a finite number >= 0, got -1.0"),
        ({"z_near": float("nan")}, r"soft_silhouette: z_near must be a number or None, got nan"),
        ({"verts": torch.zeros(3, 2)}, r"soft_silhouette: verts must have shape \(V, 3\), got \(3, 2\)"),
        ({"first": torch.tensor([0, 7])}, r"soft_silhouette: mesh_first_face must rise from 0 to"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    verts, faces, first = soup(torch.float32)
    mesh = options.pop("verts", verts), faces, options.pop("first", first)
    with pytest.raises(ValueError, match=message):
        soft_silhouette(*mesh, (4, 5), **options)


def test_a_face_past_the_vertices_is_named() -> None:
    verts, faces, first = soup(torch.float32)
    faces[7, 2] = 30
    with pytest.raises(IndexError, match=r"soft_silhouette: face 7 names a vertex outside \[0, 30\)"):
        soft_silhouette(verts, faces, first, (4, 5))


# Prints the peak of forward and backward above the inputs, bytes: four 512^2 pictures of an ico-sphere.
_PEAK = """
import sys, numpy as np, torch
from r3d_cli.bench.cases.soft_silhouette import BASE, make_inputs, ours
from r3d_cli.bench.memory import ResidentMeter
from r3d_cli.bench.suite import Place
faces, K = int(sys.argv[1]), int(sys.argv[2]) or None
case = {**BASE, "image": 512, "batch": 4, "faces": faces, "K": K or "all", "backward": True}
ours(make_inputs({**case, "faces": 80, "image": 16}, Place()))()
inputs = make_inputs(case, Place())
meter = ResidentMeter()
result = ours(inputs)()
print(meter.peak_bytes())
"""


def peak_bytes(faces: int, faces_per_pixel: int) -> int:
    command = [sys.executable, "-c", _PEAK, str(faces), str(faces_per_pixel)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_memory_grows_with_neither_the_faces_nor_k() -> None:
    """Under 40 MB for four pictures of 512^2; fragments of 50 faces would take 1.4 GB."""
    peaks = [peak_bytes(faces, K) for faces, K in ((5_120, 0), (5_120, 400), (81_920, 50))]
    assert max(peaks) < 40e6, peaks
