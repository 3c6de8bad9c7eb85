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

// PixelCenters as tables.
template <class Real>
struct CenterTable {
  Scratch<Real> memory;
  int width;
  Real pixel_spacing;

  CenterTable(int height, int width) : memory(height + width), width(width) {
    const PixelCenters<Real> centers = {height, width};
    pixel_spacing = centers.spacing();
    if (!made()) return;
    for (int i = 0; i < width; ++i) memory[i] = centers.x(i);
    for (int i = 0; i < height; ++i) memory[width + i] = centers.y(i);
  }
  bool made() const { return memory.data != nullptr; }
  Real x(int column) const { return memory.data[column]; }
  Real y(int row) const { return memory.data[width + row]; }
  Real spacing() const { return pixel_spacing; }
};

// Calls visit(image, row) for every row of every image.
template <class Visit>
void for_each_row(i64 num_images, int height, const Visit& visit) {
  parallel(num_images * height, kRows, [&](i64 begin, i64 end, int) {
    for (i64 i = begin; i < end; ++i) visit(i / height, (int)(i % height));
  });
}

// Calls visit(i) for those i of a row that are marked; none of a run is in most runs.
template <class Marked, class Visit>
void for_each_marked(i64 width, const Marked& marked, const Visit& visit) {
  for (i64 run = 0; run < width; run += kRun) {
    const i64 stop = run + kRun < width ? run + kRun : width;
    i32 any = 0;  // no early exit: the compiler tests several at a time
    for (i64 i = run; i < stop; ++i) any |= marked(i);
    if (any == 0) continue;
    for (i64 i = run; i < stop; ++i)
      if (marked(i)) visit((int)i);
  }
}

// -- Forward

template <class Real>
void find_in_row(const AntialiasArgs<Real>& a, const CenterTable<Real>& centers, i64 image, int row,
                 i64* bad_face) {
  const i64 width = a.width, first = (image * a.height + row) * width, slots = a.seen.slots;
  const i64* const here = a.seen.pix_to_face + first * slots;
  const i64* const next_row = row + 1 < a.height ? here + width * slots : here;
  i64 table[2];
  for (int axis = 0; axis < 2; ++axis) {
    table[axis] = ((2 * image + axis) * a.height + row) * width;
    __builtin_memset(a.crossings + table[axis], 0xff, (size_t)width * sizeof(i32));
    __builtin_memset(a.shares + table[axis], 0, (size_t)width * sizeof(Real));
  }
  const auto find = [&](int axis, int column) {
    const PairCrossing<Real> found =
        pair_crossing(a.seen, a.mesh, first + column, {axis, row, column}, centers);
    a.crossings[table[axis] + column] = (i32)found.corner;
    a.shares[table[axis] + column] = found.share;
    if (found.bad_face >= 0) __atomic_store_n(bad_face, found.bad_face, __ATOMIC_RELAXED);
  };
  // Both pairs of a pixel in turn: they mostly follow the same faces.
  for_each_marked(
      width - 1,
      [&](i64 i) {
        const i64 face = here[i * slots];
        return (i32)(face != here[(i + 1) * slots]) | (i32)(face != next_row[i * slots]);
      },
      [&](int column) {
        const i64 face = here[column * slots];
        if (face != here[(column + 1) * slots]) find(0, column);
        if (face != next_row[column * slots]) find(1, column);
      });
  if (here[(width - 1) * slots] != next_row[(width - 1) * slots]) find(1, (int)width - 1);
}

// Calls visit(column) for the pixels of a row that take or give colour.
template <class Real, class Visit>
void for_each_touched(const ShareTable<Real>& table, i64 image, int row, const Visit& visit) {
  const Real* const right = table.shares + table.pair(image, 0, row, 0);
  const Real* const below = table.shares + table.pair(image, 1, row, 0);
  const Real* const above = row > 0 ? below - table.width : below;
  if (right[0] != 0 || below[0] != 0 || above[0] != 0) visit(0);
  for_each_marked(
      table.width - 1,
      [&](i64 i) {
        return (i32)(right[i] != 0) | (i32)(right[i + 1] != 0) | (i32)(below[i + 1] != 0) |
               (i32)(above[i + 1] != 0);
      },
      [&](int i) { visit(i + 1); });
}

