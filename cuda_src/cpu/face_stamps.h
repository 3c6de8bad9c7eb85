// Faces tried on stamps of pixels: which lanes see a face, with which sample, and the gradient from there.
// What the fused schedules walk, in tiles forward and face by face backward.
#ifndef R3D_CPU_FACE_STAMPS_H_
#define R3D_CPU_FACE_STAMPS_H_

#include "cpu/mesh_frame.h"
#include "cpu/stamps.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// Columns and rows of an image, both ends included; empty where x1 < x0 or y1 < y0.
struct PixelBox {
  int x0, y0, x1, y1;
};

template <class Real>
struct StampFace {
  FaceSetup<Real> setup;
  Polygon<Real> polygon;  // the visible part, where `slow`
  bool slow;              // meets a clipping plane, or its coordinates are huge
  bool exactly;           // the latter
  i64 id;
};

// Up to a vector's width of faces.
template <class Real>
struct StampFaces {
  typedef Lanes<Real> L;
  const Frame<Real>& frame;
  Axis<Real> ax, ay;
  FaceLanes<Real> block;

  explicit StampFaces(const Frame<Real>& frame)
      : frame(frame),
        ax(frame.args.width, frame.args.height, frame.settings.blur_radius),
        ay(frame.args.height, frame.args.width, frame.settings.blur_radius) {}

  // Calls use(i, StampFace, PixelBox) for each face, ids[i], that reaches into the window.
  template <class Use>
  R3D_MEMBER void each(const u32* ids, int count, const PixelBox& window, const Use& use) {
    for (int i = 0; i < count; ++i) block.set(i, load_face(frame.args, ids[i]));
    for (int i = count; i < Simd<Real>::width; ++i) block.set(i, Triangle<Real>{});
    const FaceSetup<L> setup = set_up_face(block.lanes());
    const FaceBox<Real> box(setup.f, ax, ay, frame.settings);
    for (int i = 0; i < count; ++i) {
      StampFace<Real> face;
      face.setup = {block.face(i), setup.iz0[i], setup.iz1[i], setup.iz2[i], setup.orientation[i]};
      face.slow = box.rare >> i & 1;
      face.exactly = face.slow && wild(face.setup.f);
      face.id = ids[i];
      PixelBox seen = {(int)box.c0[i], (int)box.r0[i], (int)box.c1[i], (int)box.r1[i]};
      if (face.slow) {
        face.polygon = visible_polygon(face.setup.f, frame.settings);
        if (face.polygon.size < 3) continue;
        seen = box_of(face.polygon);
      }
      seen = {seen.x0 > window.x0 ? seen.x0 : window.x0, seen.y0 > window.y0 ? seen.y0 : window.y0,
              seen.x1 < window.x1 ? seen.x1 : window.x1, seen.y1 < window.y1 ? seen.y1 : window.y1};
      if (seen.x0 <= seen.x1 && seen.y0 <= seen.y1) use(i, face, seen);
    }
  }

 private:
  R3D_MEMBER PixelBox box_of(const Polygon<Real>& p) const {
    Real x0 = p.x[0], x1 = x0, y0 = p.y[0], y1 = y0;
    for (int i = 1; i < p.size; ++i) {
      x0 = min_of(x0, p.x[i]), x1 = max_of(x1, p.x[i]);
      y0 = min_of(y0, p.y[i]), y1 = max_of(y1, p.y[i]);
    }
    PixelBox box;
    ax.span(x0, x1, &box.x0, &box.x1);
    ay.span(y0, y1, &box.y0, &box.y1);
    return box;
  }
};

// What the lanes of a stamp see of a face.
template <class Real>
struct StampHits {
  typedef Lanes<Real> L;
  L px, py;
  Edges<L> e;
  Ints<Real> inside, hit;
  u32 undecided;  // lanes whose coverage was decided exactly
  Sample<L> sample;
  L dist;                        // squared, negative inside
  NearestOnTriangle<L> nearest;  // the backward's, not of slow faces
};

// The lanes that need care, one by one. Not inlined: their code is long and rarely run.
template <class Real>
__attribute__((noinline)) Hit<Real> hit_alone(Real px, Real py, const StampFace<Real>& face,
                                              const RasterSettings<Real>& settings) {
  return hit_polygon(px, py, face.setup, face.slow ? face.polygon : whole_face(face.setup.f), settings);
}
template <class Real>
__attribute__((noinline)) void hit_alone_bwd(Real px, Real py, const StampFace<Real>& face,
                                             const RasterSettings<Real>& settings,
                                             const HitGradient<Real>& grad, TriangleGradient<Real>* out) {
  hit_bwd(px, py, face.setup, settings, grad, out);
}
// Of faces cut by a plane, or huge.
template <int kSee, class Real>
__attribute__((noinline)) Sight<Lanes<Real>> see_cut(Lanes<Real> px, Lanes<Real> py,
                                                     const StampFace<Real>& face,
                                                     const RasterSettings<Real>& settings) {
  return see_face<kSee>(px, py, face.setup, &face.polygon, settings);
}

