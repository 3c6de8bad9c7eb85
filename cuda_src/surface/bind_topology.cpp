// Bindings of the ops on faces alone: vertex_corners, mesh_edges.
#include <new>

#include "cpu/bind.h"

namespace r3d {
namespace {

i64 bad_face_of(i64 status) {
  if (status == kOutOfMemory) throw std::bad_alloc();
  return status;
}

MeshEdgesArgs mesh_edges_args(const Array<const i64>& faces, i64 num_verts, const Array<i32>& first,
                              const Array<u64>& sides, const Array<i64>& chunk_first,
                              const std::optional<Array<i64>>& faces_to_edges) {
  return {faces.data(),
          rows(faces),
          num_verts,
          first.data(),
          sides.data(),
          chunk_first.data(),
          optional_data(faces_to_edges)};
}

}  // namespace

void bind_topology(nb::module_& m) {
  m.def(
      "vertex_corners",
      [](Array<const i64> faces, i64 num_verts, Array<i32> first, Array<i32> corners) {
        const VertexCornersArgs args = {faces.data(), rows(faces), num_verts, first.data(), corners.data()};
        i64 status;
        {
          nb::gil_scoped_release release;
          status = R3D_DISPATCH(vertex_corners, args);
        }
        return bad_face_of(status);
      },
      "faces"_a.noconvert(), "num_verts"_a, "first"_a.noconvert(), "corners"_a.noconvert());
  m.def(
      "mesh_edges_count",
      [](Array<const i64> faces, i64 num_verts, Array<i32> first, Array<u64> sides, Array<i64> chunk_first,
         std::optional<Array<i64>> faces_to_edges) {
        const MeshEdgesArgs args =
            mesh_edges_args(faces, num_verts, first, sides, chunk_first, faces_to_edges);
        i64 status;
        {
          nb::gil_scoped_release release;
          status = R3D_DISPATCH(mesh_edges_count, args);
        }
        return bad_face_of(status);
      },
      "faces"_a.noconvert(), "num_verts"_a, "first"_a.noconvert(), "sides"_a.noconvert(),
      "chunk_first"_a.noconvert(), "faces_to_edges"_a.noconvert().none());
  m.def(
      "mesh_edges_write",
      [](Array<const i64> faces, i64 num_verts, Array<i32> first, Array<u64> sides, Array<i64> chunk_first,
         std::optional<Array<i64>> faces_to_edges, Array<i64> edges) {
        const MeshEdgesArgs args =
            mesh_edges_args(faces, num_verts, first, sides, chunk_first, faces_to_edges);
        nb::gil_scoped_release release;
        R3D_DISPATCH(mesh_edges_write, args, edges.data());
      },
      "faces"_a.noconvert(), "num_verts"_a, "first"_a.noconvert(), "sides"_a.noconvert(),
      "chunk_first"_a.noconvert(), "faces_to_edges"_a.noconvert().none(), "edges"_a.noconvert());
}

}  // namespace r3d
