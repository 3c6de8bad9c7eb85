// The mathematics of antialias: where the silhouette of a mesh passes between two neighbouring pixel centres,
// how much of one pixel's colour it lets into the other, and the gradients of both. Shared by the CPU
// schedule, the CUDA kernels and the emulation.
//
// Laine et al. 2020, "Modular Primitives for High-Performance Differentiable Rendering", section 3.6, look
// for the silhouette among the edges of the face that a pixel shows. Where faces are not much larger than
// pixels it is rarely one of these: here the surface is followed, face after face, from one centre to the
// other.
//
// Pixels make two pairs each: along axis 0 with the pixel to the right, along axis 1 with the one below; the
// pixel itself is the first of both. Tables of pairs are (N, 2, H, W).
#ifndef R3D_RASTER_ANTIALIAS_H_
#define R3D_RASTER_ANTIALIAS_H_

#include "math/geometry.h"
#include "raster/rasterize_meshes.h"

namespace r3d {

template <class Real>
struct FacedMesh {
  const Real* verts;     // (V, 3) NDC x, y and view depth z
  const i64* faces;      // (F, 3) ids into verts
  const i32* opposites;  // (F, 3) the corner across each corner's edge, itself where there is none
  i64 num_verts, num_faces;
  Real z_near;  // faces that reach nearer are not followed; -inf: all are
};

// The nearest faces at pixel centres: slot 0 of K.
template <class Real>
struct NearestFaces {
  const i64* pix_to_face;  // (N, H, W, K)
  const Real* zbuf;        // (N, H, W, K)
  i64 slots;               // K
  int width;

  R3D_FN_MEMBER i64 face(i64 pixel) const { return pix_to_face[pixel * slots]; }
  R3D_FN_MEMBER Real depth(i64 pixel) const { return zbuf[pixel * slots]; }
};

// A pair of pixels: the first one's column and row.
struct PixelPair {
  int axis, row, column;
};

// Where pixel centres are, NDC. A schedule may have tables of them instead.
template <class Real>
struct PixelCenters {
  int height, width;

  R3D_FN_MEMBER Real x(int column) const { return pixel_center<Real>(width - 1 - column, width, height); }
  R3D_FN_MEMBER Real y(int row) const { return pixel_center<Real>(height - 1 - row, height, width); }
  R3D_FN_MEMBER Real spacing() const { return (Real)2 / (Real)(height < width ? height : width); }
};

// -- Following the surface

// A vertex relative to a pixel centre: how far along the way to the other centre, and beside that way.
template <class Real>
struct WayPoint {
  i64 vertex;
  Real along, beside;
};

// The way from one centre of a pair to the other.
template <class Real>
struct Way {
  int axis;
  Real x, y;     // the centre it begins at, NDC
  Real sign;     // of NDC along the way
  Real spacing;  // of pixel centres, NDC

