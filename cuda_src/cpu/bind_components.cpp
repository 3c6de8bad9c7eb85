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
}

}  // namespace r3d
