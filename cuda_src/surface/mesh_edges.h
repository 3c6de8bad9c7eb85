// The sides of faces as undirected edges: shared by the CPU schedule, the CUDA kernels and the emulation.
#ifndef R3D_SURFACE_MESH_EDGES_H_
#define R3D_SURFACE_MESH_EDGES_H_

#include "surface/vertex_corners.h"

namespace r3d {

struct MeshEdges {
  const i64* faces;     // (F, 3) ids below num_verts
  i64 num_faces;        // F
  i64 num_verts;        // V
  i32* first;           // (V + 1,) workspace: where each vertex's sides begin
  u64* sides;           // (3F,) workspace: sides, then edges, by their lower vertex
  i64* chunk_first;     // (C + 1,) the edge with which each chunk of vertices begins; last, their number
  i64* faces_to_edges;  // (F, 3), or null
  i64* edges;           // (E, 2), or null: their number is not known yet
};

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
