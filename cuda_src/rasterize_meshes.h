// The mathematics of mesh rasterization: which pixels a face covers, at what depth, with which barycentric
// coordinates, and how far from its boundary. Shared by the CPU schedule, the CUDA kernels and the emulation.
//
// A face is a triangle in NDC (x to the left, y up) with view depth z at its vertices. Clipped at the near
// and far planes it becomes a convex polygon of up to five corners: coverage and distances belong to that
// polygon, depth and barycentric coordinates to the unclipped triangle, whose algebra holds for any sign of
// z.
#ifndef R3D_RASTERIZE_MESHES_H_
#define R3D_RASTERIZE_MESHES_H_

#include "common/geometry.h"

namespace r3d {

template <class Real>
struct RasterSettings {
  bool perspective_correct, clip_barycentric_coords, cull_backfaces;
  Real blur_radius;    // squared NDC distance
  Real z_near, z_far;  // clipping planes; -inf, inf: none
};

template <class S>
struct Triangle {
  S x0, y0, z0, x1, y1, z1, x2, y2, z2;
};

template <class Real>
struct Polygon {
  int size;      // corners; below 3: nothing is left
  bool clipped;  // the corners are not those of the triangle
  Real x[5], y[5];
};

// NDC coordinate of the centre of pixel `index`, counted in NDC's direction (from the right, from the
// bottom), of an image `side` pixels long along this axis and `other` along the other one. The shorter side
// spans [-1, 1].
template <class Real>
R3D_FN Real pixel_center(i64 index, int side, int other) {
  const Real range = side > other ? (Real)2 * (Real)side / (Real)other : (Real)2;
  const Real half = range / 2;
  return -half + (range * (Real)index + half) / (Real)side;
}

// Does the face meet a clipping plane? Such faces take the polygon's way.
template <class Real>
R3D_FN bool crosses_planes(const Triangle<Real>& f, Real z_near, Real z_far) {
  return f.z0 < z_near || f.z1 < z_near || f.z2 < z_near || f.z0 > z_far || f.z1 > z_far || f.z2 > z_far;
}

// The corner between a kept vertex a and a removed vertex b, on the plane z. Always walked from the kept to
// the removed vertex, so that two faces that share an edge compute the same corner. With perspective, the
// line is straight in view space, whose x is proportional to NDC x times z.
template <class Real>
R3D_FN void cut_edge(Real ax, Real ay, Real az, Real bx, Real by, Real bz, Real z, bool perspective, Real* x,
                     Real* y) {
  const Real t = (az - z) / (az - bz);
  if (perspective) {
    const Real wa = az / z, wb = bz / z;
    *x = ax * wa + t * (bx * wb - ax * wa);
    *y = ay * wa + t * (by * wb - ay * wa);
  } else {
    *x = ax + t * (bx - ax);
    *y = ay + t * (by - ay);
  }
}

// Clips a triangle at both planes (Sutherland and Hodgman 1974) into one convex polygon, corners in the
// triangle's order.
template <class Real>
R3D_FN Polygon<Real> clip_face(const Triangle<Real>& f, const RasterSettings<Real>& settings) {
  Real x[5] = {f.x0, f.x1, f.x2, 0, 0}, y[5] = {f.y0, f.y1, f.y2, 0, 0}, z[5] = {f.z0, f.z1, f.z2, 0, 0};
  int size = 3;
  for (int plane = 0; plane < 2; ++plane) {
    const Real at = plane == 0 ? settings.z_near : settings.z_far;
    const Real sign = plane == 0 ? (Real)1 : (Real)-1;
    Real out_x[5], out_y[5], out_z[5];
    int out = 0;
    for (int i = 0; i < size; ++i) {
      const int j = i + 1 < size ? i + 1 : 0;
      const bool keep_i = sign * z[i] >= sign * at, keep_j = sign * z[j] >= sign * at;
      if (keep_i && out < 5) {
        out_x[out] = x[i];
        out_y[out] = y[i];
        out_z[out++] = z[i];
      }
      // A kept vertex on the plane itself is the corner already.
      if (keep_i != keep_j && z[keep_i ? i : j] != at && out < 5) {
        const int a = keep_i ? i : j, b = keep_i ? j : i;
        cut_edge(x[a], y[a], z[a], x[b], y[b], z[b], at, settings.perspective_correct, &out_x[out],
                 &out_y[out]);
        out_z[out++] = at;
      }
    }
    size = out;
    for (int i = 0; i < out; ++i) {
      x[i] = out_x[i];
      y[i] = out_y[i];
      z[i] = out_z[i];
    }
  }
  Polygon<Real> polygon;
  polygon.size = size;
  polygon.clipped = true;
  for (int i = 0; i < 5; ++i) {
    polygon.x[i] = i < size ? x[i] : 0;
    polygon.y[i] = i < size ? y[i] : 0;
  }
  return polygon;
}

template <class Real>
R3D_FN Polygon<Real> whole_face(const Triangle<Real>& f) {
  Polygon<Real> polygon = {3, false, {f.x0, f.x1, f.x2, 0, 0}, {f.y0, f.y1, f.y2, 0, 0}};
  return polygon;
}

// Twice the signed area of a polygon, in double.
template <class Real>
R3D_FN double polygon_area2(const Polygon<Real>& p) {
  double area2 = 0;
  for (int i = 2; i < p.size; ++i)
    area2 += cross2((double)p.x[i - 1] - (double)p.x[0], (double)p.y[i - 1] - (double)p.y[0],
                    (double)p.x[i] - (double)p.x[0], (double)p.y[i] - (double)p.y[0]);
  return area2;
}

// Is the point in the half-open polygon? Exact for the coordinates relative to the point. A point on an edge
// belongs to the side that a top-left rule names: on the screen (x right, y down) an edge is owned by the
// face to its right, a horizontal one by the face below it.
template <class Real>
R3D_FN bool inside_exact(Real px, Real py, const Polygon<Real>& p) {
  bool positive = false, negative = false, owned_if_positive = true, owned_if_negative = true;
  for (int i = 0; i < p.size; ++i) {
    const int j = i + 1 < p.size ? i + 1 : 0;
    const Real ax = p.x[i] - px, ay = p.y[i] - py, bx = p.x[j] - px, by = p.y[j] - py;
    const int sign = exact_cross_sign(ax, ay, bx, by);
    positive = positive || sign > 0;
    negative = negative || sign < 0;
    if (sign == 0 && (ax != bx || ay != by)) {
      const bool owned = by > ay || (by == ay && bx < ax);
      owned_if_positive = owned_if_positive && owned;
      owned_if_negative = owned_if_negative && !owned;
    }
  }
  return positive != negative && (positive ? owned_if_positive : owned_if_negative);
}

// Edge functions of a triangle at a point; e0 belongs to the edge opposite vertex 0.
template <class T>
struct Edges {
  T e0, e1, e2;
};

template <class T, class S>
R3D_FN Edges<T> triangle_edges(T px, T py, const Triangle<S>& f) {
  const T x0 = f.x0 - px, y0 = f.y0 - py, x1 = f.x1 - px, y1 = f.y1 - py, x2 = f.x2 - px, y2 = f.y2 - py;
  Edges<T> e = {cross2(x1, y1, x2, y2), cross2(x2, y2, x0, y0), cross2(x0, y0, x1, y1)};
  return e;
}

// What interpolation needs of a face, once for all pixels.
template <class S>
struct FaceSetup {
  Triangle<S> f;
  S iz0, iz1, iz2;  // reciprocal depths
  S orientation;    // +-1, the sign of the unclipped triangle's area
};

template <class S>
R3D_FN FaceSetup<S> set_up_face(const Triangle<S>& f) {
  const S area2 = cross2(f.x1 - f.x0, f.y1 - f.y0, f.x2 - f.x0, f.y2 - f.y0);
  FaceSetup<S> setup = {f, 1 / nonzero(f.z0), 1 / nonzero(f.z1), 1 / nonzero(f.z2),
                        select(area2 < 0, splat<S>(-1), splat<S>(1))};
  return setup;
}

template <class T>
struct Sample {
  T b0, b1, b2, z;  // barycentric coordinates as settings ask for them, and the depth there
};

template <class T, class S>
R3D_FN Sample<T> divide_weights(const Edges<T>& e, const Edges<T>& g, const FaceSetup<S>& s, T denominator,
                                bool perspective, bool clip) {
  const T scale = 1 / denominator;
  Sample<T> sample = {g.e0 * scale, g.e1 * scale, g.e2 * scale, splat<T>(0)};
  if (clip) {
    const T zero = splat<T>(0);
    sample.b0 = max_of(sample.b0, zero);
    sample.b1 = max_of(sample.b1, zero);
    sample.b2 = max_of(sample.b2, zero);
    const T sum = sample.b0 + sample.b1 + sample.b2;
    // Divided, not multiplied by a reciprocal: a coordinate that is left alone becomes exactly 1, so that the
    // faces around a vertex tie in depth and go by id. Where none is left the face is behind the camera.
    const T divisor = max_of(sum, splat<T>(R3D_CLIP_BARY_FLOOR));
    sample.b0 = sample.b0 / divisor;
    sample.b1 = sample.b1 / divisor;
    sample.b2 = sample.b2 / divisor;
    sample.z = select(sum > 0, sample.b0 * s.f.z0 + sample.b1 * s.f.z1 + sample.b2 * s.f.z2, splat<T>(-1));
  } else if (perspective) {
    sample.z = (e.e0 + e.e1 + e.e2) * scale;  // b_i z_i = e_i * scale
  } else {
    sample.z = (e.e0 * s.f.z0 + e.e1 * s.f.z1 + e.e2 * s.f.z2) * scale;
  }
  return sample;
}

// Weights of the vertices, up to their sum: with perspective correction e_i / z_i, for any sign of z.
template <class T, class S>
R3D_FN Edges<T> vertex_weights(const Edges<T>& e, const FaceSetup<S>& s, bool perspective) {
  Edges<T> g = {perspective ? e.e0 * s.iz0 : e.e0, perspective ? e.e1 * s.iz1 : e.e1,
                perspective ? e.e2 * s.iz2 : e.e2};
  return g;
}

// Depth and barycentric coordinates at a point inside the face: all weights have one sign, nothing cancels.
template <class T, class S>
R3D_FN Sample<T> interpolate(const Edges<T>& e, const FaceSetup<S>& s, bool perspective, bool clip) {
  const Edges<T> g = vertex_weights(e, s, perspective);
  return divide_weights(e, g, s, g.e0 + g.e1 + g.e2, perspective, clip);
}

// The same at a point that may lie outside (within the blur radius). There the sum of the weights of a nearly
// edge-on face passes through zero, where the plane of the face vanishes: past it, the sum counts as the
// smallest positive one.
template <class T, class M, class S>
R3D_FN Sample<T> interpolate_beyond(const Edges<T>& e, M inside, const FaceSetup<S>& s, bool perspective,
                                    bool clip) {
  const Edges<T> g = vertex_weights(e, s, perspective);
  const T sum = g.e0 + g.e1 + g.e2;
  const T size = abs_of(g.e0) + abs_of(g.e1) + abs_of(g.e2);
  const T floor = size * rounding_unit(size) + splat<T>(R3D_TINY);
  const T beyond = s.orientation * max_of(s.orientation * sum, floor);
  return divide_weights(e, g, s, select(inside, sum, beyond), perspective, clip);
}

// Squared distance from a point to the boundary of a polygon.
template <class T, class Real>
R3D_FN T boundary_distance2(T px, T py, const Polygon<Real>& p) {
  T nearest = point_segment_distance2(px, py, p.x[p.size - 1], p.y[p.size - 1], p.x[0], p.y[0]);
  for (int i = 1; i < p.size; ++i)
    nearest = min_of(nearest, point_segment_distance2(px, py, p.x[i - 1], p.y[i - 1], p.x[i], p.y[i]));
  return nearest;
}

template <class T, class S>
R3D_FN T triangle_distance2(T px, T py, const Triangle<S>& f) {
  return min_of(point_segment_distance2(px, py, f.x2, f.y2, f.x0, f.y0),
                min_of(point_segment_distance2(px, py, f.x0, f.y0, f.x1, f.y1),
                       point_segment_distance2(px, py, f.x1, f.y1, f.x2, f.y2)));
}

// The least and the greatest edge function: a point is inside where both are positive or both negative,
// outside where they differ in sign, and undecided within R3D_UNDECIDED of zero.
template <class T>
struct EdgeExtent {
  T least, greatest;
};

template <class T>
R3D_FN EdgeExtent<T> edge_extent(const Edges<T>& e) {
  EdgeExtent<T> extent = {min_of(e.e0, min_of(e.e1, e.e2)), max_of(e.e0, max_of(e.e1, e.e2))};
  return extent;
}

template <class T, class Real>
R3D_FN EdgeExtent<T> edge_extent(T px, T py, const Polygon<Real>& p) {
  const T first = edge_function(px, py, p.x[p.size - 1], p.y[p.size - 1], p.x[0], p.y[0]);
  EdgeExtent<T> extent = {first, first};
  for (int i = 1; i < p.size; ++i) {
    const T e = edge_function(px, py, p.x[i - 1], p.y[i - 1], p.x[i], p.y[i]);
    extent.least = min_of(extent.least, e);
    extent.greatest = max_of(extent.greatest, e);
  }
  return extent;
}

template <class T>
R3D_FN auto surely_inside(const EdgeExtent<T>& e) -> decltype(e.least > e.greatest) {
  const T limit = splat<T>(R3D_UNDECIDED);
  return (e.least > limit) | (e.greatest < -limit);
}
template <class T>
R3D_FN auto surely_outside(const EdgeExtent<T>& e) -> decltype(e.least > e.greatest) {
  const T limit = splat<T>(R3D_UNDECIDED);
  return (e.least < -limit) & (e.greatest > limit);
}

// What one pixel centre sees of one face.
template <class Real>
struct Hit {
  bool hit;  // false: the face does not count here
  Real b0, b1, b2, z;
  Real dist;  // squared, negative inside
};

template <class Real>
R3D_FN bool wild(const Triangle<Real>& f) {
  const Real x = max_of(abs_of(f.x0), max_of(abs_of(f.x1), abs_of(f.x2)));
  const Real y = max_of(abs_of(f.y0), max_of(abs_of(f.y1), abs_of(f.y2)));
  return !(max_of(x, y) < (Real)R3D_WILD_COORDINATE);
}

// Coverage decided exactly and all else in double: for ties, and for coordinates whose products would
// overflow float. Works on coordinates relative to the point, as rounded by Real, so that it agrees with the
// fast way.
template <class Real>
R3D_FN Hit<Real> hit_exact(Real px, Real py, const Triangle<Real>& f, const Polygon<Real>& polygon,
                           const RasterSettings<Real>& settings) {
  const bool inside = inside_exact(px, py, polygon);
  Polygon<double> p = {polygon.size, polygon.clipped, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  for (int i = 0; i < polygon.size; ++i) {
    p.x[i] = (Real)(polygon.x[i] - px);
    p.y[i] = (Real)(polygon.y[i] - py);
  }
  const double dist2 = boundary_distance2(0.0, 0.0, p);
  Hit<Real> hit = {false, 0, 0, 0, 0, 0};
  if (!inside && !(dist2 < (double)settings.blur_radius)) return hit;
  const Triangle<double> relative = {(Real)(f.x0 - px), (Real)(f.y0 - py), f.z0,
                                     (Real)(f.x1 - px), (Real)(f.y1 - py), f.z1,
                                     (Real)(f.x2 - px), (Real)(f.y2 - py), f.z2};
  const FaceSetup<double> setup = set_up_face(relative);
  const Sample<double> s = interpolate_beyond(triangle_edges(0.0, 0.0, relative), inside, setup,
                                              settings.perspective_correct, settings.clip_barycentric_coords);
  hit.hit = s.z >= 0;
  hit.b0 = (Real)s.b0;
  hit.b1 = (Real)s.b1;
  hit.b2 = (Real)s.b2;
  hit.z = (Real)s.z;
  hit.dist = (Real)(inside ? -dist2 : dist2);
  return hit;
}

// `polygon` is the visible part of the face.
template <class Real>
R3D_FN Hit<Real> hit_polygon(Real px, Real py, const FaceSetup<Real>& setup, const Polygon<Real>& polygon,
                             const RasterSettings<Real>& settings) {
  const Edges<Real> e = triangle_edges(px, py, setup.f);
  const EdgeExtent<Real> extent = polygon.clipped ? edge_extent(px, py, polygon) : edge_extent(e);
  const bool inside = surely_inside(extent);
  if (wild(setup.f) || (!inside && !surely_outside(extent)))
    return hit_exact(px, py, setup.f, polygon, settings);
  Hit<Real> hit = {false, 0, 0, 0, 0, 0};
  if (!inside && !(settings.blur_radius > 0)) return hit;
  const Real dist2 = boundary_distance2(px, py, polygon);
  if (!inside && !(dist2 < settings.blur_radius)) return hit;
  const Sample<Real> s =
      interpolate_beyond(e, inside, setup, settings.perspective_correct, settings.clip_barycentric_coords);
  hit.hit = s.z >= 0;
  hit.b0 = s.b0;
  hit.b1 = s.b1;
  hit.b2 = s.b2;
  hit.z = s.z;
  hit.dist = inside ? -dist2 : dist2;
  return hit;
}

// The part of a face that can be seen, or nothing: behind the camera, of zero area, culled, not finite.
template <class Real>
R3D_FN Polygon<Real> visible_polygon(const Triangle<Real>& f, const RasterSettings<Real>& settings) {
  Polygon<Real> polygon = whole_face(f);
  const Real far_z = max_of(f.z0, max_of(f.z1, f.z2));
  const Real sum = f.x0 + f.y0 + f.z0 + f.x1 + f.y1 + f.z1 + f.x2 + f.y2 + f.z2;
  polygon.size = 0;  // until shown otherwise
  if (!(sum - sum == 0) || !(far_z >= (Real)R3D_MIN_DEPTH)) return polygon;
  polygon.size = 3;
  if (crosses_planes(f, settings.z_near, settings.z_far)) polygon = clip_face(f, settings);
  const double area2 = polygon_area2(polygon);
  if (area2 == 0 || (settings.cull_backfaces && area2 > 0)) polygon.size = 0;
  return polygon;
}

}  // namespace r3d

#endif  // R3D_RASTERIZE_MESHES_H_
