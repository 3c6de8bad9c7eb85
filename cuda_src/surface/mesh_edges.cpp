// The CPU schedule of mesh_edges: the sides of all faces by their lower vertex; at each vertex they are few,
// and sorted by the other one. Compiled once for each instruction set: no standard library.
//
// Side 3f + j is the side of face f opposite to its corner j. Vertices are handled in chunks, so that an
// edge's number is known within its chunk before the number of all edges is.
#include "surface/mesh_edges.h"

#include "cpu/group_by_vertex.h"
#include "cpu/radix_sort.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kVertsPerChunk = 512;  // backend/mesh_edges.py knows it too
constexpr i64 kFewSides = 64;        // at a vertex: insertion is the fastest up to there
constexpr i64 kFacesPerGrain = 16384;

R3D_FN u64 pair(i64 upper, i64 lower) { return (u64)upper << 32 | (u64)lower; }
R3D_FN i64 upper(u64 pair) { return (i64)(pair >> 32); }
R3D_FN i64 lower(u64 pair) { return (i64)(u32)pair; }

bool sort_sides(u64* sides, i64 size) {
  if (size <= kFewSides) {
    insertion_sort(sides, size);
    return true;
  }
  Scratch<u64> spare(size);
  if (spare.data) radix_sort_upper(sides, spare.data, size);
  return spare.data != nullptr;
}

// Turns a chunk's sides (other vertex, side), by vertex, into its edges (other vertex, vertex), which take
// no more room, and numbers them for the faces. Returns their number, or -1 when memory ran out.
i64 unite_sides(const MeshEdges& a, i64 chunk) {
  const i64 begin = chunk * kVertsPerChunk, end = least(begin + kVertsPerChunk, a.num_verts);
  u64* const edges = a.sides + a.first[begin];
  i64 count = 0;
  for (i64 v = begin; v < end; ++v) {
    u64* const sides = a.sides + a.first[v];
    const i64 size = a.first[v + 1] - a.first[v];
    if (!sort_sides(sides, size)) return -1;
    i64 last = -1;
    for (i64 i = 0; i < size; ++i) {
      const i64 other = upper(sides[i]), side = lower(sides[i]);
      if (other != last) edges[count++] = pair(other, v);
      last = other;
      if (a.faces_to_edges) a.faces_to_edges[side] = count - 1;
    }
  }
  return count;
}

i64 count_edges(const MeshEdges& a) {
  struct Side {
    i64 vertex;
    u64 value;
  };
  const auto side = [&](i64 face, int j) {
    const Edge edge = edge_opposite(a.faces + 3 * face, j);
    return Side{edge.low, pair(edge.high, 3 * face + j)};
  };
  const i64 status = group_by_vertex(a.faces, a.num_faces, a.num_verts, side, a.first, a.sides);
  if (status != kGood) return status;

  const i64 chunks = (a.num_verts + kVertsPerChunk - 1) / kVertsPerChunk;
  parallel(chunks, 1, [&](i64 begin, i64 end, int) {
    for (i64 chunk = begin; chunk < end; ++chunk) a.chunk_first[chunk] = unite_sides(a, chunk);
  });
  i64 before = 0;
  for (i64 chunk = 0; chunk < chunks; ++chunk) {
    const i64 count = a.chunk_first[chunk];
    if (count < 0) return kOutOfMemory;
    a.chunk_first[chunk] = before;
    before += count;
  }
  a.chunk_first[chunks] = before;
  return kGood;
}

i64 write_edges(const MeshEdges& a) {
  const i64 chunks = (a.num_verts + kVertsPerChunk - 1) / kVertsPerChunk;
  parallel(chunks, 8, [&](i64 begin, i64 end, int) {
    for (i64 chunk = begin; chunk < end; ++chunk) {
      const u64* from = a.sides + a.first[chunk * kVertsPerChunk];
      for (i64 e = a.chunk_first[chunk]; e < a.chunk_first[chunk + 1]; ++e, ++from) {
        a.edges[2 * e] = lower(*from);
        a.edges[2 * e + 1] = upper(*from);
      }
    }
  });
  if (!a.faces_to_edges) return kGood;
  parallel(a.num_faces, kFacesPerGrain, [&](i64 begin, i64 end, int) {
    for (i64 f = begin; f < end; ++f)
      for (int j = 0; j < 3; ++j)
        a.faces_to_edges[3 * f + j] += a.chunk_first[edge_opposite(a.faces + 3 * f, j).low / kVertsPerChunk];
  });
  return kGood;
}

}  // namespace

R3D_PLAIN_SCHEDULE(mesh_edges_count, MeshEdges, count_edges)
R3D_PLAIN_SCHEDULE(mesh_edges_write, MeshEdges, write_edges)

}  // namespace R3D_ISA
}  // namespace r3d
