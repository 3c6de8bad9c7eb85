"""What programs written for PyTorch3D do besides calling documented functions: shaders of their own, cameras
given in calls, numbers and tuples where tensors are documented, classes derived from ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import renderer as r3d
from r3d_cli.structures import Meshes
from r3d_cli.utils import ico_sphere


def colored_sphere(level: int = 1, color: float = 1.0) -> Meshes:
    sphere = ico_sphere(level)
    sphere.textures = r3d.TexturesVertex(torch.full_like(sphere.verts_padded(), color))
    return sphere


POSES = r3d.look_at_view_transform(2.7, torch.tensor([10.0, -20.0]), torch.tensor([30.0, 200.0]))
POSE = tuple(part[:1] for part in POSES)


class Copied(r3d.ShaderBase):
    """A Phong shader as those that are copied from PyTorch3D's begin."""

    def forward(self, fragments: Any, meshes: Meshes, **kwargs: Any) -> Tensor:
        cameras = super()._get_cameras(**kwargs)
        lights = kwargs.get("lights", self.lights)
        materials = kwargs.get("materials", self.materials)
        blend_params = kwargs.get("blend_params", self.blend_params)
        texels = meshes.sample_textures(fragments)
        colors = r3d.phong_shading(meshes, fragments, lights, cameras, materials, texels)
        return r3d.hard_rgb_blend(colors, fragments, blend_params)


CAMERAS = {
    "fov": r3d.FoVPerspectiveCameras,
    "fov orthographic": r3d.FoVOrthographicCameras,
    "perspective": r3d.PerspectiveCameras,
    "orthographic": r3d.OrthographicCameras,
}


@pytest.mark.parametrize("make", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("shader", [Copied, r3d.HardPhongShader, r3d.SoftPhongShader, r3d.HardFlatShader])
def test_poses_given_in_a_call_are_those_of_the_picture(make: Any, shader: Any) -> None:
    """Also where the shader has cameras of its own."""
    settings = r3d.RasterizationSettings(image_size=24)
    R, T = POSE
    posed = make(R=R, T=T)
    expected = r3d.MeshRenderer(r3d.MeshRasterizer(posed, settings), shader(cameras=posed))(colored_sphere())
    rasterizers, shaders = make(), make()
    renderer = r3d.MeshRenderer(r3d.MeshRasterizer(rasterizers, settings), shader(cameras=shaders))
    torch.testing.assert_close(renderer(colored_sphere(), R=R, T=T), expected)
    for cameras in (rasterizers, shaders):
        torch.testing.assert_close(cameras.get_camera_center(), posed.get_camera_center())
    torch.testing.assert_close(renderer(colored_sphere()), expected)  # they stay
    torch.testing.assert_close(renderer(colored_sphere(), cameras=posed), expected)


@pytest.mark.parametrize("make", CAMERAS.values(), ids=CAMERAS)
def test_every_call_that_takes_a_pose_leaves_it_in_the_camera(make: Any) -> None:
    R, T = POSES
    points = torch.rand(5, 3)
    calls = {
        "transform_points": lambda c: c.transform_points(points, R=R, T=T),
        "transform_points_ndc": lambda c: c.transform_points_ndc(points, R=R, T=T),
        "transform_points_screen": lambda c: c.transform_points_screen(points, image_size=(8, 9), R=R, T=T),
        "unproject_points": lambda c: c.unproject_points(points, R=R, T=T),
        "get_world_to_view_transform": lambda c: c.get_world_to_view_transform(R=R, T=T),
        "get_full_projection_transform": lambda c: c.get_full_projection_transform(R=R, T=T),
        "get_camera_center": lambda c: c.get_camera_center(R=R, T=T),
        "rasterizer": lambda c: r3d.MeshRasterizer(c, r3d.RasterizationSettings(8))(ico_sphere(0), R=R, T=T),
    }
    for name, call in calls.items():
        cameras = make()
        call(cameras)
        torch.testing.assert_close(cameras.R, R, msg=name)
        torch.testing.assert_close(cameras.T, T, msg=name)
        assert len(cameras.clone()) == 2


def test_gradients_reach_a_pose_given_in_a_call() -> None:
    R, T = (part.clone().requires_grad_() for part in POSE)
    cameras = r3d.FoVPerspectiveCameras()
    renderer = r3d.MeshRenderer(
        r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(16)), r3d.HardPhongShader(cameras=cameras)
    )
    sphere = colored_sphere()
    sphere.textures = r3d.TexturesVertex(torch.rand(1, 42, 3))
    renderer(sphere, R=R, T=T)[..., :3].sum().backward()
    assert T.grad is not None
    assert T.grad.abs().max() > 0


