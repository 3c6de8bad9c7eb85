"""The ground floor of PyTorch3D's tutorials, as their users write it: files, batches, textures, transforms,
point clouds, volumes and cameras. Run by tests/test_as_pytorch3d.py; it names PyTorch3D only."""

import argparse
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from pytorch3d.io import IO, load_obj, load_objs_as_meshes, load_ply, save_obj, save_ply
from pytorch3d.ops import estimate_pointcloud_normals, packed_to_padded
from pytorch3d.renderer import (
    FoVPerspectiveCameras,
    PerspectiveCameras,
    TexturesUV,
    TexturesVertex,
    look_at_rotation,
    look_at_view_transform,
)
from pytorch3d.renderer.cameras import CamerasBase, camera_position_from_spherical_angles
from pytorch3d.structures import Meshes, Pointclouds, Volumes, join_meshes_as_batch, join_meshes_as_scene
from pytorch3d.structures.pointclouds import join_pointclouds_as_scene
from pytorch3d.transforms import (
    Rotate,
    RotateAxisAngle,
    Transform3d,
    Translate,
    so3_exp_map,
    so3_relative_angle,
)
from pytorch3d.transforms.rotation_conversions import axis_angle_to_matrix, quaternion_to_matrix
from pytorch3d.utils import cameras_from_opencv_projection, ico_sphere
from pytorch3d.utils.torus import torus

parser = argparse.ArgumentParser()
parser.add_argument("--obj", required=True)
parser.add_argument("--output", required=True)
args = parser.parse_args()

device = (
    torch.device("cuda:0") if torch.cuda.is_available() and os.environ.get("USE_GPU") else torch.device("cpu")
)
torch.manual_seed(0)


# --- Render a textured mesh: load, look at the texture, batch, cameras around it
mesh = load_objs_as_meshes([args.obj], device=device)
texture_image = mesh.textures.maps_padded()
assert texture_image.ndim == 4
assert texture_image.shape[-1] == 3
assert mesh.textures.centers_for_image(index=0).shape[1] == 2

batch_size = 20
meshes = mesh.extend(batch_size)
elev = torch.linspace(0, 180, batch_size)
azim = torch.linspace(-180, 180, batch_size)
R, T = look_at_view_transform(dist=2.7, elev=elev, azim=azim)
cameras = FoVPerspectiveCameras(device=device, R=R, T=T)
screen = cameras.transform_points_screen(meshes.verts_padded(), image_size=(512, 512))
assert screen.shape == (batch_size, mesh.num_verts_per_mesh().item(), 3)
camera = FoVPerspectiveCameras(device=device, R=R[None, 1, ...], T=T[None, 1, ...])
torch.testing.assert_close(
    camera.transform_points_screen(mesh.verts_padded(), image_size=((512, 512),))[0],
    screen[1],
    rtol=1e-4,
    atol=1e-3,
)

for one in meshes:
    assert len(one) == 1
    break


# --- Deform a sphere: normalise the target, offset the source, save it
verts, faces, aux = load_obj(args.obj)
faces_idx = faces.verts_idx.to(device)
verts = verts.to(device)
center = verts.mean(0)
verts = verts - center
scale = max(verts.abs().max(0)[0])
verts = verts / scale
trg_mesh = Meshes(verts=[verts], faces=[faces_idx])
src_mesh = ico_sphere(2, device)
deform_verts = torch.full(src_mesh.verts_packed().shape, 0.0, device=device, requires_grad=True)
optimizer = torch.optim.SGD([deform_verts], lr=1.0, momentum=0.9)
for _ in range(10):
    optimizer.zero_grad()
    new_src_mesh = src_mesh.offset_verts(deform_verts)
    edges = new_src_mesh.edges_packed()
    v0, v1 = new_src_mesh.verts_packed()[edges].unbind(1)
    smooth = torch.sparse.mm(new_src_mesh.laplacian_packed(), new_src_mesh.verts_packed()).norm(dim=1).mean()
    radius = (new_src_mesh.verts_packed().norm(dim=1) - 0.5).pow(2).mean()
    loss = radius + 0.01 * smooth + 0.01 * (v0 - v1).pow(2).sum(1).mean()
    loss.backward()
    optimizer.step()
