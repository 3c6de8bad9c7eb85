// Any K, any blur: each pixel of a tile keeps a list of its K nearest faces, in the output arrays themselves.
#ifndef R3D_CPU_LIST_TILE_H_
#define R3D_CPU_LIST_TILE_H_

#include "cpu/mesh_frame.h"
#include "cpu/nearest_k.h"
#include "cpu/slot_writer.h"
#include "cpu/stamps.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr int kListStride = kListTile + kMaxStamp;

// Depth peeling: how far each pixel of a tile has been seen already.
template <class Real>
struct Passed {
  alignas(64) Real z[kListStride * kListStride];
  i64 id[kListTile * kListTile];

  // Nothing can beat a pixel that is through.
  Passed(const Frame<Real>& frame, i64 image, int row0, int column0, int rows, int columns, Real* to_beat) {
    const RasterizeMeshesArgs<Real>& a = frame.args;
    if (!a.after_zbuf) return;
    for (int r = 0; r < kListStride; ++r)
      for (int c = 0; c < kListStride; ++c) {
        const int at = r * kListStride + c;
        z[at] = 0;
        if (r >= rows || c >= columns) continue;
        const i64 pixel = (image * a.height + row0 + r) * a.width + column0 + c;
        z[at] = a.after_zbuf[pixel];
        id[r * kListTile + c] = a.after_face[pixel];
        if (!(z[at] < (Real)__builtin_inf())) to_beat[at] = -1;
      }
  }

  R3D_MEMBER bool comes_before(int r, int c, Real face_z, i64 face_id) const {
    const Real here = z[r * kListStride + c];
    return here < face_z || (here == face_z && id[r * kListTile + c] < face_id);
  }
};

template <class Real>
void list_tile(const Frame<Real>& frame, i64 image, int tile_y, int tile_x, const u32* list, i64 count) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width, sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  constexpr int stride = kListStride;
  const RasterizeMeshesArgs<Real>& a = frame.args;
  const RasterSettings<Real> settings = frame.settings;  // a copy, which no store through a pointer changes
  const i64 K = a.faces_per_pixel;
  const int row0 = tile_y * kListTile, column0 = tile_x * kListTile;
  const int rows = a.height - row0 < kListTile ? a.height - row0 : kListTile;
  const int columns = a.width - column0 < kListTile ? a.width - column0 : kListTile;
  const auto slot_of = [&](int r, int c) {
    return ((image * a.height + row0 + r) * a.width + column0 + c) * K;
  };

  const auto nearest_of = [&](i64 slot) { return NearestK<Real>{a.zbuf + slot, a.pix_to_face + slot, K}; };

  // The depth to beat, by pixel; pixels past the image can not be beaten.
  alignas(64) Real to_beat[stride * stride];
  i32 found[kListTile * kListTile];
  for (int r = 0; r < stride; ++r)
    for (int c = 0; c < stride; ++c)
      to_beat[r * stride + c] = r < rows && c < columns ? (Real)__builtin_inf() : (Real)-1;
  const bool peels = a.after_zbuf != nullptr;
  const Passed<Real> passed(frame, image, row0, column0, rows, columns, to_beat);
  __builtin_memset(found, 0, sizeof(found));
  const Axis<Real> ax(a.width, a.height, settings.blur_radius), ay(a.height, a.width, settings.blur_radius);

  for (i64 at = 0; at < count; at += width) {
    const int lanes = (int)(count - at < width ? count - at : width);
    FaceLanes<Real> block;
    for (int i = 0; i < lanes; ++i) block.set(i, load_face(a, list[at + i]));
    for (int i = lanes; i < width; ++i) block.set(i, Triangle<Real>{});
    const FaceSetup<L> setup = set_up_face(block.lanes());
    const FaceBox<Real> box(setup.f, ax, ay, settings);
    for (int i = 0; i < lanes; ++i) {
      const FaceSetup<Real> face = {block.face(i), setup.iz0[i], setup.iz1[i], setup.iz2[i],
                                    setup.orientation[i]};
      const i64 id = list[at + i];
      const bool slow = box.rare >> i & 1, exactly = slow && wild(face.f);
      int left = (int)box.c0[i] - column0, right = (int)box.c1[i] - column0;
      int top = (int)box.r0[i] - row0, bottom = (int)box.r1[i] - row0;
      Polygon<Real> polygon;
      if (slow) {
        polygon = visible_polygon(face.f, settings);
        if (polygon.size < 3) continue;
        left = top = 0, right = columns - 1, bottom = rows - 1;
      }
      const Polygon<Real>* const cut = slow ? &polygon : nullptr;
      left = left > 0 ? left : 0;
      right = right < columns ? right : columns - 1;
      top = top > 0 ? top : 0;
      bottom = bottom < rows ? bottom : rows - 1;
      const auto keep = [&](int r, int c, Real z) __attribute__((always_inline)) {
        NearestK<Real> nearest = nearest_of(slot_of(r, c));
        to_beat[r * stride + c] = nearest.offer(&found[r * kListTile + c], z, id);
      };
      for (int r = top; r <= bottom; r += sh) {
        const L py = stamp_rows(frame.row_y + row0 + r);
        for (int c = left; c <= right; c += sw) {
          const L px = stamp_columns(frame.column_x + column0 + c);
          const auto nearer = [&](L z) __attribute__((always_inline)) {
            const auto beats = z < load_stamp(to_beat + r * stride + c, stride);
            return peels ? beats & (z >= load_stamp(passed.z + r * stride + c, stride)) : beats;
          };
          const Sight<L> seen = see_face<kSeeDepth | kSeeNearer>(px, py, face, cut, settings, nearer);
          u32 exact = exactly ? ~0u >> (32 - width) : mask_bits(seen.alone);
          u32 bits = mask_bits(seen.hit) & ~exact;
          for (; bits; bits &= bits - 1) {
            const int lane = __builtin_ctz(bits);
            const int y = r + lane / sw, x = c + lane % sw;
            if (!peels || passed.comes_before(y, x, seen.sample.z[lane], id)) keep(y, x, seen.sample.z[lane]);
          }
          for (; exact; exact &= exact - 1) {
            const int lane = __builtin_ctz(exact), y = r + lane / sw, x = c + lane % sw;
            if (y >= rows || x >= columns) continue;
            const Hit<Real> hit = hit_polygon(frame.column_x[column0 + x], frame.row_y[row0 + y], face,
                                              slow ? polygon : whole_face(face.f), settings);
            if (hit.hit && hit.z < to_beat[y * stride + x] &&
                (!peels || passed.comes_before(y, x, hit.z, id)))
              keep(y, x, hit.z);
          }
        }
      }
    }
  }

  SlotWriter<Real> writer(frame);
  for (int r = 0; r < rows; ++r) {
    i64 empty_from = slot_of(r, 0);
    for (int c = 0; c < columns; ++c) {
      const i64 slot = slot_of(r, c), here = found[r * kListTile + c];
      if (here == 0) continue;
      clear_slots(frame, empty_from, slot - empty_from);
      empty_from = slot + here;
      nearest_of(slot).finish(here);
      for (i64 k = 0; k < here; ++k)
        writer.add(slot + k, a.pix_to_face[slot + k], frame.column_x[column0 + c], frame.row_y[row0 + r]);
    }
    clear_slots(frame, empty_from, slot_of(r, columns) - empty_from);
  }
  finish_streams();
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_LIST_TILE_H_
