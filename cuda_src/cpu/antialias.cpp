// The CPU schedule of antialias: rows of pixels over threads. Compiled once for each instruction set: no
// standard library.
//
// Pairs whose pixels show one face, and pixels beside no crossing, are most of a picture: runs of them are
// passed by in SIMD lanes.
#include "cpu/schedules.h"
#include "cpu/scratch.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kRows = 8;  // that a thread takes at a time
constexpr int kRun = 16;  // pixels that are passed by at once
constexpr i64 kNone = -1;

// Calls visit(image, row) for every row of every image.
template <class Visit>
void for_each_row(i64 num_images, int height, const Visit& visit) {
  parallel(num_images * height, kRows, [&](i64 begin, i64 end, int) {
    for (i64 i = begin; i < end; ++i) visit(i / height, (int)(i % height));
  });
}

// -- Forward

template <class Real>
void find_in_row(const AntialiasArgs<Real>& a, i64 image, int row, int axis, i64* bad_face) {
  const NearestFaces<Real>& seen = a.seen;
  const i64 width = seen.width, first = (image * seen.height + row) * width;
  const i64 table = ((2 * image + axis) * seen.height + row) * width;
  __builtin_memset(a.crossings + table, 0xff, (size_t)width * sizeof(i32));
  __builtin_memset(a.shares + table, 0, (size_t)width * sizeof(Real));
  if (axis == 1 && row + 1 == seen.height) return;
  const i64 columns = axis == 0 ? width - 1 : width, step = axis == 0 ? 1 : width;
  for (i64 run = 0; run < columns; run += kRun) {
    const i64 stop = run + kRun < columns ? run + kRun : columns;
    i64 differ = 0;
    for (i64 p = first + run; p < first + stop; ++p) differ |= seen.face(p) ^ seen.face(p + step);
    if (differ == 0) continue;
    for (i64 column = run; column < stop; ++column) {
      const PairCrossing<Real> found =
          pair_crossing(seen, a.mesh, first + column, {axis, row, (int)column});
      a.crossings[table + column] = (i32)found.corner;
      a.shares[table + column] = found.share;
      if (found.bad_face != kNone) __atomic_store_n(bad_face, found.bad_face, __ATOMIC_RELAXED);
    }
  }
}

// Calls visit(column) for the pixels of a row that a crossing touches.
template <class Visit>
void for_each_touched(const i32* crossings, i64 image, int row, int height, i64 width, const Visit& visit) {
  const i32* const right = crossings + ((2 * image) * height + row) * width;
  const i32* const below = crossings + ((2 * image + 1) * height + row) * width;
  const i32* const above = row > 0 ? below - width : below;
  for (i64 run = 0; run < width; run += kRun) {
    const i64 stop = run + kRun < width ? run + kRun : width;
    i32 none = run > 0 ? right[run - 1] : kNone;  // all ones while nothing is there
    for (i64 x = run; x < stop; ++x) none &= right[x] & below[x] & above[x];
    if (none == kNone) continue;
    for (i64 x = run; x < stop; ++x)
      if ((right[x] & below[x] & above[x] & (x > 0 ? right[x - 1] : kNone)) != kNone) visit((int)x);
  }
}

template <class Real>
i64 forward(const AntialiasArgs<Real>& a) {
  const int height = a.seen.height, width = a.seen.width;
  i64 bad_face = kNone;
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    for (int axis = 0; axis < 2; ++axis) find_in_row(a, image, row, axis, &bad_face);
  });
  if (bad_face != kNone) return bad_face;
  const ShareTable<Real> table = {a.shares, height, width};
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    const i64 first = table.pixel(image, row, 0) * a.channels;
    __builtin_memcpy(a.out + first, a.color + first, (size_t)(width * a.channels) * sizeof(Real));
    for_each_touched(a.crossings, image, row, height, width, [&](int column) {
      const Mixture<Real> m = table.mixture(image, row, column);
      const i64 at = table.pixel(image, row, column) * a.channels;
      for (i64 c = at; c < at + a.channels; ++c)
        a.out[c] = blend(table, m, a.color, a.channels, c, row, column);
    });
  });
  return kAllFacesGood;
}

