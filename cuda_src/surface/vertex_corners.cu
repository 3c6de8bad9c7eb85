// The CUDA kernels of vertex_corners: count each vertex's corners, scan.cu turns counts into places, fill.
// Corners come in the order in which atomics happen to run; sort_runs.cu makes them ascend.
#include "surface/vertex_corners.h"

namespace {

using namespace r3d;

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    vertex_corners_count(const i64* faces,  // (F, 3)
                         i64 num_faces, i64 num_verts,
                         i64* counts,      // (V + 1,) zeros, then corners at each vertex
                         i64* bad_face) {  // (1,) 0, then F - the first face that points past the vertices
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  if (names_outside(faces + 3 * face, num_verts)) {
    atomicMax(bad_face, num_faces - face);
    return;
  }
  for (int j = 0; j < 3; ++j) atomicAdd((u64*)(counts + faces[3 * face + j]), (u64)1);
}

extern "C" __global__ void __launch_bounds__(256)
    vertex_corners_fill(const i64* faces,  // (F, 3)
                        i64 num_faces, i64 num_verts,
                        i64* cursors,    // (V + 1,) where each vertex's corners begin, then where they end
                        i32* corners) {  // (3F,)
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces || names_outside(faces + 3 * face, num_verts)) return;
  for (int j = 0; j < 3; ++j)
    corners[atomicAdd((u64*)(cursors + faces[3 * face + j]), (u64)1)] = (i32)(3 * face + j);
}