def test_a_shader_without_cameras_says_so() -> None:
    with pytest.raises(ValueError, match="Copied: no cameras; give them when it is made or called"):
        Copied()._get_cameras()
    cameras = r3d.FoVPerspectiveCameras()
    assert Copied()._get_cameras(cameras=cameras) is cameras
    assert Copied(cameras=cameras)._get_cameras(lights=None) is cameras


# -- Depth shaders


@pytest.mark.parametrize(
    ("name", "K", "blur"), [("hard", 1, 0.0), ("soft", 8, 0.001)]
)  # as the recordings' list says
def test_depth_equals_recording(shared_data: Path, name: str, K: int, blur: float) -> None:
    recorded = np.load(shared_data / "pytorch3d_cases" / f"depth_shader_{name}.npz")
    data = {key: torch.from_numpy(recorded[key]) for key in recorded.files}
    settings = r3d.RasterizationSettings(24, blur, K)
    shader_class = r3d.HardDepthShader if name == "hard" else r3d.SoftDepthShader

    def draw(verts: torch.Tensor) -> torch.Tensor:
        cameras = r3d.FoVPerspectiveCameras(R=data["R"].to(verts.dtype), T=data["T"].to(verts.dtype))
        renderer = r3d.MeshRenderer(r3d.MeshRasterizer(cameras, settings), shader_class(cameras=cameras))
        return renderer(Meshes([verts], [data["faces"]]))

    verts = data["verts"].requires_grad_()
    image = draw(verts)
    # The share of zfar behind a soft edge hangs on the last digits of the vertices, which instruction sets
    # round differently: in few pixels, which may differ by twice what a last digit does to the exact picture.
    exact, random = data["verts"].double(), torch.Generator().manual_seed(0)
    moved = [exact + torch.randn(exact.shape, generator=random).sign() * 2.0**-23 for _ in range(16)]
    wobble = torch.stack([(draw(verts) - draw(exact)).abs() for verts in moved]).amax(0)
    assert (wobble > 1e-5).float().mean() < 0.03
    error_of_image = (image - data["image"]).abs()
    assert (error_of_image <= 1e-4 + 1e-5 * data["image"].abs() + 2 * wobble).all()
    (grad,) = torch.autograd.grad(image, verts, data["cotangent"])
    error = (grad - data["grad_verts"]).abs().max() / data["grad_verts"].abs().max()
    assert error < 1e-3


def test_depth_where_nothing_is() -> None:
    empty = -torch.ones(2, 1, 1, 3)
    fragments = r3d.Fragments(empty.long(), empty, empty[..., None].expand(2, 1, 1, 3, 3), empty)
    cameras = r3d.FoVPerspectiveCameras(zfar=torch.tensor([50.0, 60.0]))
    for shader in (r3d.HardDepthShader(cameras=cameras), r3d.SoftDepthShader(cameras=cameras)):
        assert shader(fragments, None).flatten().tolist() == [50, 60]
        assert shader(fragments, None, zfar=7.0).flatten().tolist() == [7, 7]
    without = r3d.HardDepthShader(cameras=r3d.PerspectiveCameras())
    assert without(fragments, None).flatten().tolist() == [100, 100]


def test_the_deprecated_shader_is_the_one_it_was() -> None:
    with pytest.warns(DeprecationWarning, match="use SoftPhongShader"):
        shader = r3d.TexturedSoftPhongShader(cameras=r3d.FoVPerspectiveCameras())
    assert isinstance(shader, r3d.SoftPhongShader)


# -- Numbers, tuples and arrays


POINTS = torch.rand(2, 4, 5, 3, generator=torch.Generator().manual_seed(0)) + 0.5
NORMALS = torch.nn.functional.normalize(POINTS, dim=-1)
UP, WHITE, EYE = (0.0, 1.0, 0.2), (0.3, 0.4, 0.5), (0.1, 2.0, 5.0)


