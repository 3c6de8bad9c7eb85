// What a pixel sees of a face, and what moving the face changes of that.
#ifndef R3D_GPU_FACE_HITS_H_
#define R3D_GPU_FACE_HITS_H_

#include "gpu/tile_faces.h"

namespace {

template <class Real>
struct SeenFace {
  bool hit;
  bool inside;
  bool rare;  // told by hit_polygon: `e` and `nearest` are unknown
  Real dist;  // squared, negative inside
  Sample<Real> sample;
  Edges<Real> e;
  NearestOnTriangle<Real> nearest;  // of the boundary
};

// `kSample`: with depth and barycentric coordinates; without, depths are not looked at where all that may
// count lies in front of the camera.
template <bool kSample, class Real>
__device__ inline SeenFace<Real> see_prepared(Real px, Real py, const Prepared<Real>& p,
                                              const RasterSettings<Real>& settings) {
  Sight<Real> sight = {};
  if (p.plain) sight = see_face<kSeeNearest>(px, py, p.setup, settings);
  if (!p.plain || sight.alone) {
    const Hit<Real> exact = hit_any(px, py, p, settings);
    SeenFace<Real> seen = {};
    seen.hit = exact.hit;
    seen.rare = true;
    seen.dist = exact.dist;
    seen.sample = {exact.b0, exact.b1, exact.b2, exact.z};
    return seen;
  }
  if (sight.hit && (kSample || !(p.nearest > 0)))
    see_depth(p.setup, (const Polygon<Real>*)nullptr, settings, settings.blur_radius > 0, &sight);
  return {sight.hit,    sight.at.inside, false,        sight.at.inside ? -sight.dist2 : sight.dist2,
          sight.sample, sight.at.e,      sight.nearest};
}

// Of a face that was hit; finite whatever the face. Without `kSample` only the distance has a gradient.
template <bool kSample, class Real>
__device__ inline void see_prepared_bwd(Real px, Real py, const SeenFace<Real>& seen, const Prepared<Real>& p,
                                        const RasterSettings<Real>& settings, const HitGradient<Real>& grad,
                                        TriangleGradient<Real>* out) {
  if (!seen.rare) {
    TriangleGradient<Real> g = {};
    if (kSample)
      interpolate_bwd(px, py, seen.e, seen.inside, p.setup, settings.perspective_correct,
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
