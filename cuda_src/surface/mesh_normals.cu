// The CUDA kernels of mesh_normals, on the mathematics of mesh_normals.h: a thread a face, or a vertex. What
// names no vertex becomes NaN, for an error would have to be waited for.
#include "surface/mesh_normals.h"

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_faces_fwd(const R3D_REAL* verts,         // (V, 3)
                           const i64* faces,              // (F, 3)
                           i64 num_verts, i64 num_faces,  // V, F
                           R3D_REAL* areas,               // (F,)
                           R3D_REAL* normals) {           // (F, 3)
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  const Polar3<R3D_REAL> normal =
      polar(is_face(mesh, face) ? face_cross(mesh, face) : not_a_number3<R3D_REAL>());
  areas[face] = normal.length / 2;
  store3(normals, face, normal.direction);
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_faces_bwd(const R3D_REAL* verts,         // (V, 3)
                           const i64* faces,              // (F, 3)
                           i64 num_verts, i64 num_faces,  // V, F
                           const R3D_REAL* areas,         // (F,)
                           const R3D_REAL* normals,       // (F, 3)
                           const R3D_REAL* grad_areas,    // (F,), or null
                           const R3D_REAL* grad_normals,  // (F, 3), or null
                           R3D_REAL* grad_corners) {      // (3 F, 3)
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  if (is_face(mesh, face))
    store_corner_grads(mesh, face, face_cross_bwd(face, areas, normals, grad_areas, grad_normals),
                       grad_corners);
  else
    for (int j = 0; j < 3; ++j) store3(grad_corners, 3 * face + j, not_a_number3<R3D_REAL>());
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_crosses_fwd(const R3D_REAL* verts,         // (V, 3)
                             const i64* faces,              // (F, 3)
                             i64 num_verts, i64 num_faces,  // V, F
                             R3D_REAL* crosses) {           // (F, 3)
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  store3(crosses, face, is_face(mesh, face) ? face_cross_in_sums(mesh, face) : not_a_number3<R3D_REAL>());
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_verts_fwd(const i32* first,              // (V + 1,)
                           const i32* corners,            // (3 F,)
                           i64 num_verts, i64 num_faces,  // V, F
                           const R3D_REAL* crosses,       // (F, 3)
                           R3D_REAL* normals,             // (V, 3)
                           R3D_REAL* lengths) {           // (V,)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  Vec3<R3D_REAL> sum;
  if (!sum_rows({first, corners}, num_faces, vertex, crosses, 3, &sum)) sum = not_a_number3<R3D_REAL>();
  const Polar3<R3D_REAL> normal = polar(sum);
  lengths[vertex] = normal.length;
  store3(normals, vertex, normal.direction);
}

// The gradients of the sums that vertex normals are the directions of.
extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_sums_bwd(i64 num_verts,                 // V
                          const R3D_REAL* normals,       // (V, 3)
                          const R3D_REAL* lengths,       // (V,)
                          const R3D_REAL* grad_normals,  // (V, 3)
                          R3D_REAL* grad_sums) {         // (V, 3)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  store3(grad_sums, vertex,
         direction_bwd(load3(normals, vertex), lengths[vertex], load3(grad_normals, vertex)));
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_verts_bwd(const R3D_REAL* verts,         // (V, 3)
                           const i64* faces,              // (F, 3)
                           i64 num_verts, i64 num_faces,  // V, F
                           const R3D_REAL* grad_sums,     // (V, 3)
                           R3D_REAL* grad_corners) {      // (3 F, 3)
  using namespace r3d;
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  if (is_face(mesh, face))
    store_corner_grads(mesh, face, sums_cross_bwd(mesh, face, grad_sums), grad_corners);
  else
    for (int j = 0; j < 3; ++j) store3(grad_corners, 3 * face + j, not_a_number3<R3D_REAL>());
}

// The end of both backwards: the gradient of a vertex is the sum of those of its corners.
extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_corners_bwd(const i32* first,              // (V + 1,)
                             const i32* corners,            // (3 F,)
                             i64 num_verts, i64 num_faces,  // V, F
                             const R3D_REAL* grad_corners,  // (3 F, 3)
                             R3D_REAL* grad_verts) {        // (V, 3)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  Vec3<R3D_REAL> grad;
  if (!sum_rows({first, corners}, num_faces, vertex, grad_corners, 1, &grad))
    grad = not_a_number3<R3D_REAL>();
  store3(grad_verts, vertex, grad);
}
