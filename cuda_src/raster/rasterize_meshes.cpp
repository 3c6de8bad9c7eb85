// The CPU schedule of rasterize_meshes. Compiled once for each instruction set: no standard library in here.
//
// Coarse: bounding boxes of SIMD lanes of faces, then exact lists of faces over tiles (tile_lists.h). Fine: a
// tile at a time on one thread, faces in the order of their ids, each tried on stamps (small rectangles) of
// pixels, a lane a pixel. Only depth and id are kept while faces compete; barycentric coordinates and
// distances are computed afterwards, for the survivors, a lane a slot. For K = 1 without blur the tile is a
// z-buffer in the L1 cache; else each pixel keeps a sorted list of K, or above R3D_INSERTION_LIMIT a heap, in
// the output arrays themselves.
#include "cpu/face_gradients.h"
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

// More than the second-level caches of today's machines hold.
constexpr i64 kCachedBytes = (i64)4 << 20;

template <class Real>
bool outputs_overflow_caches(const RasterizeMeshesArgs<Real>& a) {
  const i64 slots = a.num_meshes * a.height * a.width * a.faces_per_pixel;
  const i64 reals = (a.zbuf ? 1 : 0) + (a.bary_coords ? 3 : 0) + (a.dists ? 1 : 0);
  return slots * ((i64)sizeof(i64) + reals * (i64)sizeof(Real)) > kCachedBytes;
}

template <class Real>
RasterizeMeshesStatus rasterize(const RasterizeMeshesArgs<Real>& a) {
  const bool zbuffer = a.faces_per_pixel == 1 && !(a.blur_radius > 0) && sizeof(Real) == sizeof(float) &&
                       a.after_zbuf == nullptr;
  const PixelCenters<Real> centers(a.width, a.height);
  if (!centers.column_x) return {-1, true};
  const Frame<Real> frame = {a,
                             settings_of(a),
                             centers.column_x,
                             centers.row_y,
                             zbuffer ? kZBufferShift : kListShift,
                             outputs_overflow_caches(a)};
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

template <class Real>
bool rasterize_bwd(const RasterizeMeshesBwdArgs<Real>& args) {
  const RasterizeMeshesArgs<Real>& a = args.forward;
  __builtin_memset(args.grad_verts, 0, (size_t)a.num_verts * 3 * sizeof(Real));
  const PixelCenters<Real> centers(a.width, a.height);
  if (!centers.column_x) return false;
  const RasterSettings<Real> settings = settings_of(a);
  const FragmentGrid grid = {a.pix_to_face, a.num_meshes, a.height, a.width, a.faces_per_pixel};
  const SlotGradients<Real> gradients = {args, settings, grid, centers.column_x, centers.row_y};
  bool enough = true;
  enough &= for_slots_by_face(grid, a.mesh_first_face,
                              [&](const FaceSlots& seen) { enough &= add_face_gradients(gradients, seen); });
  return enough;
}

}  // namespace

RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<float>& args) { return rasterize(args); }
RasterizeMeshesStatus rasterize_meshes_fwd(const RasterizeMeshesArgs<double>& args) {
  return rasterize(args);
}
bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<float>& args) { return rasterize_bwd(args); }
bool rasterize_meshes_bwd(const RasterizeMeshesBwdArgs<double>& args) { return rasterize_bwd(args); }

}  // namespace R3D_ISA
}  // namespace r3d