  R3D_FN_MEMBER WayPoint<Real> at(const FacedMesh<Real>& mesh, i64 vertex) const {
    const Real dx = mesh.verts[3 * vertex] - x, dy = mesh.verts[3 * vertex + 1] - y;
    return {vertex, sign * (axis == 0 ? dx : dy), axis == 0 ? dy : dx};
  }
};

// `forward`: from the first pixel to the second.
template <class Real, class Centers>
R3D_FN Way<Real> way_between(const PixelPair& pair, bool forward, const Centers& centers) {
  const int row = pair.row + (pair.axis == 1 && !forward),
            column = pair.column + (pair.axis == 0 && !forward);
  return {pair.axis, centers.x(column), centers.y(row), forward ? (Real)-1 : (Real)1, centers.spacing()};
}

template <class Real>
R3D_FN bool can_follow(const FacedMesh<Real>& mesh, i64 vertex) {
  const Real *v = mesh.verts + 3 * vertex, wild = (Real)R3D_WILD_COORDINATE;
  return abs_of(v[0]) < wild && abs_of(v[1]) < wild && v[2] >= mesh.z_near;  // not so for NaN
}

// How far along the way an edge crosses it, as a quotient: its ends lie on different sides of the way.
// Divided only at a silhouette; its sign and its bounds need no division.
template <class Real>
struct Along {
  Real over, under;  // under > 0
};

template <class Real>
R3D_FN Along<Real> crossing_along(const WayPoint<Real>& above, const WayPoint<Real>& below) {
  return {cross2(below.along, below.beside, above.along, above.beside), above.beside - below.beside};
}

// Which side of the edge ab a point lies on.
template <class Real>
R3D_FN Real side_of(const WayPoint<Real>& a, const WayPoint<Real>& b, const WayPoint<Real>& p) {
  return cross2(b.along - a.along, b.beside - a.beside, p.along - a.along, p.beside - a.beside);
}

enum WalkEnd {
  kSilhouette,  // the surface ends, or turns back, between the centres
  kConnected,   // it leads to the face that the other pixel shows
  kPast,        // it goes on behind, or in front of, what the other pixel shows
  kLost,        // it cannot be followed
  kBadFace      // a face names a vertex that there is not
};

struct Walk {
  WalkEnd end;
  i64 corner;  // of kSilhouette: the one opposite to the edge; of kBadFace: one of that face
};

// The edge by which the way leaves a face: its ends above and below the way, and the corner opposite to it.
// The face lies on the near side of it, where side_of(above, below, p) is below zero.
template <class Real>
struct Exit {
  WayPoint<Real> above, below;
  i64 corner;
};

// False: the way does not meet the face, or sees it edge-on.
template <class Real>
R3D_FN bool leave_face(const Way<Real>& way, const FacedMesh<Real>& mesh, i64 face, Exit<Real>* exit) {
  const i64* const ids = mesh.faces + 3 * face;
  const WayPoint<Real> p[3] = {way.at(mesh, ids[0]), way.at(mesh, ids[1]), way.at(mesh, ids[2])};
  const Real area = side_of(p[0], p[1], p[2]);
  const bool turns_left = area > 0;
  // Round a face that turns left the way leaves by the edge that rises; round another by the one that falls.
  const int up0 = (p[0].beside >= 0) == turns_left, up1 = (p[1].beside >= 0) == turns_left,
            up2 = (p[2].beside >= 0) == turns_left;
  const int rising = up0 < up1 ? 0 : up1 < up2 ? 1 : 2;  // where that edge begins
  if ((up0 == up1 && up1 == up2) || area == 0) return false;
  const int end = rising == 2 ? 0 : rising + 1;
  exit->above = p[turns_left ? end : rising];
  exit->below = p[turns_left ? rising : end];
  exit->corner = 3 * face + 3 - rising - end;
  return true;
}

template <class Real>
R3D_FN bool names_vertices(const FacedMesh<Real>& mesh, i64 face) {
  const i64* const ids = mesh.faces + 3 * face;
  const u64 count = (u64)mesh.num_verts;
  return (u64)ids[0] < count && (u64)ids[1] < count && (u64)ids[2] < count;
}

// Follows the surface from the face at the way's beginning towards `target`, the face at its end, or -1.
template <class Real>
R3D_FN Walk walk_surface(const Way<Real>& way, const FacedMesh<Real>& mesh, i64 face, i64 target) {
  const Real slack = (Real)R3D_CROSSING_SLACK * way.spacing;
  if (!names_vertices(mesh, face)) return {kBadFace, 3 * face};
  for (int j = 0; j < 3; ++j)
    if (!can_follow(mesh, mesh.faces[3 * face + j])) return {kLost, -1};
  Exit<Real> exit;
  if (!leave_face(way, mesh, face, &exit)) return {kLost, -1};
  for (int step = 0; step < R3D_WALK_LIMIT; ++step) {
    const Along<Real> along = crossing_along(exit.above, exit.below);
    if (!(along.over >= -slack * along.under)) return {kLost, -1};
    if (!(along.over <= (way.spacing + slack) * along.under)) return {kPast, -1};
    // The surface goes on in a face beyond the edge. More than two faces of an edge make a ring.
    i64 corner = mesh.opposites[exit.corner];
    WayPoint<Real> next = {-1, 0, 0};
    for (int turn = 0; corner != exit.corner; corner = mesh.opposites[corner]) {
      if ((u64)corner >= (u64)(3 * mesh.num_faces) || ++turn > R3D_WALK_LIMIT) return {kLost, -1};
      if (!names_vertices(mesh, corner / 3)) return {kBadFace, corner};
      next = way.at(mesh, mesh.faces[corner]);
      if (side_of(exit.above, exit.below, next) > 0) break;
    }
    if (corner == exit.corner) return {kSilhouette, corner};
    face = corner / 3;
    if (face == target) return {kConnected, -1};
    if (!can_follow(mesh, next.vertex)) return {kLost, -1};
    WayPoint<Real>* const replaced = next.beside >= 0 ? &exit.above : &exit.below;
    const i64* const ids = mesh.faces + 3 * face;
    exit.corner = 3 * face + (ids[0] == replaced->vertex ? 0 : ids[1] == replaced->vertex ? 1 : 2);
    *replaced = next;
  }
  return {kLost, -1};
}

// -- Where the edge crosses

// Where an edge crosses from the first centre (0) to the second (1), and what that place depends on: its
// share `s` of the way from a to b, and how far it moves along for a step beside.
template <class Real>
struct Crossing {
  Real t, s, slope;
  bool oriented;  // the edge lies across the axis rather than along it: pairs of the other axis have the rest
};

R3D_FN i64 edge_start(const i64* faces, i64 corner) {
  const i64 face = corner / 3;
  return faces[3 * face + (corner - 3 * face + 1) % 3];
}
R3D_FN i64 edge_end(const i64* faces, i64 corner) {
  const i64 face = corner / 3;
  return faces[3 * face + (corner - 3 * face + 2) % 3];
}

// Each edge is sampled along one axis, which makes the sum over a silhouette the area that it moves over.
template <class Real, class Centers>
R3D_FN Crossing<Real> edge_crossing(const FacedMesh<Real>& mesh, i64 corner, const PixelPair& pair,
                                    const Centers& centers) {
  const Way<Real> way = way_between<Real>(pair, true, centers);
  const WayPoint<Real> a = way.at(mesh, edge_start(mesh.faces, corner)),
                       b = way.at(mesh, edge_end(mesh.faces, corner));
  const Real along = b.along - a.along, beside = b.beside - a.beside;
  const bool oriented = pair.axis == 0 ? abs_of(along) <= abs_of(beside) : abs_of(along) < abs_of(beside);
  if (!oriented || !(abs_of(beside) > 0)) return {0, 0, 0, false};
  const Real s = -a.beside / beside;
  const Real t = (a.along + s * along) / way.spacing;
  return {max_of((Real)0, min_of((Real)1, t)), s, along / beside, true};
}

// What a pair of pixels has to do with the silhouette.
template <class Real>
struct PairCrossing {
  i64 corner;    // opposite to the silhouette's edge, -1: none
  Real share;    // t - 1/2: below zero the first pixel takes so much of the second one's colour, else the
                 // reverse
  i64 bad_face;  // a face that names no vertex, or -1
};

template <class Real, class Centers>
R3D_FN PairCrossing<Real> pair_crossing(const NearestFaces<Real>& seen, const FacedMesh<Real>& mesh,
                                        i64 first_pixel, const PixelPair& pair, const Centers& centers) {
  const i64 second_pixel = first_pixel + (pair.axis == 0 ? 1 : seen.width);
  const i64 first = seen.face(first_pixel), second = seen.face(second_pixel);
  if (first == second) return {-1, 0, -1};
  if (first >= mesh.num_faces || second >= mesh.num_faces)
    return {-1, 0, first >= mesh.num_faces ? first : second};
  // The nearer surface ends in front of the other one; where it does not, the other one ends, or they meet.
  bool forward = second < 0 || (first >= 0 && seen.depth(first_pixel) <= seen.depth(second_pixel));
  for (int turn = 0; turn < 2; ++turn, forward = !forward) {
    const i64 from = forward ? first : second, to = forward ? second : first;
    if (from < 0) break;
    const Walk walk = walk_surface(way_between<Real>(pair, forward, centers), mesh, from, to);
    if (walk.end == kBadFace) return {-1, 0, walk.corner / 3};
    if (walk.end == kSilhouette) {
      const Crossing<Real> c = edge_crossing(mesh, walk.corner, pair, centers);
      if (!c.oriented) break;
      return {walk.corner, c.t - (Real)0.5, -1};
    }
    if (walk.end != kPast) break;
  }
  return {-1, 0, -1};
}

// The gradient of the edge's ends, NDC x and y, from that of t.
template <class Real>
struct EdgeGradient {
  i64 a, b;
  Real ax, ay, bx, by;
};

template <class Real, class Centers>
R3D_FN EdgeGradient<Real> edge_crossing_bwd(const FacedMesh<Real>& mesh, i64 corner, const PixelPair& pair,
                                            const Centers& centers, Real grad_t) {
  const Crossing<Real> c = edge_crossing(mesh, corner, pair, centers);
  const Real along = -grad_t / centers.spacing();  // NDC runs against rows and columns
  const Real beside = c.slope * along;
  const Real x = pair.axis == 0 ? along : beside, y = pair.axis == 0 ? beside : along;
  return {edge_start(mesh.faces, corner),
          edge_end(mesh.faces, corner),
          (1 - c.s) * x,
          (1 - c.s) * y,
          c.s * x,
          c.s * y};
}

// -- Blending

// What a pixel takes from its four neighbours, and what is left of itself.
template <class Real>
struct Mixture {
  Real weight[4];  // right, below, left, above
  Real total;
  Real scale;  // of the weights: several edges at one pixel do not take more than all of it
};

template <class Real>
struct ShareTable {
  const Real* shares;  // (N, 2, H, W)
  int height, width;