assert loss.item() < 0.25
final_verts, final_faces = new_src_mesh.get_mesh_verts_faces(0)
final_verts = final_verts * scale + center
final_obj = os.path.join(args.output, "final_model.obj")
save_obj(final_obj, final_verts, final_faces)
torch.testing.assert_close(load_obj(final_obj)[0], final_verts.detach(), rtol=1e-4, atol=1e-4)

ply = os.path.join(args.output, "final_model.ply")
save_ply(ply, final_verts, final_faces)
ply_verts, ply_faces = load_ply(ply)
torch.testing.assert_close(ply_verts, final_verts.detach())
assert torch.equal(ply_faces, final_faces)
IO().save_mesh(trg_mesh, os.path.join(args.output, "target.ply"))
assert IO().load_mesh(
    os.path.join(args.output, "target.ply"), device=device
).num_faces_per_mesh().item() == len(faces_idx)


# --- Textures given by vertex, a scene of several meshes, the three views
verts_rgb = torch.ones_like(verts)[None]
textured = Meshes(
    verts=[verts], faces=[faces_idx], textures=TexturesVertex(verts_features=verts_rgb.to(device))
)
sphere = ico_sphere(1, device)
sphere.textures = TexturesVertex(torch.rand_like(sphere.verts_padded()))
batch = join_meshes_as_batch([textured, sphere])
assert [len(v) for v in batch.verts_list()] == batch.num_verts_per_mesh().tolist()
scene = join_meshes_as_scene(batch)
assert scene.faces_packed().max() == len(scene.verts_packed()) - 1
assert scene.textures.verts_features_packed().shape == scene.verts_packed().shape
padded = packed_to_padded(
    batch.verts_packed(), batch.mesh_to_verts_packed_first_idx(), batch.verts_padded().shape[1]
)
assert torch.equal(padded, batch.verts_padded())
ring = torus(r=0.25, R=1.0, sides=8, rings=12, device=device)
tangled = join_meshes_as_batch([ring, ring.scale_verts(2.0), ico_sphere(0, device)], include_textures=False)
assert len(tangled[torch.tensor([True, False, True])]) == 2
uv = TexturesUV(maps=torch.rand(1, 8, 8, 3), faces_uvs=[faces.textures_idx], verts_uvs=[aux.verts_uvs])
Meshes([verts], [faces_idx], uv)


# --- Point clouds
cloud = Pointclouds(
    points=[verts, ring.verts_packed()], features=[torch.rand_like(verts), ring.verts_packed()]
)
center = cloud.points_packed().mean(0)
cloud = cloud.offset(-center).scale(0.5)
assert cloud.subsample(50).num_points_per_cloud().tolist() == [50, 50]
normals = estimate_pointcloud_normals(cloud.subsample(60), neighborhood_size=10)
torch.testing.assert_close(normals.norm(dim=2), torch.ones_like(normals[..., 0]))
assert len(join_pointclouds_as_scene(cloud).points_packed()) == len(cloud.points_packed())
points_only = Pointclouds(points=torch.rand(3, 10, 3), features=torch.rand(3, 10, 4)).to(device)
assert points_only[1].points_list()[0].shape == (10, 3)


# --- Fit a volume: the module keeps log densities, makes Volumes in its forward
class VolumeModel(nn.Module):
    def __init__(self, volume_size=(16, 16, 16), voxel_size=0.1):
        super().__init__()
        self.log_densities = nn.Parameter(-4.0 * torch.ones(1, *volume_size))
        self.log_colors = nn.Parameter(torch.zeros(3, *volume_size))
        self._voxel_size = voxel_size

    def forward(self, cameras):
        batch_size = cameras.R.shape[0]
        densities = torch.sigmoid(self.log_densities)
        colors = torch.sigmoid(self.log_colors)
        return Volumes(
            densities=densities[None].expand(batch_size, *self.log_densities.shape),
            features=colors[None].expand(batch_size, *self.log_colors.shape),
            voxel_size=self._voxel_size,
        )


volumes = VolumeModel()(cameras)
assert volumes.get_coord_grid().shape == (batch_size, 16, 16, 16, 3)
inside = volumes.world_to_local_coords(cameras.get_camera_center()[:, None]).abs().amax(-1) <= 1
assert not inside.any()
volumes.densities().sum().backward()


