// The CUDA kernels of world_to_screen, on the mathematics of world_to_screen.h. Forward: a projection for
// each camera, then the rows. Backward: the vertices; or sums of chunks of rows, sums of those, and the
// lenses.
#include "raster/world_to_screen.h"

extern "C" __global__ void __launch_bounds__(256)
    world_to_screen_matrices(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 camera = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (camera < a.num_cameras) make_matrix(a, camera);
}

extern "C" __global__ void __launch_bounds__(256) world_to_screen_fwd(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= a.num_rows) return;
  const i64 camera = camera_of(a, row);
  const R3D_REAL *const R = a.rotations + camera * 9, *const T = a.translations + camera * 3;
  if (!project(R, T, a.matrices + camera * 12, vertex_of(a, row, camera), a.screen + row * 3))
    atomicAdd(a.not_finite, 1);
}

extern "C" __global__ void __launch_bounds__(256)
    world_to_screen_bwd_verts(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 vertex = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (vertex < a.num_verts) vertex_grad(a, vertex);
}

extern "C" __global__ void __launch_bounds__(256)
    world_to_screen_bwd_chunks(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 chunk = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (chunk * a.chunk_rows < a.num_rows) sum_chunk(a, chunk);
}

extern "C" __global__ void __launch_bounds__(256)
    world_to_screen_bwd_sums(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at < a.num_cameras * r3d::kCameraSums)
    sum_camera(a, at / r3d::kCameraSums, (int)(at % r3d::kCameraSums));
}

extern "C" __global__ void __launch_bounds__(256)
    world_to_screen_bwd_lens(const r3d::WorldToScreen<R3D_REAL> a) {
  using namespace r3d;
  const i64 camera = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (camera < a.num_cameras) lens_grad(a, camera);
}
