// What hangs together in a mesh, by a union-find forest. Not a kernel: for the numbers that are told of a
// mesh.
#include "cpu/bind.h"

#include <vector>

namespace r3d {
namespace {

// Every root is the least member of its tree, and no node hangs below one that is greater.
i64 root_of(i64* above, i64 node) {
  while (above[node] != node) {
    above[node] = above[above[node]];
    node = above[node];
  }
  return node;
}

void join(i64* above, i64 a, i64 b) {
  a = root_of(above, a);
  b = root_of(above, b);
  if (a < b)
    above[b] = a;
  else
    above[a] = b;
}

void start(i64* above, i64 count) {
  for (i64 i = 0; i < count; ++i) above[i] = i;
}

// Those above a node were flattened before it.
void flatten(i64* above, i64 count) {
  for (i64 i = 0; i < count; ++i) above[i] = above[above[i]];
}

// pairs: (P, 2) ids below count. roots: (count,) the least member of each one's component.
void components(const i64* pairs, i64 num_pairs, i64* roots, i64 count) {
  start(roots, count);
  for (i64 i = 0; i < num_pairs; ++i) join(roots, pairs[2 * i], pairs[2 * i + 1]);
  flatten(roots, count);
}

// faces: (F, 3). faces_to_edges: (F, 3) the edge opposite to each corner. shared: (E,) which edges have two
// faces. fans: (3F,) the first corner of those around the same vertex that shared edges join.
void corner_fans(const i64* faces, const i64* faces_to_edges, i64 num_faces, const u8* shared, i64 num_edges,
                 i64* fans) {
  start(fans, 3 * num_faces);
  std::vector<i64> first(num_edges, -1);  // side of each edge
  const auto corner = [](i64 side, i64 step) { return side - side % 3 + (side + step) % 3; };
  for (i64 side = 0; side < 3 * num_faces; ++side) {
    const i64 edge = faces_to_edges[side];
    if (!shared[edge]) continue;
    if (first[edge] < 0) {
      first[edge] = side;
      continue;
    }
    const i64 a = corner(first[edge], 1), b = corner(first[edge], 2);
    const i64 c = corner(side, 1), d = corner(side, 2);
    const bool along = faces[a] == faces[c];
    join(fans, a, along ? c : d);
    join(fans, b, along ? d : c);
  }
  flatten(fans, 3 * num_faces);
}

// users: (E,) how many faces have each edge, ascending: (E,) how many of them run to the greater id; up to
// 255.
void edge_uses(const i64* faces, const i64* faces_to_edges, i64 num_faces, u8* users, u8* ascending) {
  for (i64 side = 0; side < 3 * num_faces; ++side) {
    const i64 first = side - side % 3, edge = faces_to_edges[side];
    users[edge] += users[edge] < 255;
    const bool ascends = faces[first + (side + 1) % 3] < faces[first + (side + 2) % 3];
    ascending[edge] += ascends && ascending[edge] < 255;
  }
}

// The fans of each vertex, up to 255, and their sum.
i64 count_fans(const i64* faces, const i64* fans, i64 num_corners, u8* of_vertex) {
  i64 count = 0;
  for (i64 i = 0; i < num_corners; ++i)
    if (fans[i] == i) {
      ++count;
      of_vertex[faces[i]] += of_vertex[faces[i]] < 255;
    }
  return count;
}

}  // namespace

void bind_components(nb::module_& m) {
  m.def(
      "components",
      [](Array<const i64> pairs, Array<i64> roots) {
        nb::gil_scoped_release release;
        components(pairs.data(), rows(pairs), roots.data(), rows(roots));
      },
      "pairs"_a.noconvert(), "roots"_a.noconvert());
  m.def(
      "corner_fans",
      [](Array<const i64> faces, Array<const i64> faces_to_edges, Array<const u8> shared, Array<i64> fans) {
        nb::gil_scoped_release release;
        corner_fans(faces.data(), faces_to_edges.data(), rows(faces), shared.data(), rows(shared),
                    fans.data());
      },
      "faces"_a.noconvert(), "faces_to_edges"_a.noconvert(), "shared"_a.noconvert(), "fans"_a.noconvert());
  m.def(
      "edge_uses",
      [](Array<const i64> faces, Array<const i64> faces_to_edges, Array<u8> users, Array<u8> ascending) {
        nb::gil_scoped_release release;
        edge_uses(faces.data(), faces_to_edges.data(), rows(faces), users.data(), ascending.data());
      },
      "faces"_a.noconvert(), "faces_to_edges"_a.noconvert(), "users"_a.noconvert(),
      "ascending"_a.noconvert());
  m.def(
      "count_fans",
      [](Array<const i64> faces, Array<const i64> fans, Array<u8> of_vertex) {
        nb::gil_scoped_release release;
        return count_fans(faces.data(), fans.data(), rows(fans), of_vertex.data());
      },
      "faces"_a.noconvert(), "fans"_a.noconvert(), "of_vertex"_a.noconvert());
}

R3D_BIND(bind_components)

}  // namespace r3d
