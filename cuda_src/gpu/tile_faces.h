// Faces as the kernels that rasterize meet them: made ready to be tested at many pixels, and tested there.
#ifndef R3D_GPU_TILE_FACES_H_
#define R3D_GPU_TILE_FACES_H_

#include "raster/rasterize_meshes.h"
#include "raster/tile_lists.h"

namespace {

using namespace r3d;

constexpr int kTile = 16;                // pixels a side: backend/rasterize_meshes.py knows it too
constexpr int kThreads = kTile * kTile;  // of every block here
static_assert(kThreads == 256, "the number in every __launch_bounds__");
constexpr int kWarp = 32;
constexpr int kBatch = sizeof(R3D_REAL) == 4 ? 256 : 128;  // faces in shared memory at a time, below 48 KB
constexpr int kWarpPixels = 4096;                          // pixels that one warp tests
constexpr i32 kNoFace = 0x7fffffff;
constexpr double kSlack = 1.0 / 16;  // of a pixel: more than pixel_center rounds off in an image 32768 wide

template <class Real>
__device__ inline Triangle<Real> load_face(const Real* verts, const i64* faces, i64 id) {
  const Real *a = verts + 3 * faces[3 * id], *b = verts + 3 * faces[3 * id + 1],
             *c = verts + 3 * faces[3 * id + 2];
  return {a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]};
}

// A face made ready to be tested at many pixels.
template <class Real>
struct Prepared {
  FaceSetup<Real> setup;
  Polygon<Real> polygon;        // its visible part
  Real xmin, xmax, ymin, ymax;  // of that part
  Real nearest;                 // no pixel finds the face nearer than this
  i32 id;
  bool plain;   // the polygon is the triangle itself, and products of its coordinates do not overflow
  i32 padding;  // to an odd number of words
};
static_assert(sizeof(Prepared<float>) / 4 % 2 == 1, "neighbouring threads store to different banks");

// Depths lie between those of the vertices, but for rounding; outside the face they are extrapolated, and
// where weights leave the range of float nothing is certain.
template <class Real>
__device__ inline Real nearest_depth(const Triangle<Real>& f, const Polygon<Real>& polygon,
                                     const RasterSettings<Real>& settings) {
  const Real near_z = min_of(f.z0, min_of(f.z1, f.z2)), far_z = max_of(f.z0, max_of(f.z1, f.z2));
  const bool extrapolates = settings.blur_radius > 0 && !settings.clip_barycentric_coords;
  const bool certain = abs_of(polygon_area2(polygon)) > 1e-30 * max_of((double)far_z, 1.0);
  return near_z > 0 && certain && !extrapolates ? near_z * (1 - 16 * rounding_unit(near_z)) : 0;
}

// Not inlined, as are the other long and rare ways below: ten copies of clipping cost ten seconds of
// compilation.
template <class Real>
__device__ __noinline__ Prepared<Real> prepare(const Triangle<Real>& f, i32 id,
                                               const RasterSettings<Real>& settings) {
  Prepared<Real> p;
  p.setup = set_up_face(f);
  p.id = id;
  p.padding = 0;
  p.polygon = visible_polygon(f, settings);
  p.plain = !wild(f) && !p.polygon.clipped;
  p.nearest = nearest_depth(f, p.polygon, settings);
  p.xmin = p.xmax = p.polygon.x[0];
  p.ymin = p.ymax = p.polygon.y[0];
  for (int i = 1; i < p.polygon.size; ++i) {
    p.xmin = min_of(p.xmin, p.polygon.x[i]);
    p.xmax = max_of(p.xmax, p.polygon.x[i]);
    p.ymin = min_of(p.ymin, p.polygon.y[i]);
    p.ymax = max_of(p.ymax, p.polygon.y[i]);
  }
  return p;
}

// How far from a face in NDC pixels may be that still count it.
template <class Real>
__device__ inline double reach(const RasterSettings<Real>& settings) {
  return sqrt((double)settings.blur_radius) * (1 + 1e-5);
}