@pytest.mark.parametrize(
    "form",
    [tuple, list, np.array, torch.tensor, lambda v: torch.tensor(v)[None], lambda v: torch.tensor([[v]] * 2)],
)
def test_lights_take_what_numbers_come_as(form: Any) -> None:
    up, white, eye = (torch.tensor([row]) for row in (UP, WHITE, EYE))
    diffuse = r3d.diffuse(NORMALS, white, up)
    specular = r3d.specular(POINTS, NORMALS, up, white, eye, torch.tensor([8.0]))
    torch.testing.assert_close(r3d.diffuse(NORMALS, form(WHITE), form(UP)), diffuse)
    for shininess in (8, 8.0, (8.0,), np.float32(8), torch.tensor(8.0), torch.tensor([8.0, 8.0])):
        got = r3d.specular(POINTS, NORMALS, form(UP), form(WHITE), form(EYE), shininess)
        torch.testing.assert_close(got, specular)


@pytest.mark.parametrize("form", [tuple, list, np.array, torch.tensor, lambda v: torch.tensor(v)[None]])
def test_lights_are_made_of_one_row(form: Any) -> None:
    expected = r3d.DirectionalLights(WHITE and ((0.1, 0.2, 0.3),), (WHITE,), (WHITE,), (UP,))
    lights = r3d.DirectionalLights(form((0.1, 0.2, 0.3)), form(WHITE), form(WHITE), form(UP))
    assert len(lights) == 1
    torch.testing.assert_close(lights.direction, expected.direction)
    torch.testing.assert_close(lights.ambient_color, expected.ambient_color)
    point = r3d.PointLights(location=form(EYE))
    assert point.location.shape == (1, 3)
    assert r3d.AmbientLights(form((0.5, 0.6, 0.7, 0.8))).ambient_color.shape == (1, 4)


def test_a_direction_that_was_set_in_another_shape() -> None:
    lights = r3d.DirectionalLights(direction=((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    expected = lights.diffuse(NORMALS, POINTS)
    lights.direction = lights.direction[:, None]
    torch.testing.assert_close(lights.diffuse(NORMALS, POINTS), expected)


@pytest.mark.parametrize("wrong", ["red", object(), torch.ones(2, 4, 3), torch.ones(7, 3)])
def test_what_is_no_direction(wrong: Any) -> None:
    with pytest.raises((ValueError, RuntimeError), match=r"diffuse: direction|size of tensor"):
        r3d.diffuse(NORMALS, WHITE, wrong)


def test_materials_of_any_number_of_channels() -> None:
    materials = r3d.Materials(torch.ones(1, 5), np.ones(5), [0.5] * 5, shininess=torch.ones(2, 1))
    assert materials.ambient_color.shape == materials.diffuse_color.shape == (2, 5)
    assert materials.shininess.shape == (2,)
    sphere = ico_sphere(1)
    sphere.textures = r3d.TexturesVertex(torch.ones(1, 42, 5))
    cameras = r3d.FoVPerspectiveCameras(R=POSE[0], T=POSE[1])
    for shader in (r3d.HardPhongShader, r3d.SoftPhongShader):
        looks = {
            "lights": r3d.AmbientLights(torch.ones(1, 5)),
            "materials": r3d.Materials(*[torch.ones(1, 5)] * 3),
        }
        looks["blend_params"] = r3d.BlendParams(background_color=torch.zeros(5))
        picture = r3d.MeshRenderer(
            r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(8)), shader(cameras=cameras, **looks)
        )(sphere)
        assert picture.shape == (1, 8, 8, 6)


@pytest.mark.parametrize("lights", [r3d.PointLights, r3d.DirectionalLights])
@pytest.mark.parametrize(
    "shader", [r3d.HardPhongShader, r3d.SoftPhongShader, r3d.HardGouraudShader, r3d.HardFlatShader, Copied]
)
def test_a_shininess_of_zero_adds_the_specular_colour(lights: Any, shader: Any) -> None:
    """0 to the power of 0 is 1: on the side that the light does not reach, too."""
    cameras = r3d.FoVPerspectiveCameras(R=POSE[0], T=POSE[1])
    black = ((0.0, 0.0, 0.0),)
    lamp = lights(black, black, ((0.1, 0.2, 0.3),))
    verts = ico_sphere(2).verts_packed().clone().requires_grad_()
    sphere = Meshes([verts], [ico_sphere(2).faces_packed()], r3d.TexturesVertex(torch.ones(1, len(verts), 3)))
    shininess = torch.zeros(1).requires_grad_()
    materials = r3d.Materials(shininess=shininess)
    rasterizer = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(16))
    picture = r3d.MeshRenderer(rasterizer, shader(cameras=cameras, lights=lamp, materials=materials))(sphere)
    inside = picture[0, 8, 8, :3]
    torch.testing.assert_close(inside, torch.tensor([0.1, 0.2, 0.3]), rtol=1e-4, atol=1e-5)
    picture[..., :3].sum().backward()
    assert verts.grad is not None
    assert verts.grad.isfinite().all()
    assert shininess.grad is None or shininess.grad.isfinite().all()


@pytest.mark.parametrize(
    "background",
    [
        (0.1, 0.2, 0.3),
        [0.1, 0.2, 0.3],
        np.array([0.1, 0.2, 0.3]),
        ((0.1, 0.2, 0.3),),
        torch.tensor([[0.1, 0.2, 0.3]]),
    ],
)
def test_backgrounds(background: Any) -> None:
    cameras = r3d.FoVPerspectiveCameras(R=POSE[0], T=POSE[1])
    params = r3d.BlendParams(background_color=background)
    for shader in (r3d.HardPhongShader, r3d.SoftPhongShader):
        renderer = r3d.MeshRenderer(
            r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(8)),
            shader(cameras=cameras, blend_params=params),
        )
        torch.testing.assert_close(renderer(colored_sphere())[0, 0, 0, :3], torch.tensor([0.1, 0.2, 0.3]))