// -- Backward

template <class Real>
void backward_color(const AntialiasBwdColorArgs<Real>& a) {
  const ShareTable<Real>& table = a.table;
  for_each_row(a.num_images, table.height, [&](i64 image, int row) {
    const i64 first = table.pixel(image, row, 0) * a.channels;
    __builtin_memcpy(a.grad_color + first, a.grad + first, (size_t)(table.width * a.channels) * sizeof(Real));
    for (int column = 0; column < table.width; ++column) {
      bool touched = false;
      for (int side = 0; side < 4; ++side) touched |= table.share(image, row, column, side) != 0;
      if (!touched) continue;
      const i64 at = first + column * a.channels;
      for (i64 c = at; c < at + a.channels; ++c)
        a.grad_color[c] = blend_bwd_color(table, a.grad, a.channels, c, image, row, column);
    }
  });
}

// Calls visit(axis, column) for the crossings of a row.
template <class Visit>
void for_each_crossing(const i32* crossings, i64 image, int row, int height, i64 width, const Visit& visit) {
  for (int axis = 0; axis < 2; ++axis) {
    const i32* const pairs = crossings + ((2 * image + axis) * height + row) * width;
    for (i64 run = 0; run < width; run += kRun) {
      const i64 stop = run + kRun < width ? run + kRun : width;
      i32 none = kNone;
      for (i64 x = run; x < stop; ++x) none &= pairs[x];
      if (none == kNone) continue;
      for (i64 x = run; x < stop; ++x)
        if (pairs[x] != kNone) visit(axis, (int)x, pairs[x]);
    }
  }
}

// Gradients of edges are computed in any order, and added to the vertices in that of the pixels.
template <class Real>
bool backward_verts(const AntialiasBwdVertsArgs<Real>& a) {
  const ShareTable<Real>& table = a.table;
  const int height = table.height, width = table.width;
  const i64 rows = a.num_images * height;
  __builtin_memset(a.grad_verts, 0, (size_t)a.mesh.num_verts * 3 * sizeof(Real));
  Scratch<i64> first(rows + 1);
  if (!first.data) return false;
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    i64 count = 0;
    for_each_crossing(a.crossings, image, row, height, width, [&](int, int, i32) { ++count; });
    first[image * height + row + 1] = count;
  });
  first[0] = 0;
  for (i64 row = 0; row < rows; ++row) first[row + 1] += first[row];
  Scratch<EdgeGradient<Real>> edges(first[rows]);
  if (!edges.data) return false;
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    EdgeGradient<Real>* edge = edges.data + first[image * height + row];
    for_each_crossing(a.crossings, image, row, height, width, [&](int axis, int column, i32 corner) {
      const PixelPair pair = {axis, row, column};
      const Real grad_t = blend_bwd_crossing(table, a.color, a.grad, a.channels, image, pair);
      *edge++ = edge_crossing_bwd(a.mesh, corner, pair, height, width, grad_t);
    });
  });
  for (i64 i = 0; i < first[rows]; ++i) {
    const EdgeGradient<Real>& g = edges[i];
    a.grad_verts[3 * g.a] += g.ax;
    a.grad_verts[3 * g.a + 1] += g.ay;
    a.grad_verts[3 * g.b] += g.bx;
    a.grad_verts[3 * g.b + 1] += g.by;
  }
  return true;
}

}  // namespace

i64 antialias_fwd(const AntialiasArgs<float>& args) { return forward(args); }
i64 antialias_fwd(const AntialiasArgs<double>& args) { return forward(args); }
void antialias_bwd_color(const AntialiasBwdColorArgs<float>& args) { backward_color(args); }
void antialias_bwd_color(const AntialiasBwdColorArgs<double>& args) { backward_color(args); }
bool antialias_bwd_verts(const AntialiasBwdVertsArgs<float>& args) { return backward_verts(args); }
bool antialias_bwd_verts(const AntialiasBwdVertsArgs<double>& args) { return backward_verts(args); }

}  // namespace R3D_ISA
}  // namespace r3d
