// The CPU schedule of rasterize_meshes. Compiled once for each instruction set: no standard library in here.
//
// Coarse: bounding boxes of SIMD lanes of faces, then exact lists of faces over tiles (tile_lists.h). Fine: a
// tile at a time on one thread, faces in the order of their ids, each tried on stamps (small rectangles) of
// pixels, a lane a pixel. Only depth and id are kept while faces compete; barycentric coordinates and
// distances are computed afterwards, for the survivors, a lane a slot. For K = 1 without blur the tile is a
// z-buffer in the L1 cache; else each pixel keeps a sorted list of K, or above R3D_INSERTION_LIMIT a heap, in
// the output arrays themselves.
#include "cpu/list_tile.h"
#include "cpu/zbuffer_tile.h"

namespace r3d {
namespace R3D_ISA {
namespace {

void fine_tile(const Frame<float>& frame, i64 n, int y, int x, const u32* list, i64 count) {
  if (frame.tile_shift == kZBufferShift)
    zbuffer_tile(frame, n, y, x, list, count);
  else
    list_tile(frame, n, y, x, list, count);
}
void fine_tile(const Frame<double>& frame, i64 n, int y, int x, const u32* list, i64 count) {
  list_tile(frame, n, y, x, list, count);
}

template <class Real>
RasterizeMeshesStatus rasterize(const RasterizeMeshesArgs<Real>& a) {
  const bool zbuffer = a.faces_per_pixel == 1 && !(a.blur_radius > 0) && sizeof(Real) == sizeof(float);
  Scratch<Real> centers(a.width + a.height + 2 * kMaxStamp);
  if (!centers.data) return {-1, true};
  Real *const column_x = centers.data, *const row_y = centers.data + a.width + kMaxStamp;
  for (int i = 0; i < a.width + kMaxStamp; ++i)
    column_x[i] = pixel_center<Real>((i64)a.width - 1 - i, a.width, a.height);
  for (int i = 0; i < a.height + kMaxStamp; ++i)
    row_y[i] = pixel_center<Real>((i64)a.height - 1 - i, a.height, a.width);
  const Frame<Real> frame = {a,
                             {a.perspective_correct, a.clip_barycentric_coords, a.cull_backfaces,
                              (Real)a.blur_radius, (Real)a.z_near, (Real)a.z_far},
                             column_x,
                             row_y,
                             zbuffer ? kZBufferShift : kListShift};
  const int tile = 1 << frame.tile_shift;
  const TileGrid grid = {(a.width + tile - 1) / tile, (a.height + tile - 1) / tile};
  RasterizeMeshesStatus status = {-1, false};
  status.out_of_memory = !for_each_tile(
      a.mesh_first_face, a.num_meshes, grid, a.workspace_budget,
      [&](i64, i64 begin, i64 end, TileRange* ranges) {
        bounds_of_faces(frame, begin, end, ranges, &status.bad_face);
      },
      [&](i64 n, int y, int x, const u32* list, i64 count) { fine_tile(frame, n, y, x, list, count); });
  return status;
}

}  // namespace

RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>& args) { return rasterize(args); }
RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>& args) {
  return rasterize(args);
}

}  // namespace R3D_ISA
}  // namespace r3d
