// The CUDA kernels of mesh_normals, on the mathematics of mesh_normals.h: a thread a face or a vertex. What
// names no vertex becomes NaN, for an error would have to be waited for.
#include "mesh_normals.h"

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
  Vec3<R3D_REAL> product;
  if (!face_cross(mesh, face, &product)) product = not_a_number3<R3D_REAL>();
  const Polar3<R3D_REAL> normal = polar(product);
  areas[face] = normal.length / 2;
  store3(normals, face, normal.direction);
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_faces_bwd(const R3D_REAL* verts,         // (V, 3)
                           const i64* faces,              // (F, 3)
                           const i32* first,              // (V + 1,)
                           const i32* corners,            // (3 F,)
                           i64 num_verts, i64 num_faces,  // V, F
                           const R3D_REAL* areas,         // (F,)
                           const R3D_REAL* normals,       // (F, 3)
                           const R3D_REAL* grad_areas,    // (F,), or null
                           const R3D_REAL* grad_normals,  // (F, 3), or null
                           R3D_REAL* grad_verts) {        // (V, 3)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  Vec3<R3D_REAL> grad;
  if (face_areas_normals_bwd(mesh, {first, corners}, vertex, areas, normals, grad_areas, grad_normals,
                             &grad) != kNoBadFace)
    grad = not_a_number3<R3D_REAL>();
  store3(grad_verts, vertex, grad);
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_normals_verts_fwd(const R3D_REAL* verts,         // (V, 3)
                           const i64* faces,              // (F, 3)
                           const i32* first,              // (V + 1,)
                           const i32* corners,            // (3 F,)
                           i64 num_verts, i64 num_faces,  // V, F
                           R3D_REAL* normals,             // (V, 3)
                           R3D_REAL* lengths) {           // (V,)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  Vec3<R3D_REAL> sum;
  if (sum_crosses(mesh, {first, corners}, vertex, &sum) != kNoBadFace) sum = not_a_number3<R3D_REAL>();
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
                           const i32* first,              // (V + 1,)
                           const i32* corners,            // (3 F,)
                           i64 num_verts, i64 num_faces,  // V, F
                           const R3D_REAL* grad_sums,     // (V, 3)
                           R3D_REAL* grad_verts) {        // (V, 3)
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex >= num_verts) return;
  const PackedMesh<R3D_REAL> mesh = {verts, faces, num_verts, num_faces};
  Vec3<R3D_REAL> grad;
  if (vertex_normals_bwd(mesh, {first, corners}, vertex, grad_sums, &grad) != kNoBadFace)
    grad = not_a_number3<R3D_REAL>();
  store3(grad_verts, vertex, grad);
}
