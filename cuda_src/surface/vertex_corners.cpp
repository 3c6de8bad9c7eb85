// The CPU schedule of vertex_corners: a counting sort of corners. Compiled once for each instruction set: no
// standard library.
#include "cpu/group_by_vertex.h"

namespace r3d {
namespace R3D_ISA {

i64 vertex_corners(const VertexCornersArgs& a) {
  struct Corner {
    i64 vertex;
    i32 value;
  };
  const auto corner = [&](i64 face, int j) { return Corner{a.faces[3 * face + j], (i32)(3 * face + j)}; };
  return group_by_vertex(a.faces, a.num_faces, a.num_verts, corner, a.first, a.corners);
}

}  // namespace R3D_ISA
}  // namespace r3d
