// The sides of faces as undirected edges: shared by the CPU schedule, the CUDA kernels and the emulation.
#ifndef R3D_SURFACE_MESH_EDGES_H_
#define R3D_SURFACE_MESH_EDGES_H_

#include "surface/vertex_corners.h"

namespace r3d {

struct Edge {
  i64 low, high;  // vertices; the same where a face names one twice
};

// The side of a face (3,) that lies opposite to its corner j.
R3D_FN Edge edge_opposite(const i64* face, int j) {
  const i64 a = face[j < 2 ? j + 1 : 0], b = face[j > 0 ? j - 1 : 2];
  return a < b ? Edge{a, b} : Edge{b, a};
}

}  // namespace r3d

#endif  // R3D_SURFACE_MESH_EDGES_H_
