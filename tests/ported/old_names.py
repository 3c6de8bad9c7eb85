"""Names that client code takes from PyTorch3D's submodules first: deprecated ones, helpers, internals. Run by
tests/test_as_pytorch3d.py; it names PyTorch3D only."""

import io
import os
import sys
import warnings
from pathlib import Path
from typing import get_args

import torch
from PIL import Image
from pytorch3d.common.compat import eigh, lstsq, meshgrid_ij, prod, qr, solve
from pytorch3d.common.datatypes import Device, get_device, make_device
from pytorch3d.common.linear_with_repeat import LinearWithRepeat
from pytorch3d.common.workaround import symeig3x3
from pytorch3d.common.workaround.utils import _safe_det_3x3
from pytorch3d.io.mtl_io import load_mtl, make_material_atlas, make_mesh_texture_atlas
from pytorch3d.io.utils import PathOrStr, _check_faces_indices, _make_tensor, _open_file, _read_image
from pytorch3d.ops import mesh_face_areas_normals
from pytorch3d.ops.mesh_face_areas_normals import mesh_face_areas_normals as from_its_module
from pytorch3d.ops.utils import masked_gather
from pytorch3d.renderer import (
    AmbientLights,
    BlendParams,
    FishEyeCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    Materials,
    MeshRasterizer,
    OpenGLPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    Textures,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
    phong_shading,
)
from pytorch3d.renderer.blending import _get_background_color
from pytorch3d.renderer.camera_conversions import _opencv_from_cameras_projection
from pytorch3d.renderer.cameras import (
    _R,
    _T,
    OpenGLOrthographicCameras,
    SfMOrthographicCameras,
    SfMPerspectiveCameras,
    _get_sfm_calibration_matrix,
    camera_to_eye_at_up,
    get_world_to_view_transform,
    try_get_projection_transform,
)
from pytorch3d.renderer.mesh import TexturesAtlas
from pytorch3d.renderer.mesh.rasterize_meshes import non_square_ndc_range, pix_to_non_square_ndc
from pytorch3d.renderer.mesh.shading import _apply_lighting, _phong_shading_with_pixels
from pytorch3d.renderer.mesh.textures import TexturesBase
from pytorch3d.renderer.mesh.utils import _clip_barycentric_coordinates, _interpolate_zbuf
from pytorch3d.renderer.utils import TensorProperties, format_tensor, parse_image_size
from pytorch3d.transforms import euler_angles_to_matrix
from pytorch3d.transforms.rotation_conversions import (
    _axis_angle_rotation,
    _copysign,
    _index_from_letter,
    _sqrt_positive_part,
)
from pytorch3d.utils import ico_sphere
from pytorch3d.utils.camera_conversions import opencv_from_cameras_projection

close = torch.testing.assert_close
torch.manual_seed(0)
folder = Path(sys.argv[1])