template <class Real>
i64 forward(const AntialiasArgs<Real>& a) {
  if (a.num_images * a.height * a.width == 0) return kAllFacesGood;
  const CenterTable<Real> centers(a.height, a.width);
  if (!centers.made()) return kOutOfMemory;
  i64 bad_face = kAllFacesGood;
  for_each_row(a.num_images, a.height,
               [&](i64 image, int row) { find_in_row(a, centers, image, row, &bad_face); });
  if (bad_face != kAllFacesGood) return bad_face;
  const ShareTable<Real> table = {a.shares, a.height, a.width};
  for_each_row(a.num_images, a.height, [&](i64 image, int row) {
    const i64 first = table.pixel(image, row, 0) * a.channels;
    __builtin_memcpy(a.out + first, a.color + first, (size_t)(a.width * a.channels) * sizeof(Real));
    for_each_touched(table, image, row, [&](int column) {
      const Mixture<Real> m = table.mixture(image, row, column);
      const i64 at = first + column * a.channels;
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
  if (table.width == 0) return;
  for_each_row(a.num_images, table.height, [&](i64 image, int row) {
    const i64 first = table.pixel(image, row, 0) * a.channels;
    __builtin_memcpy(a.grad_color + first, a.grad + first, (size_t)(table.width * a.channels) * sizeof(Real));
    for_each_touched(table, image, row, [&](int column) {
      const i64 at = first + column * a.channels;
      const Sources<Real> from = sources(table, image, row, column);
      for (i64 c = at; c < at + a.channels; ++c)
        a.grad_color[c] = blend_bwd_color(table, from, a.grad, a.channels, c, row, column);
    });
  });
}

// Calls visit(axis, column, corner) for the crossings of a row.
template <class Real, class Visit>
void for_each_crossing(const AntialiasBwdVertsArgs<Real>& a, i64 image, int row, const Visit& visit) {
  for (int axis = 0; axis < 2; ++axis) {
    const i32* const corners = a.crossings + a.table.pair(image, axis, row, 0);
    for_each_marked(
        a.table.width, [&](i64 i) { return corners[i] >= 0; },
        [&](int column) { visit(axis, column, corners[column]); });
  }
}

// Gradients of edges are computed in any order, and added to the vertices in that of the pixels.
template <class Real>
bool backward_verts(const AntialiasBwdVertsArgs<Real>& a) {
  const ShareTable<Real>& table = a.table;
  const int height = table.height, width = table.width;
  const i64 rows = a.num_images * height;
  __builtin_memset(a.grad_verts, 0, (size_t)a.mesh.num_verts * 3 * sizeof(Real));
  const CenterTable<Real> centers(height, width);
  Scratch<i64> first(rows + 1);
  if (!first.data || !centers.made()) return false;
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    i64 count = 0;
    for_each_crossing(a, image, row, [&](int, int, i32) { ++count; });
    first[image * height + row + 1] = count;
  });
  first[0] = 0;
  for (i64 row = 0; row < rows; ++row) first[row + 1] += first[row];
  Scratch<EdgeGradient<Real>> edges(first[rows]);
  if (!edges.data) return false;
  for_each_row(a.num_images, height, [&](i64 image, int row) {
    EdgeGradient<Real>* edge = edges.data + first[image * height + row];
    for_each_crossing(a, image, row, [&](int axis, int column, i32 corner) {
      const PixelPair pair = {axis, row, column};
      const Real grad_t = blend_bwd_crossing(table, a.color, a.grad, a.channels, image, pair);
      *edge++ = edge_crossing_bwd(a.mesh, corner, pair, centers, grad_t);
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