# --- Camera position optimisation: the camera's half
class Model(nn.Module):
    def __init__(self, meshes, target):
        super().__init__()
        self.meshes = meshes
        self.device = meshes.device
        self.register_buffer("target", target)
        self.camera_position = nn.Parameter(
            torch.from_numpy(np.array([3.0, 6.9, +2.5], dtype=np.float32)).to(meshes.device)
        )

    def forward(self):
        R = look_at_rotation(self.camera_position[None, :], device=self.device)
        T = -torch.bmm(R.transpose(1, 2), self.camera_position[None, :, None])[:, :, 0]
        image = FoVPerspectiveCameras(device=self.device, R=R, T=T).transform_points(
            self.meshes.verts_packed()
        )
        return torch.mean((image[..., :2] - self.target) ** 2), image


distance = 3
elevation = 50.0
azimuth = 0.0
R, T = look_at_view_transform(distance, elevation, azimuth, device=device)
target = FoVPerspectiveCameras(device=device, R=R, T=T).transform_points(trg_mesh.verts_packed())[..., :2]
model = Model(meshes=trg_mesh, target=target).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.3)
for _ in range(100):
    optimizer.zero_grad()
    loss, _ = model()
    loss.backward()
    optimizer.step()
expected = camera_position_from_spherical_angles(distance, elevation, azimuth, device=device)[0]
torch.testing.assert_close(model.camera_position.detach(), expected, rtol=0, atol=0.05)


# --- Bundle adjustment: relative cameras in so3, aligned
N = 6
log_R_absolute_init = torch.randn(N, 3, dtype=torch.float32, device=device) * 0.5
T_absolute = torch.randn(N, 3, device=device)
cameras_gt = PerspectiveCameras(R=so3_exp_map(log_R_absolute_init), T=T_absolute, device=device)


def get_relative_camera(cams: CamerasBase, edges):
    trans_i, trans_j = [
        PerspectiveCameras(
            R=cams.R[edges[:, i]], T=cams.T[edges[:, i]], device=device
        ).get_world_to_view_transform()
        for i in (0, 1)
    ]
    trans_rel = trans_i.inverse().compose(trans_j)
    matrix_rel = trans_rel.get_matrix()
    return PerspectiveCameras(R=matrix_rel[:, :3, :3], T=matrix_rel[:, 3, :3], device=device)


edges = torch.combinations(torch.arange(N))
relative = get_relative_camera(cameras_gt, edges)
angle = so3_relative_angle(relative.R, cameras_gt.R[edges[:, 0]].transpose(1, 2) @ cameras_gt.R[edges[:, 1]])
assert angle.abs().max() < 0.03
center = cameras_gt.get_camera_center()
torch.testing.assert_close(
    cameras_gt.get_world_to_view_transform().transform_points(center[:, None]),
    torch.zeros(N, 1, 3),
    rtol=0,
    atol=1e-5,
)


# --- Transforms
t = (
    Transform3d(device=device)
    .scale(2.0)
    .rotate(axis_angle_to_matrix(torch.tensor([[0.0, 0.0, math.pi / 2]])))
    .translate(1.0, 0.0, 0.0)
)
points = torch.randn(1, 5, 3, device=device)
torch.testing.assert_close(
    t.inverse().transform_points(t.transform_points(points)), points, rtol=1e-4, atol=1e-5
)
turned = RotateAxisAngle(90, axis="Y").compose(Translate(0, 0, 1)).transform_points(points)
assert turned.shape == points.shape
quaternions = F.normalize(torch.randn(4, 4), dim=1)
assert Rotate(quaternion_to_matrix(quaternions)).transform_points(points).shape == (4, 5, 3)

# --- OpenCV's cameras
K = torch.tensor([[[500.0, 0.0, 320.0], [0.0, 520.0, 240.0], [0.0, 0.0, 1.0]]])
size = torch.tensor([[480, 640]])
opencv = cameras_from_opencv_projection(torch.eye(3)[None], torch.tensor([[0.0, 0.0, 5.0]]), K, size)
pixel = opencv.transform_points_screen(torch.zeros(1, 1, 3), image_size=size)
torch.testing.assert_close(pixel[0, 0, :2], torch.tensor([320.0, 240.0]))

print("done")
