// Which faces are among the K nearest of a pixel, without keeping K faces of every pixel: the depth and id of
// the K-th nearest, found a tile at a time.
#ifndef R3D_CPU_DEPTH_LIMITS_H_
#define R3D_CPU_DEPTH_LIMITS_H_

#include "cpu/face_stamps.h"
#include "cpu/scratch.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr int kTileStride =
    kListTile + kMaxStamp;       // of arrays of a tile's pixels, where stamps may reach past it
constexpr i64 kKeptAtOnce = 64;  // nearest faces of a pixel that a pass keeps

// The last face that counts at each pixel of a tile, by (depth, id); depth +inf: all count.
template <class Real>
struct TileLimits {
  alignas(64) Real z[kTileStride * kTileStride];
  i32 id[kTileStride * kTileStride];

  R3D_MEMBER void clear() {
    for (Real& limit : z) limit = (Real)__builtin_inf();
    for (i32& limit : id) limit = 0x7fffffff;
  }

  // Lanes of a stamp at `at` whose depth does not come after the limit.
  R3D_MEMBER u32 within(int at, Lanes<Real> depth, i64 face) const {
    const Lanes<Real> limit = load_stamp(z + at, kTileStride);
    u32 bits = mask_bits(depth <= limit);
    for (u32 ties = mask_bits(depth == limit); ties; ties &= ties - 1) {
      const int i = __builtin_ctz(ties);
      const int pixel = at + i / Stamp<Real>::width * kTileStride + i % Stamp<Real>::width;
      if (face > id[pixel]) bits &= ~(1u << i);
    }
    return bits;
  }
};

// Sets the limits of the K nearest: pass after pass, each keeps the kKeptAtOnce nearest of those that come
// after the last one kept before. Returns false when memory ran out.
template <class Real>
bool find_limits(const Frame<Real>& frame, const PixelBox& tile, const u32* list, i64 count, i64 K,
                 TileLimits<Real>* limits) {
  typedef Lanes<Real> L;
  constexpr int width = Simd<Real>::width, sw = Stamp<Real>::width, sh = Stamp<Real>::height;
  constexpr int pixels = kListTile * kListTile;
  limits->clear();
  if (count <= K) return true;
  const i64 most = K < kKeptAtOnce ? K : kKeptAtOnce;
  Scratch<Real> kept_z(pixels * most);
  Scratch<i32> kept_id(pixels * most);
  if (!kept_z.data || !kept_id.data) return false;
  alignas(64) Real to_beat[kTileStride * kTileStride], floor_z[kTileStride * kTileStride];
  i32 floor_id[kTileStride * kTileStride];
  int found[pixels];
  for (int i = 0; i < kTileStride * kTileStride; ++i) floor_z[i] = -1, floor_id[i] = -1;
  const int rows = tile.y1 - tile.y0 + 1, columns = tile.x1 - tile.x0 + 1;
  bool open[pixels];  // does a pixel still look for its limit?
  for (int i = 0; i < pixels; ++i) open[i] = i / kListTile < rows && i % kListTile < columns;
  for (i64 left = K; left > 0; left -= most) {
    const i64 now = left < most ? left : most;
    __builtin_memset(found, 0, sizeof(found));
    for (int i = 0; i < kTileStride * kTileStride; ++i) to_beat[i] = -1;
    for (int i = 0; i < pixels; ++i)
      if (open[i]) to_beat[i / kListTile * kTileStride + i % kListTile] = (Real)__builtin_inf();
    StampFaces<Real> faces(frame);
    for (i64 at = 0; at < count; at += width) {
      faces.each(list + at, (int)(count - at < width ? count - at : width), tile,
                 [&](int, const StampFace<Real>& face, const PixelBox& box) {
                   for (int r = box.y0; r <= box.y1; r += sh) {
                     const L py = stamp_rows(frame.row_y + r);
                     for (int c = box.x0; c <= box.x1; c += sw) {
                       const StampHits<Real> h = hit_stamp<true, false>(stamp_columns(frame.column_x + c), py,
                                                                        face, frame.settings);
                       const int place = (r - tile.y0) * kTileStride + c - tile.x0;
                       const L floor = load_stamp(floor_z + place, kTileStride);
                       u32 bits = mask_bits(h.hit & (h.sample.z < load_stamp(to_beat + place, kTileStride)) &
                                            (h.sample.z >= floor));
                       for (; bits; bits &= bits - 1) {
                         const int i = __builtin_ctz(bits), y = r - tile.y0 + i / sw,
                                   x = c - tile.x0 + i % sw;
                         const int padded = y * kTileStride + x, pixel = y * kListTile + x;
                         const Real z = h.sample.z[i];
                         if (z == floor_z[padded] && face.id <= floor_id[padded]) continue;
                         // Faces come in the order of their ids: among equal depths the one that is there
                         // stays.
                         Real* const zs = &kept_z[pixel * most];
                         i32* const ids = &kept_id[pixel * most];
                         i64 slot = found[pixel] < now ? found[pixel]++ : now - 1;
                         for (; slot > 0 && zs[slot - 1] > z; --slot) {
                           zs[slot] = zs[slot - 1];
                           ids[slot] = ids[slot - 1];
                         }
                         zs[slot] = z;
                         ids[slot] = (i32)face.id;
                         if (found[pixel] == now) to_beat[padded] = zs[now - 1];
                       }
                     }
                   }
                 });
    }
    bool any = false;
    for (int pixel = 0; pixel < pixels; ++pixel) {
      if (!open[pixel]) continue;
      open[pixel] = found[pixel] == now;  // else all faces of the pixel are within K
      if (!open[pixel]) continue;
      any = true;
      const int padded = pixel / kListTile * kTileStride + pixel % kListTile;
      floor_z[padded] = kept_z[pixel * most + now - 1];
      floor_id[padded] = kept_id[pixel * most + now - 1];
      if (left == now) {
        limits->z[padded] = floor_z[padded];
        limits->id[padded] = floor_id[padded];
      }
    }
    if (!any) break;
  }
  return true;
}

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_DEPTH_LIMITS_H_
