// The CPU schedule of soft_silhouette. Forward: tiles of pixels, each adding up the faces of its list.
// Backward: faces, each adding up the pixels of its box; nothing is kept between the two but an image or two.
#include "cpu/simd_math.h"

#include "cpu/depth_limits.h"
#include "cpu/face_sums.h"
#include "raster/soft_silhouette.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// Must the depth at a pixel be known to tell whether the face counts there? Not where all that may count lies
// in front of the camera.
template <class Real>
R3D_MEMBER bool depth_decides(const StampFace<Real>& face, const RasterSettings<Real>& settings) {
  const Triangle<Real>& f = face.setup.f;
  const bool extrapolates = settings.blur_radius > 0 && !settings.clip_barycentric_coords;
  return extrapolates || !(min_of(f.z0, min_of(f.z1, f.z2)) > 0);
}

template <class Real>
bool silhouette_tile(const Frame<Real>& frame, const SoftSilhouetteArgs<Real>& args, i64 image, int tile_y,
                     int tile_x, const u32* list, i64 count) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width, sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const i64 K = a.faces_per_pixel;  // 0: all
  const int row0 = tile_y * kListTile, column0 = tile_x * kListTile;
  const PixelBox tile = {column0, row0, (column0 + kListTile < a.width ? column0 + kListTile : a.width) - 1,
                         (row0 + kListTile < a.height ? row0 + kListTile : a.height) - 1};
  TileLimits<Real> limits;
  if (K > 0 && !find_limits(frame, tile, list, count, K, &limits)) return false;
  const bool limited = K > 0 && count > K;
  const Real inverse_sigma = (Real)(1 / args.sigma);
  alignas(64) Real uncovered[kTileStride * kTileStride];
  for (Real& product : uncovered) product = 1;
  StampFaces<Real> faces(frame);
  for (i64 at = 0; at < count; at += width) {
    faces.each(list + at, (int)(count - at < width ? count - at : width), tile,
               [&](int, const StampFace<Real>& face, const PixelBox& box) {
                 const auto add = [&](int r, int c, const StampHits<Real>& h, Ints<Real> hit) {
                   Real* const product = uncovered + (r - row0) * kTileStride + c - column0;
                   const L factor = soft_coverage(h.dist, inverse_sigma).complement;
                   store_stamp(product, kTileStride,
                               load_stamp(product, kTileStride) * select(hit, factor, splat<L>(1)));
                 };
                 const bool with_depth = limited || depth_decides(face, frame.settings);
                 for (int r = box.y0; r <= box.y1; r += sh) {
                   const L py = stamp_rows(frame.row_y + r);
                   for (int c = box.x0; c <= box.x1; c += sw) {
                     const L px = stamp_columns(frame.column_x + c);
                     if (with_depth) {
                       StampHits<Real> h = hit_stamp<true, false>(px, py, face, frame.settings);
                       if (limited) {
                         u32 out = mask_bits(h.hit);
                         out &= ~limits.within((r - row0) * kTileStride + c - column0, h.sample.z, face.id);
                         for (; out; out &= out - 1) h.hit[__builtin_ctz(out)] = 0;
                       }
                       if (mask_bits(h.hit)) add(r, c, h, h.hit);
                     } else {
                       const StampHits<Real> h = hit_stamp<false, false>(px, py, face, frame.settings);
                       if (mask_bits(h.hit)) add(r, c, h, h.hit);
                     }
                   }
                 }
               });
  }
  const i64 first = (image * a.height + row0) * a.width + column0;
  for (int r = 0; r <= tile.y1 - row0; ++r) {
    const i64 pixel = first + (i64)r * a.width;
    for (int c = 0; c <= tile.x1 - column0; ++c) {
      args.uncovered[pixel + c] = uncovered[r * kTileStride + c];
      if (K > 0) {
        args.limit_depth[pixel + c] = limits.z[r * kTileStride + c];
        args.limit_face[pixel + c] = limits.id[r * kTileStride + c];
      }
    }
  }
  return true;
}

template <class Real>
RasterizeMeshesStatus silhouette(const SoftSilhouetteArgs<Real>& args) {
  const RasterizeMeshesArgs<Real>& a = args.raster;
  const PixelCenters<Real> centers(a.width, a.height);
  if (!centers.column_x) return {-1, true};
  const Frame<Real> frame = {a, settings_of(a), centers.column_x, centers.row_y, kListShift};
  const TileGrid grid = {(a.width + kListTile - 1) / kListTile, (a.height + kListTile - 1) / kListTile};
  RasterizeMeshesStatus status = {-1, false};
  bool enough = for_each_tile(
      a.mesh_first_face, a.num_meshes, grid, a.workspace_budget,
      [&](i64, i64 begin, i64 end, TileRange* ranges) {
        bounds_of_faces(frame, begin, end, ranges, &status.bad_face);
      },
      [&](i64 n, int y, int x, const u32* list, i64 count) {
        if (!silhouette_tile(frame, args, n, y, x, list, count))
          __atomic_store_n(&status.out_of_memory, true, __ATOMIC_RELAXED);
      });
  status.out_of_memory |= !enough;
  return status;
}

