// K = 1 without blur: a tile is a z-buffer that fits the L1 cache.
#ifndef R3D_CPU_ZBUFFER_TILE_H_
#define R3D_CPU_ZBUFFER_TILE_H_

#include "cpu/mesh_frame.h"
#include "cpu/slot_writer.h"
#include "cpu/stamps.h"

namespace r3d {
namespace R3D_ISA {
namespace {

struct ZBufferTile {
  static constexpr int side = kZBufferTile, stride = side + kMaxStamp;
  alignas(64) float z[(side + kMaxStamp) * stride];
  alignas(64) i32 id[(side + kMaxStamp) * stride];  // packed face ids, -1 where empty

  // Among equal depths the lower id wins, whatever the order of the calls.
  R3D_MEMBER bool offer(int at, float new_z, i32 new_id) {
    if (!(new_z < z[at] || (new_z == z[at] && new_id < id[at]))) return false;
    z[at] = new_z;
    id[at] = new_id;
    return true;
  }
};

void zbuffer_tile(const Frame<float>& frame, i64 image, int tile_y, int tile_x, const u32* list, i64 count) {
  typedef Lanes<float> L;
  typedef Ints<float> I;
  constexpr int width = Simd<float>::width, sw = Stamp<float>::width, sh = Stamp<float>::height;
  constexpr int stride = ZBufferTile::stride;
  const RasterizeMeshesArgs<float>& a = frame.args;
  const RasterSettings<float> settings = frame.settings;  // a copy, which no store through a pointer changes
  const int row0 = tile_y * kZBufferTile, column0 = tile_x * kZBufferTile;
  const int rows = a.height - row0 < kZBufferTile ? a.height - row0 : kZBufferTile;
  const int columns = a.width - column0 < kZBufferTile ? a.width - column0 : kZBufferTile;
  const auto slot_of = [&](int r, int c) { return (image * a.height + row0 + r) * a.width + column0 + c; };
  if (count == 0) {
    for (int r = 0; r < rows; ++r) clear_slots(frame, slot_of(r, 0), columns);
    finish_streams();
    return;
  }

  ZBufferTile tile;
  const float infinity = __builtin_inff();
  for (int i = 0; i < (rows + kMaxStamp) * stride; ++i) tile.z[i] = infinity, tile.id[i] = -1;
  const Axis<float> ax(a.width, a.height, 0.0f), ay(a.height, a.width, 0.0f);
  float farthest = infinity;  // no pixel of the tile is farther than this
  int big_faces = 0;

  for (i64 at = 0; at < count; at += width) {
    const int lanes = (int)(count - at < width ? count - at : width);
    FaceLanes<float> block;
    for (int i = 0; i < lanes; ++i) block.set(i, load_face(a, list[at + i]));
    for (int i = lanes; i < width; ++i) block.set(i, Triangle<float>{});
    const FaceSetup<L> setup = set_up_face(block.lanes());
    const Triangle<L>& f = setup.f;
    const FaceBox<float> box(f, ax, ay, settings);
    const u32 rare = box.rare, all = ~0u >> (32 - lanes);
    // Hidden behind all that the tile shows; interpolated depths round, so allow for it.
    const u32 hidden = mask_bits(box.z0 * 0.99999f > splat<L>(farthest)) & ~rare;
    const I left = max_of_ints(box.c0 - column0, 0), right = min_of_ints(box.c1 - column0, columns - 1);
    const I top = max_of_ints(box.r0 - row0, 0), bottom = min_of_ints(box.r1 - row0, rows - 1);
    const I wide = right - left, high = bottom - top;
    const u32 small = mask_bits((wide < kSmallFace) & (high < kSmallFace)) & ~rare & ~hidden & all;

    // Small faces: a lane a face, all faces at once on the first pixel of their boxes, then the next.
    if (small) {
      const I is_small = (wide < kSmallFace) & (high < kSmallFace);
      const I place = top * stride + left;
      const auto centers = [](I index, int side, int other) __attribute__((always_inline)) {
        return pixel_center_at<float>(__builtin_convertvector(index, L), side, other);
      };
      const I reach_x = is_small ? wide : wide * 0 - 1, reach_y = is_small ? high : high * 0 - 1;
      for (int dy = 0; dy < kSmallFace; ++dy) {
        const u32 in_row = mask_bits(reach_y >= dy) & small;
        if (!in_row) break;
        const L py = centers(a.height - 1 - row0 - dy - top, a.height, a.width);
        for (int dx = 0; dx < kSmallFace; ++dx) {
          const u32 active = mask_bits(reach_x >= dx) & in_row;
          if (!active) break;
          const L px = centers(a.width - 1 - column0 - dx - left, a.width, a.height);
          const Sight<L> seen = see_face<kSeeDepth | kSeeSharp>(px, py, setup, settings);
          const u32 covered = mask_bits(seen.hit) & active, exact = mask_bits(seen.alone) & active;
          const int step = dy * stride + dx;
          if (covered) {
            alignas(64) float z[width];
            store(z, seen.sample.z);
            for (u32 bits = covered; bits; bits &= bits - 1) {
              const int i = __builtin_ctz(bits);
              tile.offer(place[i] + step, z[i], (i32)list[at + i]);
            }
          }
          for (u32 bits = exact; bits; bits &= bits - 1) {
            const int i = __builtin_ctz(bits);
            const Triangle<float> face = block.face(i);
            const Hit<float> hit = hit_polygon(px[i], py[i], set_up_face(face), whole_face(face), settings);
            if (hit.hit) tile.offer(place[i] + step, hit.z, (i32)list[at + i]);
          }
        }
      }
    }

    // Others: a face at a time, a lane a pixel.
    for (u32 todo = all & ~small & ~hidden; todo; todo &= todo - 1) {
      const int i = __builtin_ctz(todo);
      const FaceSetup<float> face = {block.face(i), setup.iz0[i], setup.iz1[i], setup.iz2[i],
                                     setup.orientation[i]};
      const i32 id = (i32)list[at + i];
      const bool slow = rare >> i & 1, exactly = slow && wild(face.f);
      int x0 = left[i], x1 = right[i], y0 = top[i], y1 = bottom[i];
      Polygon<float> polygon;
      if (slow) {
        polygon = visible_polygon(face.f, settings);
        if (polygon.size < 3) continue;
        x0 = y0 = 0, x1 = columns - 1, y1 = rows - 1;
      }
      const Polygon<float>* const cut = slow ? &polygon : nullptr;
      bool wrote = false;
      for (int r = y0; r <= y1; r += sh) {
        const L py = stamp_rows(frame.row_y + row0 + r);
        for (int c = x0; c <= x1; c += sw) {
          const L px = stamp_columns(frame.column_x + column0 + c);
          const int place = r * stride + c;
          L before = {};
          const auto beats = [&](L z) __attribute__((always_inline)) {
            before = load_stamp(tile.z + place, stride);
            return z <= before;
          };
          const Sight<L> seen = see_face<kSeeDepth | kSeeSharp>(px, py, face, cut, settings, beats);
          const L z = seen.sample.z;
          const auto nearer = exactly ? seen.hit & 0 : seen.hit;
          const u32 exact = exactly ? ~0u >> (32 - width) : mask_bits(seen.alone);
          if (u32 bits = mask_bits(nearer)) {
            if (!mask_bits(nearer & (z == before))) {
              wrote = true;
              store_stamp(tile.z + place, stride, select(nearer, z, before));
              const I ids = load_stamp_ids(tile.id + place, stride);
              store_stamp_ids(tile.id + place, stride, nearer ? ids * 0 + id : ids);
            } else {
              for (; bits; bits &= bits - 1) {
                const int lane = __builtin_ctz(bits);
                wrote |= tile.offer(place + lane / sw * stride + lane % sw, z[lane], id);
              }
            }
          }
          for (u32 bits = exact; bits; bits &= bits - 1) {
            const int lane = __builtin_ctz(bits), y = lane / sw, x = lane % sw;
            if (r + y >= rows || c + x >= columns) continue;
            const Hit<float> hit = hit_polygon(frame.column_x[column0 + c + x], frame.row_y[row0 + r + y],
                                               face, slow ? polygon : whole_face(face.f), settings);
            if (hit.hit) wrote |= tile.offer(place + y * stride + x, hit.z, id);
          }
        }
      }
      if (wrote && (x1 - x0) * 4 >= kZBufferTile && (y1 - y0) * 4 >= kZBufferTile && big_faces++ % 4 == 0) {
        farthest = 0;
        for (int r = 0; r < rows; ++r)
          for (int c = 0; c < columns; ++c) farthest = max_of(farthest, tile.z[r * stride + c]);
      }
    }
  }

  SlotWriter<float> writer(frame);
  for (int r = 0; r < rows; ++r) {
    int empty_from = 0;
    for (int c = 0; c < columns; ++c) {
      const i32 id = tile.id[r * stride + c];
      if (id < 0) continue;
      if (empty_from < c) clear_slots(frame, slot_of(r, empty_from), c - empty_from);
      empty_from = c + 1;
      writer.add(slot_of(r, c), id, frame.column_x[column0 + c], frame.row_y[row0 + r]);
    }
    if (empty_from < columns) clear_slots(frame, slot_of(r, empty_from), columns - empty_from);
  }
  finish_streams();
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_ZBUFFER_TILE_H_
