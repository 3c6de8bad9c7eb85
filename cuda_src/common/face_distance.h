// Whether a pixel sees a face and how far the face's boundary is, and what moving the face changes of that:
// for kernels that need neither depth nor barycentric coordinates of what they see.
#ifndef R3D_COMMON_FACE_DISTANCE_H_
#define R3D_COMMON_FACE_DISTANCE_H_

#include "common/tile_faces.h"

namespace {

template <class Real>
struct SeenFace {
  bool hit;
  bool inside;
  bool rare;                        // `nearest` is unknown: decided exactly, or no plain triangle
  Real dist;                        // squared, negative inside
  NearestOnTriangle<Real> nearest;  // of the boundary
};

// Decides as hit_polygon does. Depths need no look where all that may count lies in front of the camera.
template <class Real>
__device__ inline SeenFace<Real> see_face(Real px, Real py, const Prepared<Real>& p,
                                          const RasterSettings<Real>& settings) {
  SeenFace<Real> seen = {};
  const Edges<Real> e = triangle_edges(px, py, p.setup.f);
  const EdgeExtent<Real> extent = edge_extent(e);
  seen.inside = surely_inside(extent);
  seen.rare = !p.plain || (!seen.inside && !surely_outside(extent));
  if (seen.rare) {
    const Hit<Real> exact = hit_any(px, py, p, settings);
    seen.hit = exact.hit;
    seen.dist = exact.dist;
    return seen;
  }
  if (!seen.inside && !(settings.blur_radius > 0)) return seen;
  seen.nearest = nearest_on_triangle(px, py, p.setup.f);
  seen.hit = seen.inside || seen.nearest.distance2 < settings.blur_radius;
  seen.dist = seen.inside ? -seen.nearest.distance2 : seen.nearest.distance2;
  if (seen.hit && !(p.nearest > 0))
    seen.hit = interpolate_beyond(e, seen.inside, p.setup, settings.perspective_correct,
                                  settings.clip_barycentric_coords)
                   .z >= 0;
  return seen;
}

// Of the distance of a face that was hit; finite whatever the face.
template <class Real>
__device__ inline void see_face_bwd(Real px, Real py, const SeenFace<Real>& seen, const Prepared<Real>& p,
                                    const RasterSettings<Real>& settings, Real grad_dist,
                                    TriangleGradient<Real>* out) {
  if (!seen.rare) {
    TriangleGradient<Real> g = {};
    triangle_distance2_bwd(seen.nearest, seen.inside ? -grad_dist : grad_dist, &g);
    if (magnitude(g) < (Real)R3D_GRADIENT_LIMIT) {
      out->add(g);
      return;
    }
  }
  add_gradient(px, py, p.setup, settings, HitGradient<Real>{{0, 0, 0, 0}, grad_dist}, out);
}

}  // namespace

#endif  // R3D_COMMON_FACE_DISTANCE_H_