def deprecated(function, *args, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    (warning,) = caught
    assert warning.category is PendingDeprecationWarning
    assert warning.filename == __file__
    assert str(warning.message).startswith(f"{function.__name__} is deprecated; use ")
    return result


# --- The old cameras are the new ones under their old parameters
assert torch.equal(_R, torch.eye(3)[None])
assert torch.equal(_T, torch.zeros(1, 3))
R, T = look_at_view_transform(3.0, torch.tensor([10.0, 30.0]), 40.0)
points = torch.rand(2, 5, 3)
for old, new in (
    (
        deprecated(OpenGLPerspectiveCameras, 0.5, 50.0, 1.5, 45.0, R=R, T=T),
        FoVPerspectiveCameras(znear=0.5, zfar=50.0, aspect_ratio=1.5, fov=45.0, R=R, T=T),
    ),
    (
        deprecated(OpenGLOrthographicCameras, 0.5, 50.0, 4.0, -3.0, -2.0, 1.0, ((2.0, 1.0, 1.0),), R, T),
        FoVOrthographicCameras(
            znear=0.5,
            zfar=50.0,
            max_y=4.0,
            min_y=-3.0,
            min_x=-2.0,
            max_x=1.0,
            scale_xyz=((2.0, 1.0, 1.0),),
            R=R,
            T=T,
        ),
    ),
    (
        deprecated(SfMPerspectiveCameras, 2.0, ((0.1, 0.2),), R, T),
        PerspectiveCameras(focal_length=2.0, principal_point=((0.1, 0.2),), R=R, T=T),
    ),
    (
        deprecated(SfMOrthographicCameras, 2.0, ((0.1, 0.2),), R, T),
        OrthographicCameras(focal_length=2.0, principal_point=((0.1, 0.2),), R=R, T=T),
    ),
):
    assert type(old) is type(new)
    close(old.transform_points(points), new.transform_points(points))

focal, center = torch.rand(2, 2) + 1, torch.rand(2, 2)
for orthographic, kind in ((False, PerspectiveCameras), (True, OrthographicCameras)):
    K = _get_sfm_calibration_matrix(2, "cpu", focal, center, orthographic)
    close(
        kind(K=K).transform_points(points),
        kind(focal_length=focal, principal_point=center).transform_points(points),
    )
close(
    _get_sfm_calibration_matrix(2, "cpu", 2.0, ((0.25, 0.5),)),
    torch.tensor([[2, 0, 0.25, 0], [0, 2, 0.5, 0], [0, 0, 0, 1], [0, 0, 1, 0]]).expand(2, 4, 4),
)
close(
    _get_sfm_calibration_matrix(
        1, "cpu", torch.tensor([2.0]), torch.tensor([[0.25, 0.5]]), orthographic=True
    ),
    torch.tensor([[[2, 0, 0, 0.25], [0, 2, 0, 0.5], [0, 0, 1, 0], [0, 0, 0, 1]]]),
)

eye, at, up = camera_to_eye_at_up(get_world_to_view_transform(R, T))
close((at - eye).norm(dim=1), torch.ones(2))
again = look_at_view_transform(eye=eye, at=at, up=up)
close(again[0], R, rtol=1e-4, atol=1e-5)
close(again[1], T, rtol=1e-4, atol=1e-5)
assert try_get_projection_transform(FishEyeCameras(), {}) is None
cameras = PerspectiveCameras(R=R, T=T)
close(try_get_projection_transform(cameras, {}).get_matrix(), cameras.get_projection_transform().get_matrix())
assert _opencv_from_cameras_projection is opencv_from_cameras_projection

# --- The old class of textures
maps, uvs, faces_uvs = torch.rand(1, 4, 4, 3), torch.rand(1, 3, 2), torch.tensor([[[0, 1, 2]]])
textures = deprecated(Textures, maps=maps, faces_uvs=faces_uvs, verts_uvs=uvs)
assert isinstance(textures, TexturesUV)
assert torch.equal(textures.maps_padded(), maps)
textures = deprecated(Textures, verts_rgb=torch.rand(1, 3, 3))
assert isinstance(textures, TexturesVertex)
assert issubclass(TexturesAtlas, TexturesBase)
try:
    Textures(maps=maps, verts_uvs=uvs)
except ValueError:
    pass
else:
    raise AssertionError("maps without faces_uvs")

# --- pytorch3d.common
assert Device == str | torch.device
assert make_device("cpu") == get_device(points) == get_device(None) == torch.device("cpu")
assert get_device(points, "cuda:3") == torch.device("cuda", 3)
A, B = torch.rand(3, 3) + torch.eye(3), torch.rand(3, 2)
close(A @ solve(A, B), B)
close(lstsq(A[:, :2], B), torch.linalg.pinv(A[:, :2]) @ B, rtol=1e-3, atol=1e-4)
Q, upper = qr(A)
close(Q @ upper, A)
S = A + A.T
values, vectors = eigh(S)
close(S @ vectors, vectors * values)
close(symeig3x3(S)[0], values)
close(_safe_det_3x3(A[None]), torch.linalg.det(A)[None])
assert [grid.tolist() for grid in meshgrid_ij(torch.arange(2), torch.arange(2))] == [
    [[0, 0], [1, 1]],
    [[0, 1], [0, 1]],
]
assert prod((2, 3), start=4) == 24
layer = LinearWithRepeat(5, 4)
each, shared = torch.rand(6, 7, 3), torch.rand(6, 2)
joined = torch.cat((each, shared[:, None].expand(6, 7, 2)), -1)
close(layer((each, shared)), torch.nn.functional.linear(joined, layer.weight, layer.bias))

# --- pytorch3d.io
(folder / "a.mtl").write_text(
    "newmtl red\nKd 1 0 0\nNs 7\nnewmtl image\nKd 1 1 1\nmap_Kd a.png\nnewmtl other\n"
)
Image.new("RGB", (2, 3), (0, 51, 255)).save(folder / "a.png")
colors, images = load_mtl(folder / "a.mtl", material_names=["red", "image"], data_dir=folder, device="cpu")
assert colors["red"]["diffuse_color"].tolist() == [1, 0, 0]
assert colors["red"]["shininess"].tolist() == [7]
assert set(colors) == {"red", "image"}
assert set(images) == {"image"}
close(images["image"], torch.tensor([0, 0.2, 1]).expand(3, 2, 3))
corners = torch.rand(3, 3, 2) * 3
atlas = make_mesh_texture_atlas(colors, images, ["red", "image", "none"], corners, 2, "repeat")
for row, color in enumerate(([1.0, 0.0, 0.0], [0.0, 0.2, 1.0], [1.0, 1.0, 1.0])):
    close(atlas[row], torch.tensor(color).expand(2, 2, 3))
ramp = torch.linspace(0, 1, 5)[:, None, None].expand(5, 5, 3).contiguous()  # v, since its first row is at 0
corner_v = torch.tensor([[[0.0, 0.0], [0.0, 0.6], [0.0, 0.9]]])
close(make_material_atlas(ramp, corner_v, 1).flatten(), torch.full((3,), 0.5))
assert _make_tensor([], 2, torch.int64).shape == (0, 2)
assert _make_tensor([[1, 2]], 2, torch.float32).tolist() == [[1, 2]]
with _open_file(folder / "a.mtl", None, "r") as file:
    assert file.readline() == "newmtl red\n"
assert file.closed
with _open_file(text := io.StringIO("x"), None) as file:
    assert file is text
assert not text.closed
pixels = _read_image(folder / "a.png", None, format="RGB")
assert pixels.shape == (3, 2, 3)
assert pixels.dtype == "float32"
assert isinstance(os.fspath("a"), get_args(PathOrStr))
ids = torch.tensor([[0, 1, 2], [-1, -1, -1]])
with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert _check_faces_indices(ids, 3, pad_value=-1) is ids
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    _check_faces_indices(ids, 3)
assert len(caught) == 1

# --- pytorch3d.ops and the internals of the mesh renderer
mesh = ico_sphere(1)
areas, normals = mesh_face_areas_normals(mesh.verts_packed(), mesh.faces_packed())
assert from_its_module is mesh_face_areas_normals
close(areas, mesh.faces_areas_packed())
close(normals, mesh.faces_normals_packed())
gathered = masked_gather(points, torch.tensor([[[0, -1]], [[4, 2]]]))
close(gathered, torch.stack([torch.stack([points[0, 0], 0 * points[0, 0]]), points[1, [4, 2]]])[:, None])

mesh.textures = TexturesVertex(torch.rand_like(mesh.verts_padded()))
camera = FoVPerspectiveCameras(R=R[:1], T=T[:1])
settings = RasterizationSettings(image_size=16, faces_per_pixel=2, cull_backfaces=False)
fragments = MeshRasterizer(camera, settings)(mesh)
view = mesh.update_padded(camera.get_world_to_view_transform().transform_points(mesh.verts_padded()))
covered = fragments.pix_to_face >= 0
zbuf = _interpolate_zbuf(fragments.pix_to_face, fragments.bary_coords, view)
close(zbuf[covered], fragments.zbuf[covered], rtol=1e-4, atol=1e-4)
assert (zbuf[~covered] == -1).all()
weights = _clip_barycentric_coordinates(torch.tensor([[-0.5, 0.5, 1.0], [0.2, 0.3, 0.5], [-1.0, -1.0, -1.0]]))
close(weights, torch.tensor([[0, 1 / 3, 2 / 3], [0.2, 0.3, 0.5], [0, 0, 0]]))

texels = mesh.sample_textures(fragments)
looks = (PointLights(location=((2.0, 3.0, -3.0),)), camera, Materials(shininess=8.0))
shaded, world = _phong_shading_with_pixels(mesh, fragments, *looks, texels)
close(shaded, phong_shading(mesh, fragments, *looks, texels))
close(world[covered].norm(dim=-1), torch.ones(int(covered.sum())), rtol=0, atol=0.2)
normals = torch.nn.functional.normalize(world, dim=-1)
ambient, diffuse, specular = _apply_lighting(world, normals, *looks)
assert diffuse.shape == specular.shape == texels.shape
assert ((ambient + diffuse) * texels + specular).shape == texels.shape
two = [part.clone().gather_props(torch.tensor([0, 0])) for part in looks]
stacked = _apply_lighting(world.expand(2, -1, -1, -1, -1), normals.expand(2, -1, -1, -1, -1), *two)
close(stacked[1], diffuse.expand_as(stacked[1]))
ambient, diffuse, specular = _apply_lighting(mesh.verts_packed(), mesh.verts_normals_packed(), *looks)
assert ambient.shape == (3,)
assert diffuse.shape == mesh.verts_packed().shape
close(_apply_lighting(world, normals, AmbientLights(), *looks[1:])[0].flatten(), torch.ones(3))

close(
    _get_background_color(BlendParams(background_color=torch.tensor([0, 1, 0])), "cpu"),
    torch.tensor([0.0, 1, 0]),
)
assert parse_image_size(5) == (5, 5)
assert issubclass(PerspectiveCameras, TensorProperties)
assert format_tensor(2.0).tolist() == [2.0]
screen = OrthographicCameras(image_size=((20, 30),)).transform_points_screen(
    torch.tensor([[[-pix_to_non_square_ndc(7, 30, 20), -pix_to_non_square_ndc(3, 20, 30), 1.0]]]),
    image_size=((20, 30),),
)
close(screen[0, 0, :2], torch.tensor([7.5, 3.5]))
assert non_square_ndc_range(30, 20) == 3

# --- Steps of rotations
angles = torch.rand(4)
for place, letter in enumerate("XYZ"):
    assert _index_from_letter(letter) == place
    triple = torch.zeros(4, 3)
    triple[:, place] = angles
    close(_axis_angle_rotation(letter, angles), euler_angles_to_matrix(triple, "XYZ"))
x = torch.tensor([4.0, 0.0, -4.0], requires_grad=True)
_sqrt_positive_part(x).sum().backward()
assert x.grad.tolist() == [0.25, 0, 0]
assert _copysign(torch.tensor([1.0, -2.0]), torch.tensor([-1.0, 1.0])).tolist() == [-1, 2]
print("done")