// NDC indices of the first and last pixel centre in [low, high], widened by kSlack, within the image. Not a
// number counts as no limit.
__device__ inline void pixel_range(double low, double high, int side, int other, i32* first, i32* last) {
  const double range = side > other ? 2.0 * side / other : 2.0, scale = side / range;
  *first = (i32)fmin(fmax(ceil((low + range / 2) * scale - 0.5 - kSlack), 0.0), (double)side);
  *last = (i32)fmax(fmin(floor((high + range / 2) * scale - 0.5 + kSlack), side - 1.0), -1.0);
}

// The columns and rows that a face can touch.
template <class Real>
__device__ inline Box pixel_box(const Prepared<Real>& p, const RasterSettings<Real>& settings, int height,
                                int width) {
  if (p.polygon.size < 3) return {0, 0, -1, -1};
  const double margin = reach(settings);
  Box box;
  i32 first, last;
  pixel_range(p.xmin - margin, p.xmax + margin, width, height, &first, &last);
  box.x0 = width - 1 - last;
  box.x1 = width - 1 - first;
  pixel_range(p.ymin - margin, p.ymax + margin, height, width, &first, &last);
  box.y0 = height - 1 - last;
  box.y1 = height - 1 - first;
  return box;
}

// Does no pixel of the box see the face? Says so only when one edge has the whole box on its outer side. The
// box is grown to the pixels' borders: half a pixel more than rounding needs.
template <class Real>
__device__ inline bool misses_box(const Prepared<Real>& p, const Box& box,
                                  const RasterSettings<Real>& settings, int height, int width) {
  if (!p.plain) return false;
  const double margin = reach(settings), pixel = 2.0 / (height < width ? height : width);
  const double right = -0.5 * pixel * width, bottom = -0.5 * pixel * height;
  const double x0 = right + pixel * (width - 1 - box.x1) - margin,
               x1 = right + pixel * (width - box.x0) + margin;
  const double y0 = bottom + pixel * (height - 1 - box.y1) - margin,
               y1 = bottom + pixel * (height - box.y0) + margin;
  const double sign = p.setup.orientation;
  for (int i = 0; i < 3; ++i) {
    const int j = i < 2 ? i + 1 : 0;
    const double ax = p.polygon.x[i], ay = p.polygon.y[i];
    const double dx = sign * (p.polygon.x[j] - ax), dy = sign * (p.polygon.y[j] - ay);
    // dx (y - ay) - dy (x - ax) is positive inside; this is its maximum over the box.
    if (dx * ((dx > 0 ? y1 : y0) - ay) - dy * ((dy > 0 ? x0 : x1) - ax) < 0) return true;
  }
  return false;
}

template <class Real>
__device__ __noinline__ Hit<Real> hit_any(Real px, Real py, const Prepared<Real>& p,
                                          const RasterSettings<Real>& settings) {
  return hit_polygon(px, py, p.setup, p.polygon, settings);
}

// The depth at which a pixel centre sees a face; false where it does not. The same answer as hit_polygon,
// which this leaves to the faces and points that need it, without the distance where nothing asks for one.
template <class Real>
__device__ inline bool depth_at(Real px, Real py, const Prepared<Real>& p,
                                const RasterSettings<Real>& settings, Real* z) {
  Sight<Real> sight = {};
  if (p.plain) sight = see_face<kSeeDepth>(px, py, p.setup, settings);
  if (!p.plain || sight.alone) {
    const Hit<Real> hit = hit_any(px, py, p, settings);
    *z = hit.z;
    return hit.hit;
  }
  *z = sight.sample.z;
  return sight.hit;
}

// Does (z, id) come before (other_z, other_id)?
template <class Real, class Id>
__device__ inline bool before(Real z, Id id, Real other_z, Id other_id) {
  return z < other_z || (z == other_z && id < other_id);
}

template <class Real>
__device__ __noinline__ void add_gradient(Real px, Real py, const FaceSetup<Real>& setup,
                                          const RasterSettings<Real>& settings, const HitGradient<Real>& grad,
                                          TriangleGradient<Real>* out) {
  hit_bwd(px, py, setup, settings, grad, out);
}

}  // namespace

#endif  // R3D_GPU_TILE_FACES_H_
