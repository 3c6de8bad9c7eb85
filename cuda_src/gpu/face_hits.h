// What a pixel sees of a face, and what moving the face changes of that.
#ifndef R3D_GPU_FACE_HITS_H_
#define R3D_GPU_FACE_HITS_H_

#include "gpu/tile_faces.h"

namespace {

template <class Real>
struct SeenFace {
  bool hit;
  bool inside;
  bool rare;  // decided exactly, or no plain triangle: `e` and `nearest` are unknown
  Real dist;  // squared, negative inside
  Sample<Real> sample;
  Edges<Real> e;
  NearestOnTriangle<Real> nearest;  // of the boundary
};

// Decides as hit_polygon does. `kSample`: with depth and barycentric coordinates; without, depths are not
// looked at where all that may count lies in front of the camera.
template <bool kSample, class Real>
__device__ inline SeenFace<Real> see_face(Real px, Real py, const Prepared<Real>& p,
                                          const RasterSettings<Real>& settings) {
  SeenFace<Real> seen = {};
  seen.e = triangle_edges(px, py, p.setup.f);
  const EdgeExtent<Real> extent = edge_extent(seen.e);
  seen.inside = surely_inside(extent);
  seen.rare = !p.plain || (!seen.inside && !surely_outside(extent));
  if (seen.rare) {
    const Hit<Real> exact = hit_any(px, py, p, settings);
    seen.hit = exact.hit;
    seen.dist = exact.dist;
    seen.sample = {exact.b0, exact.b1, exact.b2, exact.z};
    return seen;
  }
  if (!seen.inside && !(settings.blur_radius > 0)) return seen;
  seen.nearest = nearest_on_triangle(px, py, p.setup.f);
  seen.hit = seen.inside || seen.nearest.distance2 < settings.blur_radius;
  seen.dist = seen.inside ? -seen.nearest.distance2 : seen.nearest.distance2;
  if (seen.hit && (kSample || !(p.nearest > 0))) {
    seen.sample = interpolate_beyond(seen.e, seen.inside, p.setup, settings.perspective_correct,
                                     settings.clip_barycentric_coords);
    seen.hit = seen.sample.z >= 0;
  }
  return seen;
}

// Of a face that was hit; finite whatever the face. Without `kSample` only the distance has a gradient.
template <bool kSample, class Real>
__device__ inline void see_face_bwd(Real px, Real py, const SeenFace<Real>& seen, const Prepared<Real>& p,
                                    const RasterSettings<Real>& settings, const HitGradient<Real>& grad,
                                    TriangleGradient<Real>* out) {
  if (!seen.rare) {
    TriangleGradient<Real> g = {};
    if (kSample)
      interpolate_beyond_bwd(px, py, seen.e, seen.inside, p.setup, settings.perspective_correct,
                             settings.clip_barycentric_coords, grad.sample, &g);
    triangle_distance2_bwd(seen.nearest, seen.inside ? -grad.dist : grad.dist, &g);
    if (magnitude(g) < (Real)R3D_GRADIENT_LIMIT) {
      out->add(g);
      return;
    }
  }
  add_gradient(px, py, p.setup, settings, grad, out);
}

}  // namespace

#endif  // R3D_GPU_FACE_HITS_H_