  R3D_FN_MEMBER i64 pair(i64 image, int axis, int row, int column) const {
    return ((2 * image + axis) * height + row) * (i64)width + column;
  }
  R3D_FN_MEMBER i64 pixel(i64 image, int row, int column) const {
    return (image * height + row) * (i64)width + column;
  }
  // From a pixel to its neighbours in the order of the weights; 0: outside the picture.
  R3D_FN_MEMBER i64 step(int side, int row, int column) const {
    switch (side) {
      case 0:
        return column + 1 < width ? 1 : 0;
      case 1:
        return row + 1 < height ? width : 0;
      case 2:
        return column > 0 ? -1 : 0;
      default:
        return row > 0 ? -(i64)width : 0;
    }
  }
  // The share of the pair with that neighbour, above zero where this pixel takes from it.
  R3D_FN_MEMBER Real share(i64 image, int row, int column, int side) const {
    if (step(side, row, column) == 0) return 0;
    const int axis = side & 1;
    return side < 2 ? -shares[pair(image, axis, row, column)]
                    : shares[pair(image, axis, row - (axis == 1), column - (axis == 0))];
  }
  R3D_FN_MEMBER Mixture<Real> mixture(i64 image, int row, int column) const {
    Mixture<Real> m;
    m.total = 0;
    for (int side = 0; side < 4; ++side) {
      m.weight[side] = max_of(share(image, row, column, side), (Real)0);
      m.total += m.weight[side];
    }
    m.scale = m.total > 1 ? 1 / m.total : (Real)1;
    return m;
  }
};

// One channel of a pixel; `at` is its index into color (N, H, W, C).
template <class Real>
R3D_FN Real blend(const ShareTable<Real>& table, const Mixture<Real>& m, const Real* color, i64 channels,
                  i64 at, int row, int column) {
  Real added = 0;
  for (int side = 0; side < 4; ++side)
    if (m.weight[side] > 0)
      added += m.weight[side] * (color[at + channels * table.step(side, row, column)] - color[at]);
  return color[at] + m.scale * added;
}

// The gradient of a pixel's colour: how much it keeps of the picture's there, and of its neighbours', in the
// order of Mixture, what they took from it.
template <class Real>
struct Sources {
  Real own, weight[4];
};

template <class Real>
R3D_FN Sources<Real> sources(const ShareTable<Real>& table, i64 image, int row, int column) {
  const Mixture<Real> m = table.mixture(image, row, column);
  Sources<Real> s;
  s.own = 1 - m.scale * m.total;
  for (int side = 0; side < 4; ++side) {
    const Real taken = -table.share(image, row, column, side);
    const int down = side == 1 ? 1 : side == 3 ? -1 : 0, right = side == 0 ? 1 : side == 2 ? -1 : 0;
    s.weight[side] = taken > 0 ? table.mixture(image, row + down, column + right).scale * taken : (Real)0;
  }
  return s;
}

// One channel of it; `at` is its index into grad (N, H, W, C).
template <class Real>
R3D_FN Real blend_bwd_color(const ShareTable<Real>& table, const Sources<Real>& s, const Real* grad,
                            i64 channels, i64 at, int row, int column) {
  Real sum = s.own * grad[at];
  for (int side = 0; side < 4; ++side)
    if (s.weight[side] > 0) sum += s.weight[side] * grad[at + channels * table.step(side, row, column)];
  return sum;
}

// The gradient of the pair's t from that of the picture.
template <class Real>
R3D_FN Real blend_bwd_crossing(const ShareTable<Real>& table, const Real* color, const Real* grad,
                               i64 channels, i64 image, const PixelPair& pair) {
  const bool second = table.shares[table.pair(image, pair.axis, pair.row, pair.column)] >= 0;
  const int row = pair.row + (second && pair.axis == 1), column = pair.column + (second && pair.axis == 0);
  const Mixture<Real> m = table.mixture(image, row, column);
  const i64 at = table.pixel(image, row, column) * channels;
  const i64 step = channels * table.step(pair.axis + 2 * second, row, column);
  Real sum = 0;
  for (i64 c = at; c < at + channels; ++c) {
    Real difference = color[c + step] - color[c];
    // Where weights are scaled, more of one neighbour is less of all others.
    if (m.total > 1) difference -= blend(table, m, color, channels, c, row, column) - color[c];
    sum += grad[c] * difference;
  }
  return (second ? m.scale : -m.scale) * sum;
}

}  // namespace r3d

#endif  // R3D_RASTER_ANTIALIAS_H_
