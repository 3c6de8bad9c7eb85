// The mathematics of mesh rasterization: which pixels a face covers, at what depth, with which barycentric
// coordinates, and how far from its boundary. Shared by the CPU schedule, the CUDA kernels and the emulation.
//
// A face is a triangle in NDC (x to the left, y up) with view depth z at its vertices. Clipped at the near
// and far planes it becomes a convex polygon of up to five corners: coverage and distances belong to that
// polygon. Inside it, depth and barycentric coordinates are those of the unclipped triangle, whose algebra
// holds there for any sign of z; outside, within the blur, where it does not, those of the polygon's nearest
// point.
//
// Decisions (which pixels see a face, at what depth) must come out the same in every kernel that takes them:
// their products go through mul_rn, which no compiler contracts with an addition.
#ifndef R3D_RASTER_RASTERIZE_MESHES_H_
#define R3D_RASTER_RASTERIZE_MESHES_H_

#include "math/geometry.h"

namespace r3d {

template <class Real>
struct RasterSettings {
  bool perspective_correct, clip_barycentric_coords, cull_backfaces;
  Real blur_radius;    // squared NDC distance
  Real z_near, z_far;  // clipping planes; -inf, inf: none
  // x and y were divided by the depth: what lies behind the camera is on the wrong side, and faces are always
  // cut in front of it. Where planes cut a face, its lines are straight in view space, and so its attributes
  // are interpolated there, even if those of whole faces are not (`perspective_correct`).
  bool is_perspective;
};

// What `a < b` is: bool, or lanes of integers; and one that is true everywhere.
template <class T>
using MaskOf = decltype(T{} < T{});
template <class T>
R3D_FN MaskOf<T> every() {
  return MaskOf<T>{} == MaskOf<T>{};
}

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
// spans [-1, 1]. `T` is Real, or lanes of it.
template <class Real, class T>
R3D_FN T pixel_center_at(T index, int side, int other) {
  const Real range = side > other ? (Real)2 * (Real)side / (Real)other : (Real)2;
  const Real half = mul_rn(range, (Real)0.5);
  return (mul_rn(range, index) + half) / (Real)side - half;
}
template <class Real>
R3D_FN Real pixel_center(i64 index, int side, int other) {
  return pixel_center_at<Real>((Real)index, side, other);
}

// What is nearer is cut away: with perspective, all that does not lie in front of the camera.
template <class Real>
R3D_FN Real nearest_kept(const RasterSettings<Real>& settings) {
  return settings.is_perspective ? max_of(settings.z_near, (Real)R3D_TINY) : settings.z_near;
}

// Does the face meet a clipping plane? Such faces take the polygon's way.
template <class Real>
R3D_FN bool crosses_planes(const Triangle<Real>& f, const RasterSettings<Real>& settings) {
  const Real z_near = nearest_kept(settings), z_far = settings.z_far;
  return f.z0 < z_near || f.z1 < z_near || f.z2 < z_near || f.z0 > z_far || f.z1 > z_far || f.z2 > z_far;
}

// The corner between a kept vertex a and a removed vertex b, at the depth z. Always walked from the kept to
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

// Corners of a convex polygon with their depths.
template <class Real>
struct Corners {
  int size;
  Real x[5], y[5], z[5];
};

// What a corner is made of, as ids of the corners before the plane: a kept one twice, or a kept and a removed
// one between which the edge is cut.
struct CornerOrigin {
  int kept, removed;
};

// Where corners are cut away: beyond `at`, on the side away from `sign`, which is 1 at the near plane, -1 at
// the far one.
template <class Real>
struct ClipPlane {
  Real at, sign;
  bool perspective;  // x and y were divided by the depth
};

// The power of two at or below a positive number.
R3D_FN float power_of_two(float a) {
  int exponent;
  frexpf(a, &exponent);
  return ldexpf(0.5f, exponent);
}
R3D_FN double power_of_two(double a) {
  int exponent;
  frexp(a, &exponent);
  return ldexp(0.5, exponent);
}

// The depth at which the edge from a kept corner a to a removed corner b is cut: that of the plane. But
// quotients by depths next to nothing are of no use, so the near plane keeps a distance from the camera that
// is a share of the edge's own extent: small beside anything that can be told apart there, and the same for
// both faces at the edge. A power of two times a constant, it does not change with the vertices, as far as
// derivatives go. Faces that are all in front of the camera are not cut by it, however near they are.
template <class Real>
R3D_FN Real cut_depth(const Corners<Real>& in, int a, int b, const ClipPlane<Real>& plane) {
  if (!(plane.perspective && plane.sign > 0)) return plane.at;
  const Real extent_a = abs_of(in.z[a]) * max_of((Real)1, max_of(abs_of(in.x[a]), abs_of(in.y[a])));
  const Real extent_b = abs_of(in.z[b]) * max_of((Real)1, max_of(abs_of(in.x[b]), abs_of(in.y[b])));
  const Real smallest = (Real)R3D_NEAREST_CUT * power_of_two(max_of(extent_a, extent_b));
  return min_of(max_of(plane.at, smallest), in.z[a]);
}

// Keeps what lies on the plane or on its side (Sutherland and Hodgman 1974).
template <class Real>
R3D_FN void clip_at_plane(const Corners<Real>& in, const ClipPlane<Real>& plane, Corners<Real>* out,
                          CornerOrigin* origins) {
  const Real at = plane.sign * plane.at;
  int size = 0;
  for (int i = 0; i < in.size; ++i) {
    const int j = i + 1 < in.size ? i + 1 : 0;
    const bool keep_i = plane.sign * in.z[i] >= at, keep_j = plane.sign * in.z[j] >= at;
    if (keep_i && size < 5) {
      out->x[size] = in.x[i];
      out->y[size] = in.y[i];
      out->z[size] = in.z[i];
      origins[size++] = {i, i};
    }
    if (keep_i == keep_j) continue;
    const int a = keep_i ? i : j, b = keep_i ? j : i;
    const Real z = cut_depth(in, a, b, plane);
    // A kept vertex on the plane itself is the corner already.
    if (in.z[a] != z && size < 5) {
      cut_edge(in.x[a], in.y[a], in.z[a], in.x[b], in.y[b], in.z[b], z, plane.perspective, &out->x[size],
               &out->y[size]);
      out->z[size] = z;
      origins[size++] = {a, b};
    }
  }
  out->size = size;
}

// A triangle cut at both planes, and what the backward needs of the way there.
template <class Real>
struct ClippedFace {
  Corners<Real> whole, after_near, after_far;
  CornerOrigin near_origins[5], far_origins[5];
};

template <class Real>
R3D_FN ClipPlane<Real> near_plane(const RasterSettings<Real>& settings) {
  return {nearest_kept(settings), 1, settings.is_perspective};
}
template <class Real>
R3D_FN ClipPlane<Real> far_plane(const RasterSettings<Real>& settings) {
  return {settings.z_far, -1, settings.is_perspective};
}

template <class Real>
R3D_FN void clip_corners(const Triangle<Real>& f, const RasterSettings<Real>& settings,
                         ClippedFace<Real>* clipped) {
  const Corners<Real> whole = {
      3, {f.x0, f.x1, f.x2, 0, 0}, {f.y0, f.y1, f.y2, 0, 0}, {f.z0, f.z1, f.z2, 0, 0}};
  clipped->whole = whole;
  clip_at_plane(whole, near_plane(settings), &clipped->after_near, clipped->near_origins);
  clip_at_plane(clipped->after_near, far_plane(settings), &clipped->after_far, clipped->far_origins);
}

// Clips a triangle at both planes into one convex polygon, corners in the triangle's order.
template <class Real>
R3D_FN Polygon<Real> clip_face(const Triangle<Real>& f, const RasterSettings<Real>& settings) {
  ClippedFace<Real> clipped;
  clip_corners(f, settings, &clipped);
  const Corners<Real>& c = clipped.after_far;
  Polygon<Real> polygon;
  polygon.size = c.size;
  polygon.clipped = true;
  for (int i = 0; i < 5; ++i) {
    polygon.x[i] = i < c.size ? c.x[i] : 0;
    polygon.y[i] = i < c.size ? c.y[i] : 0;
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
  Sample<T> sample = {mul_rn(g.e0, scale), mul_rn(g.e1, scale), mul_rn(g.e2, scale), splat<T>(0)};
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
    const T z = mul_rn(sample.b0, s.f.z0) + mul_rn(sample.b1, s.f.z1) + mul_rn(sample.b2, s.f.z2);
    sample.z = select(sum > 0, z, splat<T>(-1));
  } else if (perspective) {
    sample.z = mul_rn(e.e0 + e.e1 + e.e2, scale);  // b_i z_i = e_i * scale
  } else {
    sample.z = mul_rn(mul_rn(e.e0, s.f.z0) + mul_rn(e.e1, s.f.z1) + mul_rn(e.e2, s.f.z2), scale);
  }
  return sample;
}

// Weights of the vertices, up to their sum: with perspective correction e_i / z_i, for any sign of z.
template <class T, class S>
R3D_FN Edges<T> vertex_weights(const Edges<T>& e, const FaceSetup<S>& s, bool perspective) {
  Edges<T> g = {perspective ? mul_rn(e.e0, s.iz0) : e.e0, perspective ? mul_rn(e.e1, s.iz1) : e.e1,
                perspective ? mul_rn(e.e2, s.iz2) : e.e2};
  return g;
}

// Depth and barycentric coordinates at a point. Inside the face all weights have one sign and nothing
// cancels. `beyond`: points may lie outside, within the blur radius, where the sum of the weights of a nearly
// edge-on face passes through zero, for there the plane of the face vanishes: past it, the sum counts as the
// smallest positive one.
template <class T, class S>
R3D_FN Sample<T> interpolate(const Edges<T>& e, MaskOf<T> inside, const FaceSetup<S>& s, bool perspective,
                             bool clip, bool beyond) {
  const Edges<T> g = vertex_weights(e, s, perspective);
  T sum = g.e0 + g.e1 + g.e2;
  if (beyond) {
    const T size = abs_of(g.e0) + abs_of(g.e1) + abs_of(g.e2);
    const T floor = mul_rn(size, rounding_unit(size)) + splat<T>(R3D_TINY);
    const T outside = mul_rn(s.orientation, max_of(mul_rn(s.orientation, sum), floor));
    sum = select(inside, sum, outside);
  }
  return divide_weights(e, g, s, sum, perspective, clip);
}

// Of an edge of a clipped polygon, is b the end that offsets are taken from? Corners next to the camera's
// plane are far away: from the other end rounding is smaller, and both faces at an edge find the same.
template <class Real>
R3D_FN bool starts_at_second(Real ax, Real ay, Real bx, Real by) {
  return abs_of(bx) + abs_of(by) < abs_of(ax) + abs_of(ay);
}

// Squared distance from a point to the edge that ends at a corner of a polygon.
template <class T, class Real>
R3D_FN T edge_distance2(T px, T py, const Polygon<Real>& p, int to) {
  const int from = to > 0 ? to - 1 : p.size - 1;
  if (p.clipped && starts_at_second(p.x[from], p.y[from], p.x[to], p.y[to]))
    return point_segment_distance2(px, py, p.x[to], p.y[to], p.x[from], p.y[from]);
  return point_segment_distance2(px, py, p.x[from], p.y[from], p.x[to], p.y[to]);
}

// Squared distance from a point to the boundary of a polygon.
template <class T, class Real>
R3D_FN T boundary_distance2(T px, T py, const Polygon<Real>& p) {
  T nearest = edge_distance2(px, py, p, 0);
  for (int i = 1; i < p.size; ++i) nearest = min_of(nearest, edge_distance2(px, py, p, i));
  return nearest;
}

template <class T, class S>
R3D_FN T triangle_distance2(T px, T py, const Triangle<S>& f) {
  return min_of(point_segment_distance2(px, py, f.x2, f.y2, f.x0, f.y0),
                min_of(point_segment_distance2(px, py, f.x0, f.y0, f.x1, f.y1),
                       point_segment_distance2(px, py, f.x1, f.y1, f.x2, f.y2)));
}

// Where a point lies as to a face: inside, outside (neither of these two), or too near to an edge for rounded
// numbers to tell.
template <class T>
struct Coverage {
  Edges<T> e;  // of the whole triangle
  MaskOf<T> inside, undecided;
};

// The decision, from the least and the greatest edge function: a point is inside where both are positive or
// both negative, outside where they differ in sign, and undecided within R3D_UNDECIDED of zero. Here and
// below, lanes are set one field after another: g++ copies structs of them through memory.
template <class T>
R3D_FN void decide_coverage(const Edges<T>& e, T least, T greatest, Coverage<T>* at) {
  const T limit = splat<T>(R3D_UNDECIDED);
  const MaskOf<T> inside = (least > limit) | (greatest < -limit);
  const MaskOf<T> outside = (least < -limit) & (greatest > limit);
  at->e.e0 = e.e0;
  at->e.e1 = e.e1;
  at->e.e2 = e.e2;
  at->inside = inside;
  at->undecided = !(inside | outside);
}

template <class T, class S>
R3D_FN void cover(T px, T py, const Triangle<S>& f, Coverage<T>* at) {
  const Edges<T> e = triangle_edges(px, py, f);
  decide_coverage(e, min_of(e.e0, min_of(e.e1, e.e2)), max_of(e.e0, max_of(e.e1, e.e2)), at);
}

// The same of what planes have left of a face.
template <class T, class S, class Real>
R3D_FN void cover_cut(T px, T py, const Triangle<S>& f, const Polygon<Real>& cut, Coverage<T>* at) {
  T least = edge_function(px, py, cut.x[cut.size - 1], cut.y[cut.size - 1], cut.x[0], cut.y[0]);
  T greatest = least;
  for (int i = 1; i < cut.size; ++i) {
    const T e = edge_function(px, py, cut.x[i - 1], cut.y[i - 1], cut.x[i], cut.y[i]);
    least = min_of(least, e);
    greatest = max_of(greatest, e);
  }
  decide_coverage(triangle_edges(px, py, f), least, greatest, at);
}

// What is left of a face between the planes, with the weights of the face's vertices at its corners: those of
// view space, or of the screen if the face was cut there.
template <class Real>
struct WeighedCorners {
  ClippedFace<Real> clipped;
  Real near_weights[5][3], weights[5][3];  // after the near plane, and after both
};

// Weights after a plane from those before it.
template <class Real>
R3D_FN void weigh_after_plane(const Corners<Real>& in, const Real (*before)[3], const Corners<Real>& out,
                              const CornerOrigin* origins, Real (*after)[3]) {
  for (int i = 0; i < out.size; ++i) {
    const int a = origins[i].kept, b = origins[i].removed;
    const Real t = a == b ? 0 : (in.z[a] - out.z[i]) / (in.z[a] - in.z[b]);
    for (int k = 0; k < 3; ++k) after[i][k] = before[a][k] + t * (before[b][k] - before[a][k]);
  }
}

template <class Real>
R3D_FN void weigh_corners(const Triangle<Real>& f, const RasterSettings<Real>& settings,
                          WeighedCorners<Real>* w) {
  const Real whole[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  clip_corners(f, settings, &w->clipped);
  weigh_after_plane(w->clipped.whole, whole, w->clipped.after_near, w->clipped.near_origins, w->near_weights);
  weigh_after_plane(w->clipped.after_near, w->near_weights, w->clipped.after_far, w->clipped.far_origins,
                    w->weights);
}

// The point of a clipped polygon's boundary that is nearest to p: on the edge between two of its corners, at
// `nearest.t` on the screen and at `share` of what is interpolated, counted from the end that offsets are
// taken from.
template <class Real>
struct BoundaryPoint {
  int from, to;
  NearestOnSegment<Real> nearest;
  Real share;
};

template <class Real>
R3D_FN BoundaryPoint<Real> nearest_on_boundary(Real px, Real py, const Corners<Real>& c, bool perspective) {
  BoundaryPoint<Real> point = {c.size - 1, 0, {}, 0};
  for (int i = 0, before = c.size - 1; i < c.size; before = i++) {
    const bool second = starts_at_second(c.x[before], c.y[before], c.x[i], c.y[i]);
    const int from = second ? i : before, to = second ? before : i;
    const NearestOnSegment<Real> n = nearest_on_segment(px, py, c.x[from], c.y[from], c.x[to], c.y[to]);
    if (i > 0 && !(n.distance2() < point.nearest.distance2())) continue;
    point.nearest = n;
    point.from = from, point.to = to;
  }
  const Real t = point.nearest.t, z_from = c.z[point.from], z_to = c.z[point.to];
  // Straight in view space: the weights on the screen over the depths, and those over their sum.
  point.share = perspective ? t * z_from / nonzero((1 - t) * z_to + t * z_from) : t;
  return point;
}

// From a to b by a share. Exactly a at 0, b at 1, and a where both are the same: faces around a corner, and
// those that one plane cuts, tie in depth and go by id.
template <class Real>
R3D_FN Real between(Real a, Real b, Real share) {
  return share < (Real)0.5 ? a + share * (b - a) : b + (1 - share) * (a - b);
}

// Depth and barycentric coordinates at that point. They stay between those of the corners, while the algebra
// of the unclipped triangle goes through infinity where its plane vanishes.
template <class Real>
R3D_FN Sample<Real> sample_boundary(Real px, Real py, const Triangle<Real>& f,
                                    const RasterSettings<Real>& settings) {
  WeighedCorners<Real> w;
  weigh_corners(f, settings, &w);
  const Corners<Real>& c = w.clipped.after_far;
  if (c.size < 3) return {0, 0, 0, -1};
  const BoundaryPoint<Real> at = nearest_on_boundary(px, py, c, settings.is_perspective);
  const Real *const a = w.weights[at.from], *const b = w.weights[at.to], share = at.share;
  return {between(a[0], b[0], share), between(a[1], b[1], share), between(a[2], b[2], share),
          between(c.z[at.from], c.z[at.to], share)};
}

// Depth and barycentric coordinates inside a clipped polygon. It lies in front of the camera, whatever
// rounding makes of depths next to nothing.
template <class T, class S, class Real>
R3D_FN Sample<T> interpolate_clipped(const Edges<T>& e, const FaceSetup<S>& s,
                                     const RasterSettings<Real>& settings) {
  Sample<T> sample =
      interpolate(e, every<T>(), s, settings.is_perspective, settings.clip_barycentric_coords, false);
  // Unless clipping has left no weight.
  const T zero = splat<T>(0), sum = sample.b0 + sample.b1 + sample.b2;
  if (settings.is_perspective) sample.z = select(sum > 0, max_of(sample.z, zero), sample.z);
  return sample;
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

template <class Real>
R3D_FN RasterSettings<double> in_double(const RasterSettings<Real>& s) {
  return {s.perspective_correct, s.clip_barycentric_coords, s.cull_backfaces, (double)s.blur_radius,
          (double)s.z_near,      (double)s.z_far,           s.is_perspective};
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
  const Edges<double> e = triangle_edges(0.0, 0.0, relative);
  Sample<double> s;
  if (!polygon.clipped) {
    s = interpolate(e, inside, set_up_face(relative), settings.perspective_correct,
                    settings.clip_barycentric_coords, true);
  } else if (inside) {
    s = interpolate_clipped(e, set_up_face(relative), settings);
  } else {  // the planes act on absolute coordinates
    const Triangle<double> whole = {f.x0, f.y0, f.z0, f.x1, f.y1, f.z1, f.x2, f.y2, f.z2};
    s = sample_boundary((double)px, (double)py, whole, in_double(settings));
  }
  hit.hit = s.z >= 0;
  hit.b0 = (Real)s.b0;
  hit.b1 = (Real)s.b1;
  hit.b2 = (Real)s.b2;
  hit.z = (Real)s.z;
  hit.dist = (Real)(inside ? -dist2 : dist2);
  return hit;
}

// Where the boundary of a triangle is nearest to p: at w0, w1, w2 of its corners, from which p lies by (nx,
// ny).
template <class T>
struct NearestOnTriangle {
  T w0, w1, w2, nx, ny, distance2;
};

template <class T, class S>
R3D_FN NearestOnTriangle<T> nearest_on_triangle(T px, T py, const Triangle<S>& f) {
  const T zero = splat<T>(0);
  const NearestOnSegment<T> n20 = nearest_on_segment(px, py, f.x2, f.y2, f.x0, f.y0);
  const NearestOnSegment<T> n01 = nearest_on_segment(px, py, f.x0, f.y0, f.x1, f.y1);
  const NearestOnSegment<T> n12 = nearest_on_segment(px, py, f.x1, f.y1, f.x2, f.y2);
  const T d20 = n20.distance2(), d01 = n01.distance2(), d12 = n12.distance2();
  const auto last = d12 < d01;
  const T nearer = select(last, d12, d01);
  const auto other = nearer < d20;
  NearestOnTriangle<T> n;
  n.w0 = select(other, select(last, zero, 1 - n01.t), n20.t);
  n.w1 = select(other, select(last, 1 - n12.t, n01.t), zero);
  n.w2 = select(other, select(last, n12.t, zero), 1 - n20.t);
  n.nx = select(other, select(last, n12.nx, n01.nx), n20.nx);
  n.ny = select(other, select(last, n12.ny, n01.ny), n20.ny);
  n.distance2 = select(other, nearer, d20);
  return n;
}

// What points see of a face.
template <class T>
struct Sight {
  Coverage<T> at;
  MaskOf<T> hit;    // sees the face; false where `alone`
  MaskOf<T> alone;  // not told here: ask hit_polygon, point by point
  T dist2;          // squared, from the boundary; these three as they were asked for
  NearestOnTriangle<T> nearest;
  Sample<T> sample;
};

// What to tell beside who sees the face; added up.
enum See {
  kSeeDepth = 1,     // the sample; who finds the face behind the camera does not see it
  kSeeDistance = 2,  // the distance from the boundary, of all points
  kSeeNearest = 4,   // and where the boundary is nearest: not of cut faces
  kSeeSharp = 8,     // there is no blur
  kSeeNearer = 16    // look at depths before distances, for most will be too far
};

// Any depth will do.
struct AnyDepth {
  template <class T>
  R3D_FN_MEMBER MaskOf<T> operator()(T) const {
    return every<T>();
  }
};

// A step of see_face: of those that see the face, only who finds it in front of the camera.
template <class T, class S, class Real>
R3D_FN void see_depth(const FaceSetup<S>& face, const Polygon<Real>* cut,
                      const RasterSettings<Real>& settings, bool blurred, Sight<T>* sight) {
  const MaskOf<T> inside = sight->at.inside;
  Sample<T>* const sample = &sight->sample;
  if (cut) {
    const T zero = splat<T>(0);
    const Sample<T> s = interpolate_clipped(sight->at.e, face, settings);  // of no meaning outside
    sample->b0 = select(inside, s.b0, zero);
    sample->b1 = select(inside, s.b1, zero);
    sample->b2 = select(inside, s.b2, zero);
    sample->z = select(inside, s.z, zero);
  } else {
    const Sample<T> s = interpolate(sight->at.e, inside, face, settings.perspective_correct,
                                    settings.clip_barycentric_coords, blurred);
    sample->b0 = s.b0;
    sample->b1 = s.b1;
    sample->b2 = s.b2;
    sample->z = s.z;
  }
  sight->hit = sight->hit & (sight->sample.z >= 0);
}

// Another: also who stands outside within the blur radius.
template <int kSee, class T, class S, class Real>
R3D_FN void see_blur(T px, T py, const FaceSetup<S>& face, const Polygon<Real>* cut,
                     const RasterSettings<Real>& settings, Sight<T>* sight) {
  if (cut) {
    sight->dist2 = boundary_distance2(px, py, *cut);
  } else if (kSee & kSeeNearest) {
    sight->nearest = nearest_on_triangle(px, py, face.f);
    sight->dist2 = sight->nearest.distance2;
  } else {
    sight->dist2 = triangle_distance2(px, py, face.f);
  }
  const MaskOf<T> beyond = !sight->at.inside & (sight->dist2 < splat<T>(0) + settings.blur_radius);
  if (cut)
    sight->alone = sight->alone | beyond;
  else
    sight->hit = sight->hit | beyond;
}

// Whether points see a face: the one place where that is decided, for scalars and for lanes of points or of
// faces. `cut` is what clipping planes have left of the face, or null where they leave it whole.
// What is rare is left to hit_polygon: points next to an edge, the blur around a cut face. Coordinates are
// not huge (`wild`). Depths that `nearer` finds too far do not count. Where nobody sees the face, what was
// asked for may be missing.
template <int kSee, class T, class S, class Real, class Nearer>
R3D_FN Sight<T> see_face(T px, T py, const FaceSetup<S>& face, const Polygon<Real>* cut,
                         const RasterSettings<Real>& settings, const Nearer& nearer) {
  const bool blurred = !(kSee & kSeeSharp) && settings.blur_radius > 0;
  const bool depth_first = (kSee & kSeeNearer) && blurred && !cut;
  Sight<T> sight = {};
  if (cut)
    cover_cut(px, py, face.f, *cut, &sight.at);
  else
    cover(px, py, face.f, &sight.at);
  sight.hit = sight.at.inside;
  sight.alone = sight.at.undecided;
  if (!blurred && !any_of(sight.hit)) return sight;
  if (depth_first)
    sight.hit = every<T>();
  else if ((kSee & (kSeeDistance | kSeeNearest)) || (blurred && any_of(!sight.hit)))
    see_blur<kSee>(px, py, face, cut, settings, &sight);
  if ((kSee & kSeeDepth) && any_of(sight.hit)) {
    see_depth(face, cut, settings, blurred, &sight);
    sight.hit = sight.hit & nearer(sight.sample.z);
  }
  if (depth_first) {
    const MaskOf<T> near = sight.hit;
    sight.hit = near & sight.at.inside;
    if (any_of(near & !sight.at.inside)) {
      see_blur<kSee>(px, py, face, cut, settings, &sight);
      sight.hit = sight.hit & near;
    }
  }
  return sight;
}
template <int kSee, class T, class S, class Real>
R3D_FN Sight<T> see_face(T px, T py, const FaceSetup<S>& face, const Polygon<Real>* cut,
                         const RasterSettings<Real>& settings) {
  return see_face<kSee>(px, py, face, cut, settings, AnyDepth());
}
template <int kSee, class T, class S, class Real>
R3D_FN Sight<T> see_face(T px, T py, const FaceSetup<S>& face, const RasterSettings<Real>& settings) {
  return see_face<kSee>(px, py, face, (const Polygon<Real>*)nullptr, settings, AnyDepth());
}

// The same of any point and any face, one by one. `polygon` is the visible part of the face.
template <class Real>
R3D_FN Hit<Real> hit_polygon(Real px, Real py, const FaceSetup<Real>& setup, const Polygon<Real>& polygon,
                             const RasterSettings<Real>& settings) {
  const Polygon<Real>* const cut = polygon.clipped ? &polygon : nullptr;
  const Sight<Real> sight = see_face<kSeeDepth | kSeeDistance>(px, py, setup, cut, settings);
  if (wild(setup.f) || sight.at.undecided) return hit_exact(px, py, setup.f, polygon, settings);
  const bool beyond_cut = sight.alone;
  if (!sight.hit && !beyond_cut) return {false, 0, 0, 0, 0, 0};
  const Sample<Real> s = beyond_cut ? sample_boundary(px, py, setup.f, settings) : sight.sample;
  return {s.z >= 0, s.b0, s.b1, s.b2, s.z, sight.at.inside ? -sight.dist2 : sight.dist2};
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
  if (crosses_planes(f, settings)) polygon = clip_face(f, settings);
  const double area2 = polygon_area2(polygon);
  if (area2 == 0 || (settings.cull_backfaces && area2 > 0)) polygon.size = 0;
  return polygon;
}

// The backward. What a loss gains by moving the corners of a face, from what it gains by changing the sample
// of the face at one pixel centre: all in terms of the unclipped triangle, whose corners are the parameters.

template <class T>
struct TriangleGradient {
  T x0, y0, z0, x1, y1, z1, x2, y2, z2;

  R3D_FN_MEMBER void add(const TriangleGradient& g) {
    x0 += g.x0, y0 += g.y0, z0 += g.z0;
    x1 += g.x1, y1 += g.y1, z1 += g.z1;
    x2 += g.x2, y2 += g.y2, z2 += g.z2;
  }
};

// Of triangle_edges.
template <class T, class S>
R3D_FN void triangle_edges_bwd(T px, T py, const Triangle<S>& f, const Edges<T>& grad,
                               TriangleGradient<T>* g) {
  const T x0 = f.x0 - px, y0 = f.y0 - py, x1 = f.x1 - px, y1 = f.y1 - py, x2 = f.x2 - px, y2 = f.y2 - py;
  g->x0 += grad.e2 * y1 - grad.e1 * y2;
  g->y0 += grad.e1 * x2 - grad.e2 * x1;
  g->x1 += grad.e0 * y2 - grad.e2 * y0;
  g->y1 += grad.e2 * x0 - grad.e0 * x2;
  g->x2 += grad.e1 * y0 - grad.e0 * y1;
  g->y2 += grad.e0 * x1 - grad.e1 * x0;
}

// Of interpolate, for the gradients of its barycentric coordinates and depth. With b_i = g_i / sum(g)
// and z = sum(b_i z_i), the gradient of g_i is sum_j b_j (h_i - h_j) / sum(g), where h_i is that of b_i:
// written with differences, so that a face whose corners are almost equally far away loses no digits.
template <class T, class M, class S>
R3D_FN void interpolate_bwd(T px, T py, const Edges<T>& e, M inside, const FaceSetup<S>& s, bool perspective,
                            bool clip, const Sample<T>& grad, TriangleGradient<T>* out) {
  const T zero = splat<T>(0);
  const Edges<T> g = vertex_weights(e, s, perspective);
  const T sum = g.e0 + g.e1 + g.e2;
  const T size = abs_of(g.e0) + abs_of(g.e1) + abs_of(g.e2);
  const T unit = zero + rounding_unit(size);
  const T floor = size * unit + splat<T>(R3D_TINY);
  const auto above = inside | (s.orientation * sum > floor);
  const T scale = 1 / select(above, sum, s.orientation * floor);
  T b0 = g.e0 * scale, b1 = g.e1 * scale, b2 = g.e2 * scale;
  T h01 = grad.b0 - grad.b1 + grad.z * (s.f.z0 - s.f.z1),
    h12 = grad.b1 - grad.b2 + grad.z * (s.f.z1 - s.f.z2);
  T h20 = grad.b2 - grad.b0 + grad.z * (s.f.z2 - s.f.z0);
  T h0 = grad.b0 + grad.z * s.f.z0, h1 = grad.b1 + grad.z * s.f.z1, h2 = grad.b2 + grad.z * s.f.z2;
  T n0 = b0, n1 = b1, n2 = b2;
  if (clip) {
    n0 = max_of(b0, zero), n1 = max_of(b1, zero), n2 = max_of(b2, zero);
    const T total = n0 + n1 + n2;
    const auto divided = total > splat<T>(R3D_CLIP_BARY_FLOOR);
    const T inverse = 1 / max_of(total, splat<T>(R3D_CLIP_BARY_FLOOR));
    n0 = n0 * inverse, n1 = n1 * inverse, n2 = n2 * inverse;
    h0 = select(b0 > 0, inverse * select(divided, n1 * h01 - n2 * h20, h0), zero);
    h1 = select(b1 > 0, inverse * select(divided, n2 * h12 - n0 * h01, h1), zero);
    h2 = select(b2 > 0, inverse * select(divided, n0 * h20 - n1 * h12, h2), zero);
    h01 = h0 - h1, h12 = h1 - h2, h20 = h2 - h0;
  }
  out->z0 += grad.z * n0;
  out->z1 += grad.z * n1;
  out->z2 += grad.z * n2;
  // Where the sum counts as the floor, that is what changes with g, by unit * |g|.
  const T mean = s.orientation * unit * (b0 * h0 + b1 * h1 + b2 * h2);
  const T g0 = scale * select(above, b1 * h01 - b2 * h20, h0 - select(g.e0 < 0, -mean, mean));
  const T g1 = scale * select(above, b2 * h12 - b0 * h01, h1 - select(g.e1 < 0, -mean, mean));
  const T g2 = scale * select(above, b0 * h20 - b1 * h12, h2 - select(g.e2 < 0, -mean, mean));
  Edges<T> grad_e = {g0, g1, g2};
  if (perspective) {  // g_i = e_i / z_i
    grad_e.e0 = g0 * s.iz0, grad_e.e1 = g1 * s.iz1, grad_e.e2 = g2 * s.iz2;
    out->z0 -= g.e0 * grad_e.e0;
    out->z1 -= g.e1 * grad_e.e1;
    out->z2 -= g.e2 * grad_e.e2;
  }
  triangle_edges_bwd(px, py, s.f, grad_e, out);
}

// Of that squared distance: moving the nearest point along its edge changes nothing to first order, so the
// corners share -2 n by their weights.
template <class T>
R3D_FN void triangle_distance2_bwd(const NearestOnTriangle<T>& n, T grad, TriangleGradient<T>* out) {
  const T gx = -2 * grad * n.nx, gy = -2 * grad * n.ny;
  out->x0 += n.w0 * gx;
  out->y0 += n.w0 * gy;
  out->x1 += n.w1 * gx;
  out->y1 += n.w1 * gy;
  out->x2 += n.w2 * gx;
  out->y2 += n.w2 * gy;
}
template <class T, class S>
R3D_FN void triangle_distance2_bwd(T px, T py, const Triangle<S>& f, T grad, TriangleGradient<T>* out) {
  triangle_distance2_bwd(nearest_on_triangle(px, py, f), grad, out);
}

// Of cut_edge: from the gradient of the new corner to those of a and b.
template <class Real>
R3D_FN void cut_edge_bwd(Real ax, Real ay, Real az, Real bx, Real by, Real bz, Real z, bool perspective,
                         Real grad_x, Real grad_y, Real* grad_a, Real* grad_b) {
  const Real inverse = 1 / (az - bz), t = (az - z) * inverse;
  const Real wa = perspective ? az / z : 1, wb = perspective ? bz / z : 1;
  const Real grad_t = grad_x * (bx * wb - ax * wa) + grad_y * (by * wb - ay * wa);
  grad_a[0] += grad_x * (1 - t) * wa;
  grad_a[1] += grad_y * (1 - t) * wa;
  grad_b[0] += grad_x * t * wb;
  grad_b[1] += grad_y * t * wb;
  grad_a[2] += grad_t * (1 - t) * inverse;
  grad_b[2] += grad_t * t * inverse;
  if (perspective) {
    grad_a[2] += (grad_x * ax + grad_y * ay) * (1 - t) / z;
    grad_b[2] += (grad_x * bx + grad_y * by) * t / z;
  }
}

// Gradients of corners: x, y, z and the weights of the face's vertices.
constexpr int kCornerParts = 6;
template <class Real>
using CornerGradients = Real[5][kCornerParts];

// Of one plane of weigh_corners: gradients of the corners after it to those before it.
template <class Real>
R3D_FN void clip_at_plane_bwd(const Corners<Real>& in, const Real (*weights)[3], const Corners<Real>& out,
                              const CornerOrigin* origins, bool perspective,
                              const CornerGradients<Real>& grad_out, CornerGradients<Real>& grad_in) {
  for (int i = 0; i < out.size; ++i) {
    const int a = origins[i].kept, b = origins[i].removed;
    const Real* const g = grad_out[i];
    if (a == b) {
      for (int k = 0; k < kCornerParts; ++k) grad_in[a][k] += g[k];
      continue;
    }
    cut_edge_bwd(in.x[a], in.y[a], in.z[a], in.x[b], in.y[b], in.z[b], out.z[i], perspective, g[0], g[1],
                 grad_in[a], grad_in[b]);
    const Real inverse = 1 / (in.z[a] - in.z[b]), t = (in.z[a] - out.z[i]) * inverse;
    Real grad_t = 0;
    for (int k = 0; k < 3; ++k) {
      grad_t += g[3 + k] * (weights[b][k] - weights[a][k]);
      grad_in[a][3 + k] += (1 - t) * g[3 + k];
      grad_in[b][3 + k] += t * g[3 + k];
    }
    grad_in[a][2] += grad_t * (1 - t) * inverse;
    grad_in[b][2] += grad_t * t * inverse;
  }
}

// Of sample_boundary: from the sample to the corners of the edge.
template <class Real>
R3D_FN void sample_boundary_bwd(const WeighedCorners<Real>& w, const BoundaryPoint<Real>& at,
                                bool perspective, const Sample<Real>& grad, CornerGradients<Real>& out) {
  const Corners<Real>& c = w.clipped.after_far;
  const int a = at.from, b = at.to;
  const Real g[3] = {grad.b0, grad.b1, grad.b2}, z_a = c.z[a], z_b = c.z[b], t = at.nearest.t;
  Real grad_share = grad.z * (z_b - z_a);
  for (int k = 0; k < 3; ++k) {
    grad_share += g[k] * (w.weights[b][k] - w.weights[a][k]);
    out[a][3 + k] += (1 - at.share) * g[k];
    out[b][3 + k] += at.share * g[k];
  }
  out[a][2] += (1 - at.share) * grad.z;
  out[b][2] += at.share * grad.z;
  Real grad_t = grad_share;
  if (perspective) {
    const Real inverse = 1 / nonzero((1 - t) * z_b + t * z_a), both = grad_share * inverse * inverse;
    grad_t = both * z_a * z_b;
    out[a][2] += both * t * (1 - t) * z_b;
    out[b][2] -= both * t * (1 - t) * z_a;
  }
  if (!(t > 0 && t < 1)) return;  // a corner stays the nearest one
  const Real dx = c.x[b] - c.x[a], dy = c.y[b] - c.y[a], scale = grad_t / nonzero(dx * dx + dy * dy);
  out[a][0] -= scale * (at.nearest.nx + (1 - t) * dx);
  out[a][1] -= scale * (at.nearest.ny + (1 - t) * dy);
  out[b][0] += scale * (at.nearest.nx - t * dx);
  out[b][1] += scale * (at.nearest.ny - t * dy);
}

// Of faces that meet a clipping plane: of the distance to the visible polygon, and outside it of the sample,
// which is that of the nearest point.
template <class Real>
R3D_FN void polygon_bwd(Real px, Real py, const Triangle<Real>& f, const RasterSettings<Real>& settings,
                        bool inside, const Sample<Real>& grad_sample, Real grad_dist,
                        TriangleGradient<Real>* out) {
  WeighedCorners<Real> w;
  weigh_corners(f, settings, &w);
  const ClippedFace<Real>& clipped = w.clipped;
  if (clipped.after_far.size < 3) return;
  const BoundaryPoint<Real> at = nearest_on_boundary(px, py, clipped.after_far, settings.is_perspective);
  CornerGradients<Real> after_far = {}, after_near = {}, whole = {};
  point_segment_distance2_bwd(at.nearest, grad_dist, &after_far[at.from][0], &after_far[at.from][1],
                              &after_far[at.to][0], &after_far[at.to][1]);
  if (!inside) sample_boundary_bwd(w, at, settings.is_perspective, grad_sample, after_far);
  const Real vertices[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  clip_at_plane_bwd(clipped.after_near, w.near_weights, clipped.after_far, clipped.far_origins,
                    settings.is_perspective, after_far, after_near);
  clip_at_plane_bwd(clipped.whole, vertices, clipped.after_near, clipped.near_origins,
                    settings.is_perspective, after_near, whole);
  const TriangleGradient<Real> g = {whole[0][0], whole[0][1], whole[0][2], whole[1][0], whole[1][1],
                                    whole[1][2], whole[2][0], whole[2][1], whole[2][2]};
  out->add(g);
}

// Gradients of one slot: of its barycentric coordinates, depth and signed squared distance.
template <class T>
struct HitGradient {
  Sample<T> sample;
  T dist;
};

template <class Real>
R3D_FN Real bounded(double value) {
  const double limit = (double)R3D_GRADIENT_LIMIT;
  return (Real)(value > limit ? limit : value < -limit ? -limit : value);
}

// Of hit_polygon, for any face: in double, each component bounded, so that it is finite on slivers too.
template <class Real>
R3D_FN void hit_bwd_exact(Real px, Real py, const Triangle<Real>& f, const RasterSettings<Real>& settings,
                          const HitGradient<Real>& grad, TriangleGradient<Real>* out) {
  const bool clipped = crosses_planes(f, settings);
  const bool inside = inside_exact(px, py, clipped ? clip_face(f, settings) : whole_face(f));
  const Triangle<double> relative = {(Real)(f.x0 - px), (Real)(f.y0 - py), f.z0,
                                     (Real)(f.x1 - px), (Real)(f.y1 - py), f.z1,
                                     (Real)(f.x2 - px), (Real)(f.y2 - py), f.z2};
  const Sample<double> sample = {grad.sample.b0, grad.sample.b1, grad.sample.b2, grad.sample.z};
  const double grad_dist = inside ? -(double)grad.dist : (double)grad.dist;
  TriangleGradient<double> g = {};
  if (inside || !clipped)
    interpolate_bwd(0.0, 0.0, triangle_edges(0.0, 0.0, relative), inside, set_up_face(relative),
                    clipped ? settings.is_perspective : settings.perspective_correct,
                    settings.clip_barycentric_coords, sample, &g);
  if (clipped) {  // the planes act on absolute coordinates
    const Triangle<double> whole = {f.x0, f.y0, f.z0, f.x1, f.y1, f.z1, f.x2, f.y2, f.z2};
    polygon_bwd((double)px, (double)py, whole, in_double(settings), inside, sample, grad_dist, &g);
  } else {
    triangle_distance2_bwd(0.0, 0.0, relative, grad_dist, &g);
  }
  const TriangleGradient<Real> finite = {bounded<Real>(g.x0), bounded<Real>(g.y0), bounded<Real>(g.z0),
                                         bounded<Real>(g.x1), bounded<Real>(g.y1), bounded<Real>(g.z1),
                                         bounded<Real>(g.x2), bounded<Real>(g.y2), bounded<Real>(g.z2)};
  out->add(finite);
}

template <class Real>
R3D_FN Real magnitude(const TriangleGradient<Real>& g) {
  return abs_of(g.x0) + abs_of(g.y0) + abs_of(g.z0) + abs_of(g.x1) + abs_of(g.y1) + abs_of(g.z1) +
         abs_of(g.x2) + abs_of(g.y2) + abs_of(g.z2);
}

// Of hit_polygon: decides as it does. Faces that meet a clipping plane are few, and may reach far: all of
// theirs is computed in double.
template <class Real>
R3D_FN void hit_bwd(Real px, Real py, const FaceSetup<Real>& setup, const RasterSettings<Real>& settings,
                    const HitGradient<Real>& grad, TriangleGradient<Real>* out) {
  Coverage<Real> at;
  cover(px, py, setup.f, &at);
  if (!crosses_planes(setup.f, settings) && !wild(setup.f) && !at.undecided) {
    TriangleGradient<Real> g = {};
    interpolate_bwd(px, py, at.e, at.inside, setup, settings.perspective_correct,
                    settings.clip_barycentric_coords, grad.sample, &g);
    triangle_distance2_bwd(px, py, setup.f, at.inside ? -grad.dist : grad.dist, &g);
    if (magnitude(g) < (Real)R3D_GRADIENT_LIMIT) {
      out->add(g);
      return;
    }
  }
  hit_bwd_exact(px, py, setup.f, settings, grad, out);
}

}  // namespace r3d

#endif  // R3D_RASTER_RASTERIZE_MESHES_H_
