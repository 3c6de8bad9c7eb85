// A backward that goes face by face: each face sums over the pixels of its box, so that its gradient is one
// sum in one order, whatever the number of threads, and memory is bounded whatever the number of faces.
#ifndef R3D_CPU_FACE_SUMS_H_
#define R3D_CPU_FACE_SUMS_H_

#include "cpu/face_stamps.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kFacesAtOnce = (i64)1 << 15;
constexpr i64 kLargeFace = (i64)1 << 16;  // pixels: the box of a face that is shared out among threads
constexpr int kRowsAPiece = 32;

// Calls sum(image, first, ids, count, box, out) so that out[i] becomes the sum of face ids[i] over the pixels
// of its own box within `box`, and then add(face, sum) for each face that was seen, in the order of their
// ids. Sum must have add(const Sum&), and be zero when all its bytes are. Returns false when memory ran out.
template <class Sum, class Real, class Visit, class Add>
bool sum_faces(const Frame<Real>& frame, const Visit& visit, const Add& add) {
  constexpr int width = Simd<Real>::width;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  Frame<Real> pixels = frame;
  pixels.tile_shift = 0;
  const i64 room = a.num_faces < kFacesAtOnce ? a.num_faces : kFacesAtOnce;
  const int pieces = (a.height + kRowsAPiece - 1) / kRowsAPiece;
  Scratch<TileRange> ranges(room);
  Scratch<Sum> sums(room), piece_sums(pieces);
  if (!ranges.data || !sums.data || !piece_sums.data) return false;
  const auto owner = [&](i64 face) { return image_of(face, a.mesh_first_face, a.num_meshes); };
  const auto area = [&](const TileRange& r) {
    return r.x0 > r.x1 ? 0 : (i64)(r.x1 - r.x0 + 1) * (r.y1 - r.y0 + 1);
  };
  for (i64 begin = 0; begin < a.num_faces; begin += room) {
    const i64 count = a.num_faces - begin < room ? a.num_faces - begin : room;
    parallel(count, 16 * width, [&](i64 from, i64 to, int) {
      i64 bad_face = -1;  // the forward has refused those
      bounds_of_faces(pixels, begin + from, begin + to, &ranges[from], &bad_face);
      __builtin_memset((void*)&sums[from], 0, (size_t)(to - from) * sizeof(Sum));
      i64 image = owner(begin + from);
      u32 ids[width];
      Sum* out[width];
      int n = 0;
      for (i64 i = from; i <= to; ++i) {
        const bool ends = i == to || begin + i >= a.mesh_first_face[image + 1];
        if (n == width || (ends && n)) {
          visit(image, ids, n, PixelBox{0, 0, a.width - 1, a.height - 1}, out);
          n = 0;
        }
        if (i == to) break;
        while (begin + i >= a.mesh_first_face[image + 1]) ++image;
        const i64 here = area(ranges[i]);
        if (here == 0 || here > kLargeFace) continue;
        ids[n] = (u32)(begin + i);
        out[n++] = &sums[i];
      }
    });
    for (i64 i = 0; i < count; ++i) {
      if (area(ranges[i]) == 0) continue;
      if (area(ranges[i]) > kLargeFace) {
        const i64 image = owner(begin + i);
        const u32 id = (u32)(begin + i);
        __builtin_memset((void*)piece_sums.data, 0, (size_t)pieces * sizeof(Sum));
        parallel(pieces, 1, [&](i64 from, i64 to, int) {
          for (i64 p = from; p < to; ++p) {
            const int last = (int)(p + 1) * kRowsAPiece - 1;
            Sum* const piece = &piece_sums[p];
            visit(image, &id, 1,
                  PixelBox{0, (int)p * kRowsAPiece, a.width - 1, last < a.height ? last : a.height - 1},
                  &piece);
          }
        });
        for (int p = 0; p < pieces; ++p) sums[i].add(piece_sums[p]);
      }
      add(begin + i, sums[i]);
    }
  }
  return true;
}

// An image's values with a border of zeros to the right and below, so that stamps may reach past it.
template <class Real>
struct PaddedImages {
  Scratch<Real> memory;
  i64 row, image;  // elements

  PaddedImages(const RasterizeMeshesArgs<Real>& a, i64 count)
      : memory(count * (a.height + kMaxStamp) * (i64)(a.width + kMaxStamp)),
        row(a.width + kMaxStamp),
        image((a.height + kMaxStamp) * row) {}

  Real* at(i64 n, int r, int c) { return memory.data + n * image + r * row + c; }
  const Real* at(i64 n, int r, int c) const { return memory.data + n * image + r * row + c; }

  // Sets every pixel to value(n, r, c), of memory that is not null.
  template <class Value>
  void fill(const RasterizeMeshesArgs<Real>& a, i64 count, const Value& value) {
    const i64 rows = a.height + kMaxStamp;
    parallel(count * rows, 16, [&](i64 from, i64 to, int) {
      for (i64 i = from; i < to; ++i) {
        const i64 n = i / rows;
        const int r = (int)(i % rows);
        Real* const out = at(n, r, 0);
        const int filled = r < a.height ? a.width : 0;
        for (int c = 0; c < filled; ++c) out[c] = value(n, r, c);
        for (int c = filled; c < row; ++c) out[c] = 0;
      }
    });
  }
};

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_FACE_SUMS_H_
