// The covered slots of fragments, sorted by face: what the backward of a rasterizer walks, so that a face's
// gradient is one sum in one order, whatever the number of threads.
#ifndef R3D_CPU_SLOTS_BY_FACE_H_
#define R3D_CPU_SLOTS_BY_FACE_H_

#include "cpu/threads.h"
#include "cpu/tile_lists.h"

namespace r3d {
namespace R3D_ISA {

// Slot k of a pixel of an image that its face tells.
struct Slot {
  u16 row, column;
  u32 k;
};

struct FragmentGrid {
  const i64* pix_to_face;  // (N, H, W, K) packed ids, -1 from the first empty slot of a pixel on
  i64 num_images;
  int height, width;
  i64 K;

  i64 index(i64 image, const Slot& s) const {
    return ((image * height + s.row) * width + s.column) * K + s.k;
  }
};

// The slots of consecutive images: those of the i-th face that is seen at all are
// slots[first[i]] ... slots[first[i + 1] - 1], in the order of pixels.
struct FaceSlots {
  i64 num_seen;
  const i64* faces;   // packed ids, ascending
  const i64* images;  // the image of each
  const i64* first;   // num_seen + 1
  const Slot* slots;
};

// Image n shows the faces [first_face[n], first_face[n + 1]). Calls use(FaceSlots) for groups of images, one
// after the other. Returns false when memory ran out.
template <class Use>
static bool for_slots_by_face(const FragmentGrid& grid, const i64* first_face, const Use& use) {
  const i64 kMaxCounters = (i64)1 << 22;
  const int kMinRows = 8;
  for (i64 n0 = 0, n1; n0 < grid.num_images; n0 = n1) {
    // A group of images whose counters fit; a chunk of rows has a counter for every face of its image.
    i64 chunks = 0, counters = 0;
    const auto parts_of = [&](i64 n) {
      const i64 faces = first_face[n + 1] - first_face[n], wanted = (grid.height + kMinRows - 1) / kMinRows;
      const i64 fit = faces > 0 ? kMaxCounters / 16 / faces : 0;
      const i64 parts = fit < 1 ? 1 : fit > 16 ? 16 : fit;
      return faces == 0 ? 0 : parts < wanted ? parts : wanted;
    };
    for (n1 = n0; n1 < grid.num_images; ++n1) {
      const i64 more = parts_of(n1) * (first_face[n1 + 1] - first_face[n1]);
      if (n1 > n0 && counters + more > kMaxCounters) break;
      chunks += parts_of(n1);
      counters += more;
    }
    struct Chunk {
      i64 image, counts;  // first of its counters
      int row0, row1;
    };
    Scratch<Chunk> chunk(chunks);
    Scratch<i64> counts(counters);
    if (!chunk.data || !counts.data) return false;
    i64 made = 0, at = 0;
    for (i64 n = n0; n < n1; ++n) {
      const i64 parts = parts_of(n);
      for (i64 p = 0; p < parts; ++p, at += first_face[n + 1] - first_face[n])
        chunk[made++] = {n, at, (int)(grid.height * p / parts), (int)(grid.height * (p + 1) / parts)};
    }
    const auto each_slot = [&](const Chunk& c, const auto& visit) {
      for (int row = c.row0; row < c.row1; ++row)
        for (int column = 0; column < grid.width; ++column) {
          const i64* const ids =
              grid.pix_to_face + ((c.image * grid.height + row) * grid.width + column) * grid.K;
          for (i64 k = 0; k < grid.K && ids[k] >= 0; ++k)
            visit(ids[k] - first_face[c.image], Slot{(u16)row, (u16)column, (u32)k});
        }
    };
    parallel(chunks, 1, [&](i64 from, i64 to, int) {
      for (i64 i = from; i < to; ++i) {
        i64* const count = &counts[chunk[i].counts];
        __builtin_memset(count, 0,
                         (size_t)(first_face[chunk[i].image + 1] - first_face[chunk[i].image]) * sizeof(i64));
        each_slot(chunk[i], [&](i64 face, const Slot&) { ++count[face]; });
      }
    });

    // Counts become each chunk's first place among the group's slots, face by face. Faces that are not seen
    // leave their memory untouched.
    const i64 num_faces = first_face[n1] - first_face[n0];
    Scratch<i64> faces(num_faces), images(num_faces), first(num_faces + 1);
    if (!faces.data || !images.data || !first.data) return false;
    i64 num_seen = 0, num_slots = 0;
    for (i64 i = 0, next; i < chunks; i = next) {
      const i64 n = chunk[i].image, image_faces = first_face[n + 1] - first_face[n];
      for (next = i + 1; next < chunks && chunk[next].image == n;) ++next;
      i64* const group = &counts[chunk[i].counts];
      for (i64 face = 0; face < image_faces; ++face) {
        const i64 begin = num_slots;
        for (i64 j = i; j < next; ++j) {
          i64* const count = &group[(j - i) * image_faces + face];
          const i64 here = *count;
          *count = num_slots;
          num_slots += here;
        }
        if (num_slots == begin) continue;
        faces[num_seen] = first_face[n] + face;
        images[num_seen] = n;
        first[num_seen++] = begin;
      }
    }
    first[num_seen] = num_slots;
    Scratch<Slot> slots(num_slots);
    if (!slots.data) return false;
    parallel(chunks, 1, [&](i64 from, i64 to, int) {
      for (i64 i = from; i < to; ++i) {
        i64* const place = &counts[chunk[i].counts];
        each_slot(chunk[i], [&](i64 face, const Slot& slot) { slots[place[face]++] = slot; });
      }
    });
    use(FaceSlots{num_seen, faces.data, images.data, first.data, slots.data});
  }
  return true;
}

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_SLOTS_BY_FACE_H_
