"""The shading kernel against its reference, and both against answers that others recorded."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from r3d_cli import _native
from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes
from r3d_cli.backend.shade_meshes import SHADINGS, Surface, shade_meshes
from r3d_cli.reference.shade_meshes import encode_srgb
from r3d_cli.reference.shade_meshes import shade_meshes as reference
from r3d_cli.scene.camera import Camera
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.surface import mip_levels

HALF_CODES = srgb_to_linear(np.arange(511) / 510)
NO_TEXTURES = (np.empty((0, 4), np.uint8), np.empty((0, 7), np.int64), HALF_CODES)


def white(specular=(0.0, 0.0, 0.0), shininess: float = 32.0) -> tuple[np.ndarray, np.ndarray]:
    """A material table with one white, opaque material."""
    values = np.array([[1, 1, 1, 1, 0, 0, 0, *specular, shininess, 0.5]])
    return values, np.array([[-1, -1, 0, 0]], np.int32)


def as_real(dtype: type, *arrays):
    """The floating arrays of a (named) tuple in one type."""
    cast = [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in arrays]
    return cast


def as_tensors(arrays):
    return type(arrays)(*(None if a is None else torch.from_numpy(a) for a in arrays))


@dataclass
class Scene:
    fragments: Fragments
    surface: Surface
    lights: np.ndarray
    camera: np.ndarray
    background: np.ndarray
    options: dict

    def shade(self, **more):
        return shade_meshes(
            self.fragments, self.surface, self.lights, self.camera, self.background, **self.options, **more
        )

    def reference(self) -> np.ndarray:
        options = {
            k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in self.options.items()
        }
        pixels = reference(
            as_tensors(self.fragments),
            as_tensors(self.surface),
            *map(torch.from_numpy, (self.lights, self.camera, self.background)),
            **options,
        )
        return pixels.numpy()


def random_scene(seed: int, dtype: type = np.float64, faces: int = 40, layers: int = 6, **options) -> Scene:
    """Triangles before the camera with all that a surface may have."""
    rng = np.random.default_rng(seed)
    perspective = bool(rng.integers(2))
    count = 3 * faces
    center = np.repeat(rng.uniform([-1, -1, 2], [1, 1, 5], (faces, 3)), 3, axis=0)
    verts = center + rng.normal(size=(count, 3)) * 0.6
    verts[:, 2] = np.maximum(verts[:, 2], 0.5)

    def corners(top: int) -> np.ndarray:
        return rng.integers(-1, top, (faces, 3))

    textures, levels, first = [], [], 0
    for height, width, wraps, kind in (
        (16, 8, (0, 2), 0),
        (5, 7, (1, 0), 0),
        (4, 4, (2, 1), 1),
        (1, 1, (0, 0), 0),
    ):
        chain = mip_levels(rng.integers(0, 256, (height, width, 4), dtype=np.uint8))
        textures.append([first, width, height, len(chain), *wraps, kind])
        levels += [level.reshape(-1, 4) for level in chain]
        first += sum(len(level.reshape(-1, 4)) for level in chain)
    materials = np.concatenate(
        [rng.uniform(0, 1, (6, 10)), rng.uniform(1, 60, (6, 1)), rng.uniform(0.2, 0.8, (6, 1))], axis=1
    )
    codes = np.array(
        [[0, -1, 0, 0], [1, 2, 1, 0], [2, 1, 2, 0], [-1, -1, 0, 1], [0, 3, 2, 1], [-1, 0, 0, 0]], np.int32
    )
    surface = Surface(
        verts,
        np.arange(count).reshape(faces, 3),
        rng.normal(size=(20, 3)) if seed % 5 else None,
        corners(20),
        rng.normal(size=(25, 2)) * 2 if seed % 7 else None,
        corners(25),
        rng.uniform(0, 1, (count, 4)) if seed % 3 else None,
        rng.integers(0, 6, faces).astype(np.int32) if seed % 4 else None,
        materials,
        codes,
        np.concatenate(levels),
        np.array(textures, np.int64),
        HALF_CODES,
    )
    lights = np.concatenate(
        [rng.normal(size=(3, 4)), rng.uniform(0, 0.5, (3, 9)), rng.uniform(0, 1, (3, 1))], axis=1
    )
    lights[:, 3] = [0, 1, 1]
    camera = np.array([0.0, 0, 0, 1] if perspective else [0.0, 0, -1, 0])
    side = options.get("supersampling", 1)
    view = Camera(np.eye(3), np.zeros(3), 60.0, None if perspective else 1.5)
    surface = Surface(*as_real(dtype, *surface))
    fragments = rasterize_meshes(
        view.to_ndc(surface.verts),
        surface.faces,
        np.array([0, faces], np.int64),
        (12 * side, 20 * side),
        faces_per_pixel=layers,
        perspective_correct=perspective,
    )
    options["focal"] = view.focal * 6 * side
    if seed % 4 == 1:
        options["backdrop"] = rng.integers(0, 256, (12, 20, 4), dtype=np.uint8)
    if seed % 4 >= 2:
        options["wireframe"] = np.array([*rng.uniform(0, 1, 3), 0.003], dtype)
    rest = as_real(dtype, lights, camera, rng.uniform(0, 1, 4))
    return Scene(fragments, surface, *rest, options)


@pytest.mark.parametrize("shading", SHADINGS)
@pytest.mark.parametrize("two_sided", [True, False])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_kernel_equals_the_reference(seed, shading, two_sided):
    scene = random_scene(
        seed, shading=shading, two_sided=two_sided, supersampling=1 + seed % 3, layers=1 + seed % 6
    )
    pixels = scene.shade(want_linear=True)
    expected = scene.reference()
    # What passes a pile of blended fragments counts as nothing below 1/1024.
    np.testing.assert_allclose(pixels.linear[..., 3], expected[..., 3], atol=1 / 1024)
    seen = expected[..., 3] > 0.05
    np.testing.assert_allclose(pixels.linear[seen], expected[seen], atol=0.02 if seed % 6 else 1e-9)


def test_without_blending_the_kernel_is_exact():
    for seed in range(12):
        scene = random_scene(seed, supersampling=2)
        opaque = scene.surface.material_codes.copy()
        opaque[opaque[:, 2] == 2, 2] = 0
        scene.surface = scene.surface._replace(material_codes=opaque)
        np.testing.assert_allclose(scene.shade(want_linear=True).linear, scene.reference(), atol=1e-10)


def test_float32_is_near_float64():
    for seed in range(8):
        narrow, wide = (
            random_scene(seed, dtype, layers=1).shade(want_linear=True).linear
            for dtype in (np.float32, np.float64)
        )
        assert narrow.dtype == np.float32
        assert np.quantile(np.abs(narrow - wide), 0.99) < 1e-4


def test_the_image_is_the_encoded_light():
    scene = random_scene(11, supersampling=2)
    pixels = scene.shade(want_linear=True)
    linear = torch.from_numpy(pixels.linear)
    assert (pixels.image[..., :3] == encode_srgb(linear[..., :3]).numpy()).mean() > 0.999
    np.testing.assert_array_equal(
        pixels.image[..., 3], np.floor(pixels.linear[..., 3].clip(0, 1) * 255 + 0.5)
    )
    raw = scene.shade(srgb=False).image
    np.testing.assert_array_equal(raw, np.floor(pixels.linear.clip(0, 1) * 255 + 0.5))


def test_encoding_is_exact_at_every_code():
    """Linear light a hair below and above each half code; a background shows it as it is."""
    values = (HALF_CODES[1::2, None] * (1 + np.array([-1e-6, 1e-6]))).ravel()
    fragments = Fragments(
        np.full((1, 1, 1, 1), -1), np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1, 3)), np.zeros((1, 1, 1, 1))
    )
    surface = Surface(
        np.zeros((1, 3)),
        np.zeros((1, 3), np.int64),
        None,
        None,
        None,
        None,
        None,
        None,
        *white(),
        *NO_TEXTURES,
    )
    codes = [
        shade_meshes(fragments, surface, np.empty((0, 14)), [0, 0, 0, 1], [value, 0, 1, 1]).image[0, 0, 0]
        for value in values
    ]
    np.testing.assert_array_equal(codes, np.repeat(np.arange(256), 2)[1:-1])


@pytest.mark.parametrize("kind", ["phong", "flat"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_phong_and_flat_equal_the_recorded_pictures(kind, dtype, shared_data):
    recorded = np.load(shared_data / "pytorch3d_cases" / f"shade_hard_{kind}.npz")
    for n in range(2):
        verts, faces = recorded[f"verts_{n}"].astype(dtype), recorded[f"faces_{n}"]
        R, T = recorded["R"][n].astype(float), recorded["T"][n].astype(float)
        camera = Camera(R, T, fov=60.0)
        from r3d_cli.scene.normals import compute_vertex_normals

        fragments = rasterize_meshes(
            camera.project(verts),
            faces,
            np.array([0, len(faces)]),
            (32, 32),
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        colors = np.concatenate([recorded[f"colors_{n}"], np.ones((len(verts), 1))], axis=1)
        surface = Surface(
            verts,
            faces,
            compute_vertex_normals(verts, faces),
            faces,
            None,
            None,
            colors,
            None,
            *white((0.3, 0.4, 0.5)),
            *NO_TEXTURES,
        )
        light = np.array([[1, 2, 3, 1, *[0.5] * 3, *[0.3] * 3, *[0.2] * 3, 0]])
        pixels = shade_meshes(
            fragments,
            Surface(*as_real(dtype, *surface)),
            light,
            [*camera.center, 1.0],
            [0.1, 0.2, 0.3, 1.0],
            shading=kind,
            two_sided=False,
            want_linear=True,
        )
        # A pixel centre on the outline may fall to either side: those pixels alone may differ.
        apart = np.abs(pixels.linear[..., :3] - recorded["image"][n, ..., :3]).max(axis=-1)
        assert (apart > 2e-4).sum() <= 2
        assert (pixels.linear[..., :3] != [0.1, 0.2, 0.3]).any(axis=-1).sum() > 150


@pytest.mark.parametrize("wrap", [0, 1, 2])
@pytest.mark.parametrize("kind", ["bilinear", "nearest"])
def test_the_reference_reads_textures_as_recorded(kind, wrap, shared_data):
    """TexturesUV with texel centres at half integers; inside the image all wraps agree but for the border."""
    recorded = np.load(shared_data / "pytorch3d_cases" / f"texture_uv_{kind}_centre.npz")
    from r3d_cli.reference import shade_meshes as module

    image = torch.from_numpy(recorded["maps"][0])
    faces_uvs, uvs = recorded["faces_uvs"], recorded["verts_uvs"]
    ids, bary = recorded["pix_to_face"][0], recorded["bary_coords"][0]
    uv = (bary[..., None] * uvs[faces_uvs[ids.clip(0)]]).sum(-2)
    height, width = image.shape[:2]
    inside = (ids >= 0) & (
        (uv * [width, height] > 0.5) & (uv * [width, height] < np.array([width, height]) - 0.5)
    ).all(-1)
    names = ("repeat", "clamp", "mirror")
    u, v = torch.from_numpy(uv[inside]).unbind(-1)
    if kind == "bilinear":
        texels = module._bilinear(image, u, v, (names[wrap], names[wrap]))
    else:
        row = module._wrap(torch.floor((1 - v) * height), height, names[wrap])
        texels = image[row, module._wrap(torch.floor(u * width), width, names[wrap])]
    assert inside.sum() > 50
    np.testing.assert_allclose(texels, recorded["texels"][0][inside], atol=1e-5)


def test_running_out_of_fragments_is_told():
    scene = random_scene(1, layers=1)
    glass = scene.surface.materials.copy()
    glass[:, 3] = 0.3
    codes = np.full_like(scene.surface.material_codes, -1)
    codes[:, 2:] = [2, 0]
    scene.surface = scene.surface._replace(materials=glass, material_codes=codes)
    assert not scene.shade().finished
    codes[:, 2] = 0
    assert scene.shade().finished


@pytest.fixture
def restored():
    yield
    _native.set_num_threads(0)
    _native.set_isa(_native.isas()[-1])


def test_the_number_of_threads_changes_nothing(restored):
    scene = random_scene(5, np.float32, supersampling=2)
    _native.set_num_threads(1)
    alone = scene.shade(want_linear=True)
    for threads in (2, 3, 7):
        _native.set_num_threads(threads)
        together = scene.shade(want_linear=True)
        assert together.image.tobytes() == alone.image.tobytes()
        assert together.linear.tobytes() == alone.linear.tobytes()


def test_instruction_sets_agree(restored):
    scene = random_scene(5, np.float32, supersampling=2)
    images = []
    for isa in _native.isas():
        _native.set_isa(isa)
        images.append(scene.shade().image.astype(int))
    assert all(np.abs(image - images[0]).max() <= 1 for image in images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normals": np.zeros((3, 2))}, r"normals must have shape \(any, 3\), got \(3, 2\)"),
        ({"uvs": np.zeros((3, 2), np.float32)}, "uvs must be float64, got float32"),
        ({"verts": np.zeros((120, 3), np.int32)}, "verts must be float32 or float64, got int32"),
        ({"colors": np.zeros((4, 120)).T}, "colors must be C-contiguous"),
        ({"faces_uvs": None}, "faces_uvs must be int64, got None"),
        ({"backdrop": np.zeros((12, 20, 3), np.uint8)}, r"backdrop must have shape \(12, 20, 4\)"),
        ({"wireframe": np.zeros(3)}, r"wireframe must have shape \(4\), got \(3,\)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    scene = random_scene(1)
    if change.keys() <= {"backdrop", "wireframe"}:
        scene.options.update(change)
    else:
        scene.surface = scene.surface._replace(**change)
    with pytest.raises(ValueError, match=message):
        scene.shade()


@pytest.mark.parametrize("name", ["faces", "faces_normals", "faces_uvs", "faces_material", "material_codes"])
def test_an_id_past_its_table_is_named(name):
    scene = random_scene(1)
    ids = getattr(scene.surface, name).copy()
    ids.flat[0] = 1000
    scene.surface = scene.surface._replace(**{name: ids})
    with pytest.raises(IndexError, match=f"{name} points outside"):
        scene.shade()


def test_not_a_number_shades_to_something_and_harms_nothing():
    scene = random_scene(3, np.float32)
    expected = scene.shade().image
    wild = scene.surface.uvs.copy()
    wild[::2] = [np.nan, np.inf]
    wild[1::4] = 1e30
    surface = scene.surface._replace(uvs=wild)
    image = shade_meshes(
        scene.fragments, surface, scene.lights, scene.camera, scene.background, **scene.options
    ).image
    empty = scene.fragments.pix_to_face[0, ..., 0] < 0
    assert empty.any()
    np.testing.assert_array_equal(image[empty], expected[empty])
    assert math.isfinite(image.astype(float).sum())


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulation needs g++")
@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cuda_kernel_equals_the_cpu_schedule(dtype, order):
    from r3d_cli.backend.emulation import Emulation

    device = Emulation(order=order)
    for seed, shading in enumerate(SHADINGS):
        scene = random_scene(seed + 21, dtype, shading=shading, supersampling=1 + seed % 2, layers=3)
        on_cpu, on_cuda = scene.shade(want_linear=True), scene.shade(want_linear=True, device=device)
        assert on_cpu.finished == on_cuda.finished
        close = 1e-3 if dtype is np.float32 else 1e-9
        np.testing.assert_allclose(on_cuda.linear, on_cpu.linear, atol=close)
        assert np.abs(on_cuda.image.astype(int) - on_cpu.image).max() <= 1
    without_alpha = scene.shade(channels=3, device=device).image
    np.testing.assert_array_equal(without_alpha, on_cuda.image[..., :3])
    np.testing.assert_array_equal(scene.shade(channels=3).image, on_cpu.image[..., :3])
    only_linear = scene.shade(want_image=False, want_linear=True, device=device)
    assert only_linear.image is None
    np.testing.assert_array_equal(only_linear.linear, on_cuda.linear)
