// The CUDA kernels of mesh_edges.
//
//   count, fill   a thread a face: its sides, by their lower vertex; scan.cu between them says where each
//                 vertex's sides begin, and sort_runs.cu then sorts them by their higher vertex
//   heads         a thread a side: whether it is the first of its edge; scan.cu numbers the edges
//   write         a thread a side: those that are the first write their edge
//   find          a thread a side: looks its edge up
// Sides come in the order in which atomics happen to run; equal ones cannot be told apart, so it never shows.
#include "surface/mesh_edges.h"

namespace {

using namespace r3d;

}  // namespace

extern "C" __global__ void __launch_bounds__(256)
    mesh_edges_count(const i64* faces,  // (F, 3)
                     i64 num_faces, i64 num_verts,
                     i64* counts,      // (V + 1,) zeros, then sides of each lower vertex
                     i64* bad_face) {  // (1,) 0, then F - the first face that points past the vertices
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces) return;
  if (names_outside(faces + 3 * face, num_verts)) {
    atomicMax(bad_face, num_faces - face);
    return;
  }
  for (int j = 0; j < 3; ++j) atomicAdd((u64*)(counts + edge_opposite(faces + 3 * face, j).low), (u64)1);
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_edges_fill(const i64* faces,  // (F, 3)
                    i64 num_faces, i64 num_verts,
                    i64* cursors,  // (V + 1,) where each lower vertex's sides begin, then where they end
                    i32* lows,     // (3F,) vertices of each side
                    i32* highs) {  // (3F,)
  const i64 face = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= num_faces || names_outside(faces + 3 * face, num_verts)) return;
  for (int j = 0; j < 3; ++j) {
    const Edge edge = edge_opposite(faces + 3 * face, j);
    const i64 at = (i64)atomicAdd((u64*)(cursors + edge.low), (u64)1);
    lows[at] = (i32)edge.low;
    highs[at] = (i32)edge.high;
  }
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_edges_heads(const i32* first,  // (V + 1,) where each lower vertex's sides begin; last, their number
                     i64 num_verts,
                     const i32* lows,   // (3F,)
                     const i32* highs,  // (3F,) ascending at each lower vertex
                     i64* heads) {      // (3F,) zeros, then 1 where a side is the first of its edge
  const i64 side = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (side >= first[num_verts]) return;  // sides of bad faces are not there
  heads[side] = side == 0 || lows[side] != lows[side - 1] || highs[side] != highs[side - 1];
}

extern "C" __global__ void __launch_bounds__(256)
    mesh_edges_write(const i32* lows,    // (3F,)
                     const i32* highs,   // (3F,)
                     const i64* before,  // (3F + 1,) edges before each side
                     i64 num_sides,
                     i64* edges) {  // (E, 2)
  const i64 side = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (side >= num_sides || before[side] == before[side + 1]) return;
  edges[2 * before[side]] = lows[side];
  edges[2 * before[side] + 1] = highs[side];
}

extern "C" __global__ void __launch_bounds__(256) mesh_edges_find(const i64* faces,  // (F, 3)
                                                                  i64 num_faces,
                                                                  const i32* first,       // (V + 1,)
                                                                  const i32* highs,       // (3F,)
                                                                  const i64* before,      // (3F + 1,)
                                                                  i64* faces_to_edges) {  // (F, 3)
  const i64 slot = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (slot >= 3 * num_faces) return;
  const Edge edge = edge_opposite(faces + slot / 3 * 3, (int)(slot % 3));
  i64 low = first[edge.low], high = first[edge.low + 1];  // the first side that reaches edge.high
  while (low < high) {
    const i64 middle = (low + high) / 2;
    if (highs[middle] < edge.high)
      low = middle + 1;
    else
      high = middle;
  }
  faces_to_edges[slot] = before[low];
}