template <class Real>
bool silhouette_bwd(const SoftSilhouetteBwdArgs<Real>& args) {
  typedef Lanes<Real> L;
  constexpr int sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  const SoftSilhouetteArgs<Real>& forward = args.forward;
  const RasterizeMeshesArgs<Real>& a = forward.raster;
  __builtin_memset(args.grad_verts, 0, (size_t)a.num_verts * 3 * sizeof(Real));
  const PixelCenters<Real> centers(a.width, a.height);
  PaddedImages<Real> weights(a, a.num_meshes);
  if (!centers.column_x || !weights.memory.data) return false;
  const Real inverse_sigma = (Real)(1 / forward.sigma);
  weights.fill(a, a.num_meshes, [&](i64 n, int r, int c) {
    const i64 pixel = (n * a.height + r) * a.width + c;
    return args.grad_uncovered[pixel] * forward.uncovered[pixel] * inverse_sigma;
  });
  const Frame<Real> frame = {a, settings_of(a), centers.column_x, centers.row_y, 0};
  const bool limited = a.faces_per_pixel > 0;
  const auto sum_of = [&](i64 image, const u32* ids, int count, const PixelBox& window,
                          TriangleGradient<Real>* const* out) {
    StampFaces<Real> faces(frame);
    faces.each(ids, count, window, [&](int i, const StampFace<Real>& face, const PixelBox& box) {
      TriangleGradient<L> lanes = {};
      TriangleGradient<Real> rest = {};
      const bool with_depth = limited || depth_decides(face, frame.settings);
      for (int r = box.y0; r <= box.y1; r += sh) {
        const L py = stamp_rows(frame.row_y + r);
        for (int c = box.x0; c <= box.x1; c += sw) {
          const L weight = load_stamp(weights.at(image, r, c), (int)weights.row);
          if (!mask_bits(weight != 0)) continue;
          const L px = stamp_columns(frame.column_x + c);
          StampHits<Real> h = with_depth ? hit_stamp<true, true>(px, py, face, frame.settings)
                                         : hit_stamp<false, true>(px, py, face, frame.settings);
          if (limited)
            for (u32 left = mask_bits(h.hit); left; left &= left - 1) {
              const int lane = __builtin_ctz(left), y = r + lane / sw, x = c + lane % sw;
              const i64 pixel = (image * a.height + y) * a.width + x;
              if (y >= a.height || x >= a.width || h.sample.z[lane] > forward.limit_depth[pixel] ||
                  (h.sample.z[lane] == forward.limit_depth[pixel] && face.id > forward.limit_face[pixel]))
                h.hit[lane] = 0;
            }
          if (!mask_bits(h.hit)) continue;
          const L grad = soft_coverage_bwd(soft_coverage(h.dist, inverse_sigma), weight);
          hit_stamp_bwd<false>(h, face, frame.settings, HitGradient<L>{{}, grad}, &lanes, &rest);
        }
      }
      add_lanes(lanes, &rest);
      *out[i] = rest;
    });
  };
  return sum_faces<TriangleGradient<Real>>(frame, sum_of, [&](i64 face, const TriangleGradient<Real>& g) {
    const i64* const v = a.faces + 3 * face;
    Real* const g0 = args.grad_verts + 3 * v[0];
    g0[0] += g.x0, g0[1] += g.y0, g0[2] += g.z0;
    Real* const g1 = args.grad_verts + 3 * v[1];
    g1[0] += g.x1, g1[1] += g.y1, g1[2] += g.z1;
    Real* const g2 = args.grad_verts + 3 * v[2];
    g2[0] += g.x2, g2[1] += g.y2, g2[2] += g.z2;
  });
}

}  // namespace

RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<float>& args) { return silhouette(args); }
RasterizeMeshesStatus soft_silhouette_fwd(const SoftSilhouetteArgs<double>& args) { return silhouette(args); }
bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<float>& args) { return silhouette_bwd(args); }
bool soft_silhouette_bwd(const SoftSilhouetteBwdArgs<double>& args) { return silhouette_bwd(args); }

}  // namespace R3D_ISA
}  // namespace r3d