// `kSample`: with depth and barycentric coordinates, which also decide whether the face lies behind the
// camera. `kBackward`: with what hit_stamp_bwd needs.
template <bool kSample, bool kBackward, class Real>
R3D_FN StampHits<Real> hit_stamp(Lanes<Real> px, Lanes<Real> py, const StampFace<Real>& face,
                                 const RasterSettings<Real>& settings) {
  typedef Lanes<Real> L;
  constexpr u32 all = ~0u >> (32 - Simd<Real>::width);
  constexpr int kSee = (kSample ? kSeeDepth : 0) | (kBackward ? kSeeNearest : kSeeDistance);
  const Sight<L> sight =
      face.slow ? see_cut<kSee, Real>(px, py, face, settings) : see_face<kSee>(px, py, face.setup, settings);
  StampHits<Real> h = {px, py, sight.at.e, sight.at.inside, sight.hit, 0, sight.sample, {}, sight.nearest};
  h.dist = select(h.inside, -sight.dist2, sight.dist2);
  h.undecided = face.exactly ? all : mask_bits(sight.alone);
  for (u32 left = h.undecided; left; left &= left - 1) {
    const int i = __builtin_ctz(left);
    const Hit<Real> exact = hit_alone((Real)px[i], (Real)py[i], face, settings);
    h.hit[i] = exact.hit ? -1 : 0;
    h.inside[i] = exact.hit && exact.dist < 0 ? -1 : 0;
    h.dist[i] = exact.dist;
    if (kSample) {
      h.sample.b0[i] = exact.b0, h.sample.b1[i] = exact.b1, h.sample.b2[i] = exact.b2;
      h.sample.z[i] = exact.z;
    }
  }
  return h;
}

// Adds what the lanes that hit pass on to the face's corners: to `lanes`, or, where a lane needs care, to
// `rest`.
template <bool kSample, class Real>
R3D_FN void hit_stamp_bwd(const StampHits<Real>& h, const StampFace<Real>& face,
                          const RasterSettings<Real>& settings, const HitGradient<Lanes<Real>>& grad,
                          TriangleGradient<Lanes<Real>>* lanes, TriangleGradient<Real>* rest) {
  typedef Lanes<Real> L;
  constexpr u32 all = ~0u >> (32 - Simd<Real>::width);
  const L zero = splat<L>(0);
  u32 alone = face.slow ? all : h.undecided;
  if (!face.slow) {
    TriangleGradient<L> g = {};
    if (kSample)
      interpolate_bwd(h.px, h.py, h.e, h.inside, face.setup, settings.perspective_correct,
                      settings.clip_barycentric_coords, grad.sample, &g);
    triangle_distance2_bwd(h.nearest, select(h.inside, -grad.dist, grad.dist), &g);
    alone |= mask_bits(!(magnitude(g) < splat<L>(R3D_GRADIENT_LIMIT)));
    Ints<Real> together = h.hit;
    for (u32 left = alone; left; left &= left - 1) together[__builtin_ctz(left)] = 0;
    lanes->x0 += select(together, g.x0, zero), lanes->y0 += select(together, g.y0, zero);
    lanes->x1 += select(together, g.x1, zero), lanes->y1 += select(together, g.y1, zero);
    lanes->x2 += select(together, g.x2, zero), lanes->y2 += select(together, g.y2, zero);
    if (kSample) {
      lanes->z0 += select(together, g.z0, zero), lanes->z1 += select(together, g.z1, zero);
      lanes->z2 += select(together, g.z2, zero);
    }
  }
  for (u32 left = alone & mask_bits(h.hit); left; left &= left - 1) {
    const int i = __builtin_ctz(left);
    HitGradient<Real> one = {{0, 0, 0, 0}, (Real)grad.dist[i]};
    if (kSample)
      one.sample = {(Real)grad.sample.b0[i], (Real)grad.sample.b1[i], (Real)grad.sample.b2[i],
                    (Real)grad.sample.z[i]};
    hit_alone_bwd((Real)h.px[i], (Real)h.py[i], face, settings, one, rest);
  }
}

template <class Real>
R3D_FN void add_lanes(const TriangleGradient<Lanes<Real>>& g, TriangleGradient<Real>* sum) {
  for (int i = 0; i < Simd<Real>::width; ++i)
    sum->add({g.x0[i], g.y0[i], g.z0[i], g.x1[i], g.y1[i], g.z1[i], g.x2[i], g.y2[i], g.z2[i]});
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_FACE_STAMPS_H_