# -- Cameras


@pytest.mark.parametrize("name", ["fov", "znear", "zfar", "aspect_ratio"])
def test_parameters_in_a_column(name: str) -> None:
    values = torch.tensor([0.6, 0.7, 0.8])
    points = torch.rand(5, 3) + torch.tensor([0.0, 0.0, 2.0])
    expected = r3d.FoVPerspectiveCameras(**{name: values}).transform_points(points)
    column = r3d.FoVPerspectiveCameras(**{name: values[:, None]})
    torch.testing.assert_close(column.transform_points(points), expected)
    in_call = r3d.FoVPerspectiveCameras().transform_points(points, **{name: values[:, None]})
    torch.testing.assert_close(in_call, expected)
    with pytest.raises(
        ValueError, match=rf"FoVPerspectiveCameras: {name} must have shape \(N,\) or \(N, 1\)"
    ):
        r3d.FoVPerspectiveCameras(**{name: torch.ones(3, 2)})


@pytest.mark.parametrize("make", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("shape", [(5, 3), (1, 5, 3), (2, 5, 3)])
@pytest.mark.parametrize("count", [1, 2])
def test_points_and_cameras_are_repeated_for_each_other(
    make: Any, shape: tuple[int, ...], count: int
) -> None:
    cameras = make(R=POSES[0][:count], T=POSES[1][:count])
    points = torch.rand(shape)
    want = (max(count, shape[0] if len(shape) == 3 else 1), 5, 3)
    for call in (cameras.transform_points, cameras.transform_points_ndc, cameras.unproject_points):
        got = call(points)
        assert got.shape == (shape if count == 1 and len(shape) == 2 else want)
    assert cameras.transform_points_screen(points, image_size=(8, 9)).shape[-2:] == (5, 3)


@pytest.mark.parametrize("in_ndc", [True, False])
def test_one_principal_point_for_many_cameras(in_ndc: bool) -> None:
    many = {"focal_length": torch.tensor([[1.0, 2.0]] * 3), "in_ndc": in_ndc, "image_size": ((8, 9),)}
    one = r3d.PerspectiveCameras(principal_point=((0.25, 0.5),), **many)
    each = r3d.PerspectiveCameras(principal_point=((0.25, 0.5),) * 3, **many)
    points = torch.rand(4, 3) + 1
    torch.testing.assert_close(one.transform_points(points), each.transform_points(points))
    torch.testing.assert_close(one.unproject_points(points), each.unproject_points(points))
    other = r3d.PerspectiveCameras(**many)
    got = other.transform_points(points, principal_point=torch.tensor([[0.25, 0.5]]))
    torch.testing.assert_close(got, each.transform_points(points))


class Calibrated(r3d.PerspectiveCameras):
    """As client code derives: past the class's own constructor, with one more parameter."""

    def __init__(
        self, focal_length: Any = 2.0, R: Any = POSE[0], T: Any = POSE[1], device: Any = "cpu"
    ) -> None:
        super(r3d.PerspectiveCameras, self).__init__(
            device=device,
            focal_length=focal_length,
            principal_point=((0.0, 0.0),),
            R=R,
            T=T,
            K=None,
            _in_ndc=True,
        )


def test_a_class_may_derive_past_the_constructor() -> None:
    assert r3d.CamerasBase in r3d.PerspectiveCameras.__mro__
    cameras, plain = Calibrated(), r3d.PerspectiveCameras(2.0, R=POSE[0], T=POSE[1])
    points = torch.rand(4, 3)
    torch.testing.assert_close(cameras.transform_points(points), plain.transform_points(points))
    renderer = r3d.MeshRenderer(
        r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(16)), r3d.HardPhongShader(cameras=cameras)
    )
    assert renderer(colored_sphere(), R=POSES[0], T=POSES[1]).shape == (2, 16, 16, 4)


