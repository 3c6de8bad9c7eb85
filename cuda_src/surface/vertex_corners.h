// Which vertices a face names: shared by the CPU schedules, the CUDA kernels and the emulation.
#ifndef R3D_SURFACE_VERTEX_CORNERS_H_
#define R3D_SURFACE_VERTEX_CORNERS_H_

#include "math/kernel.h"

namespace r3d {

struct VertexCorners {
  const i64* faces;  // (F, 3) ids below num_verts
  i64 num_faces;     // F
  i64 num_verts;     // V
  i32* first;        // (V + 1,) where each vertex's corners begin
  i32* corners;      // (3F,) 3 face + j, ascending at each vertex
};

// Whether a face (3,) names a vertex outside [0, num_verts). Unsigned, so that negative ids are too large.
R3D_FN bool names_outside(const i64* face, i64 num_verts) {
  const u64 count = (u64)num_verts;
  return (u64)face[0] >= count || (u64)face[1] >= count || (u64)face[2] >= count;
}

// Sorts a short run in place, ascending: few steps where little is out of order.
template <class T>
R3D_FN void insertion_sort(T* run, i64 size) {
  for (i64 i = 1; i < size; ++i) {
    const T value = run[i];
    i64 at = i;
    for (; at > 0 && value < run[at - 1]; --at) run[at] = run[at - 1];
    run[at] = value;
  }
}

}  // namespace r3d

#endif  // R3D_SURFACE_VERTEX_CORNERS_H_
