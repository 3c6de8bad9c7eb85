// The CUDA kernels of mesh_normals, on the mathematics of mesh_normals.h: a thread a face, or a vertex. What
// names no vertex becomes NaN, for an error would have to be waited for.
#include "surface/mesh_normals.h"

extern "C" __global__ void __launch_bounds__(256) mesh_normals_faces_fwd(const r3d::FaceNormals<R3D_REAL> a) {
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= a.mesh.num_faces) return;
  const Polar3<R3D_REAL> normal =
      polar(is_face(a.mesh, face) ? face_cross(a.mesh, face) : not_a_number3<R3D_REAL>());
  a.areas[face] = normal.length / 2;
  store3(a.normals, face, normal.direction);
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_faces_bwd(const r3d::FaceNormalsBwd<R3D_REAL> a) {
  using namespace r3d;
  const PackedMesh<R3D_REAL>& mesh = a.to.mesh;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= mesh.num_faces) return;
  if (is_face(mesh, face))
    store_corner_grads(mesh, face, face_cross_bwd(face, a.areas, a.normals, a.grad_areas, a.grad_normals),
                       a.to.grad_corners);
  else
    for (int j = 0; j < 3; ++j) store3(a.to.grad_corners, 3 * face + j, not_a_number3<R3D_REAL>());
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_crosses_fwd(const r3d::VertexNormals<R3D_REAL> a) {
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= a.mesh.num_faces) return;
  store3(a.crosses, face,
         is_face(a.mesh, face) ? face_cross_in_sums(a.mesh, face) : not_a_number3<R3D_REAL>());
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_verts_fwd(const r3d::VertexNormals<R3D_REAL> a) {
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= a.mesh.num_verts) return;
  Vec3<R3D_REAL> sum;
  if (!sum_rows(a.lists, a.mesh.num_faces, vertex, a.crosses, 3, &sum)) sum = not_a_number3<R3D_REAL>();
  const Polar3<R3D_REAL> normal = polar(sum);
  a.lengths[vertex] = normal.length;
  store3(a.normals, vertex, normal.direction);
}

// The gradients of the sums that vertex normals are the directions of.
extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_sums_bwd(const r3d::VertexNormalsBwd<R3D_REAL> a) {
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= a.to.mesh.num_verts) return;
  store3(a.grad_sums, vertex,
         direction_bwd(load3(a.normals, vertex), a.lengths[vertex], load3(a.grad_normals, vertex)));
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_verts_bwd(const r3d::VertexNormalsBwd<R3D_REAL> a) {
  using namespace r3d;
  const PackedMesh<R3D_REAL>& mesh = a.to.mesh;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= mesh.num_faces) return;
  if (is_face(mesh, face))
    store_corner_grads(mesh, face, sums_cross_bwd(mesh, face, a.grad_sums), a.to.grad_corners);
  else
    for (int j = 0; j < 3; ++j) store3(a.to.grad_corners, 3 * face + j, not_a_number3<R3D_REAL>());
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_corners_bwd(const r3d::CornerSums<R3D_REAL> a) {
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= a.mesh.num_verts) return;
  Vec3<R3D_REAL> grad;
  if (!sum_rows(a.lists, a.mesh.num_faces, vertex, a.grad_corners, 1, &grad))
    grad = not_a_number3<R3D_REAL>();
  store3(a.grad_verts, vertex, grad);
}
