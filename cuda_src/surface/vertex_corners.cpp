// The CPU schedule of vertex_corners: a counting sort of corners. Compiled once for each instruction set: no
// standard library.
#include "surface/vertex_corners.h"

#include "cpu/group_by_vertex.h"

namespace r3d {
namespace R3D_ISA {
namespace {

i64 list_corners(const VertexCorners& a) {
  struct Corner {
    i64 vertex;
    i32 value;
  };
  const auto corner = [&](i64 face, int j) { return Corner{a.faces[3 * face + j], (i32)(3 * face + j)}; };
  return group_by_vertex(a.faces, a.num_faces, a.num_verts, corner, a.first, a.corners);
}

}  // namespace

R3D_PLAIN_SCHEDULE(vertex_corners, VertexCorners, list_corners)

}  // namespace R3D_ISA
}  // namespace r3d