def test_the_device_is_the_object_that_was_given() -> None:
    device = torch.device("cpu")
    for thing in (r3d.FoVPerspectiveCameras(device=device), r3d.PointLights(device=device)):
        assert thing.device is device
        other = torch.device("cpu")
        assert thing.to(other).device is other


# -- Fragments


def test_fragments_are_a_named_tuple_and_a_dataclass() -> None:
    cameras = r3d.FoVPerspectiveCameras(R=POSE[0], T=POSE[1])
    fragments = r3d.MeshRasterizer(cameras, r3d.RasterizationSettings(8))(ico_sphere(0))
    assert dataclasses.is_dataclass(fragments)
    names = [field.name for field in dataclasses.fields(fragments)]
    assert names == ["pix_to_face", "zbuf", "bary_coords", "dists"] == list(fragments._fields)
    changed = dataclasses.replace(fragments, zbuf=2 * fragments.zbuf)
    torch.testing.assert_close(changed.zbuf, 2 * fragments.zbuf)
    assert changed.pix_to_face is fragments.pix_to_face
    ids, *_ = fragments
    assert ids is fragments.pix_to_face
    assert set(dataclasses.asdict(fragments)) == set(names)


# -- Errors


def draw(cameras: Any = None, settings: Any = None, meshes: Any = None, **looks: Any) -> Tensor:
    cameras = r3d.FoVPerspectiveCameras(R=POSE[0], T=POSE[1]) if cameras is None else cameras
    settings = r3d.RasterizationSettings(8) if settings is None else settings
    renderer = r3d.MeshRenderer(
        r3d.MeshRasterizer(cameras, settings), r3d.HardPhongShader(cameras=cameras, **looks)
    )
    return renderer(colored_sphere() if meshes is None else meshes)


FACES_UVS, VERTS_UVS = torch.tensor([[[0, 1, 2]]]), torch.rand(1, 3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: r3d.TexturesUV(torch.rand(1, 3, 64, 48), FACES_UVS, VERTS_UVS),
            r"channels last, as N, H, W, C, got shape \(1, 3, 64, 48\); use maps.movedim",
        ),
        (
            lambda: r3d.TexturesUV([torch.rand(3, 64, 48)], FACES_UVS, VERTS_UVS),
            r"maps\[0\] must have its channels last",
        ),
        (
            lambda: r3d.FoVPerspectiveCameras().transform_points(np.zeros((4, 3))),
            r"points must be a tensor of shape \(P, 3\), got ndarray",
        ),
        (
            lambda: r3d.PerspectiveCameras().transform_points([[0.0, 0.0, 1.0]]),
            r"points must be a tensor of shape \(N, P, 3\), got list",
        ),
        (lambda: r3d.PerspectiveCameras().unproject_points(np.zeros((4, 3))), r"must be a tensor"),
        (
            lambda: r3d.RasterizationSettings(blur_radius="wide"),
            r"RasterizationSettings: blur_radius must be a finite number",
        ),
        (lambda: draw(meshes=torch.rand(1, 4, 3)), r"MeshRasterizer: meshes must be Meshes, got Tensor"),
        (lambda: draw(cameras="left"), r"MeshRasterizer: cameras must be Cameras, got str"),
        (
            lambda: draw(settings={"image_size": 8}),
            r"raster_settings must be RasterizationSettings, got dict",
        ),
        (lambda: draw(lights=1.0), r"HardPhongShader: lights must be Lights, got float"),
        (lambda: draw(materials={"shininess": 1}), r"HardPhongShader: materials must be Materials, got dict"),
        (lambda: draw(blend_params=(1e-4, 1e-4, (1, 1, 1))), r"blend_params must be BlendParams, got tuple"),
        (lambda: r3d.Materials(shininess="x"), r"Materials: shininess must be a number or \(N,\), got 'x'"),
        (lambda: r3d.PointLights(location=(1.0, 2.0)), r"PointLights: location must have shape \(N, 3\)"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
