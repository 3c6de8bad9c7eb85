// A counting sort of what faces hold by the vertex that it belongs to: stable, so that the result does not
// depend on the number of threads.
//
// The faces are cut into a few parts. Each part counts its entries in a histogram of its own; the sums over
// vertices and, at each vertex, over the parts before say where every part's entries go. Faces that lie side
// by side mostly share vertices, so that histograms and entries stay in the caches.
#ifndef R3D_CPU_GROUP_BY_VERTEX_H_
#define R3D_CPU_GROUP_BY_VERTEX_H_

#include "cpu/schedule.h"
#include "cpu/scratch.h"
#include "cpu/threads.h"
#include "surface/vertex_corners.h"

namespace r3d {
namespace R3D_ISA {

constexpr i64 kFacesPerPart = 8192;  // at least: below, waking a thread costs more than it saves
constexpr i64 kVertsPerBlock = 4096;

R3D_FN i64 least(i64 a, i64 b) { return a < b ? a : b; }

// Histograms that are worth their scan: together no longer than the entries themselves.
static i64 num_parts(i64 num_faces, i64 num_verts) {
  const i64 affordable = least(3 * num_faces / (num_verts > 0 ? num_verts : 1), num_faces / kFacesPerPart);
  const i64 parts = least(num_threads(), affordable);
  return parts > 1 ? parts : 1;
}

// The first of the faces [begin, end) that names a vertex outside [0, num_verts), or end.
static i64 first_bad_face(const i64* faces, i64 begin, i64 end, i64 num_verts) {
  const i64 kRun = 64;
  for (i64 run = begin; run < end; run += kRun) {
    const i64 stop = least(run + kRun, end);
    bool bad = false;  // no early exit: the compiler tests several faces at a time
    for (i64 f = run; f < stop; ++f) bad |= names_outside(faces + 3 * f, num_verts);
    for (i64 f = run; bad && f < stop; ++f)
      if (names_outside(faces + 3 * f, num_verts)) return f;
  }
  return end;
}

// Entry(face, j) gives the vertex and the value of a face's j-th entry. Writes first (V + 1,), where the
// entries of each vertex begin, and the values (3F,) in the order of (vertex, face, j).
// Returns the first bad face, kGood or kOutOfMemory.
template <class Value, class Entry>
static i64 group_by_vertex(const i64* faces, i64 num_faces, i64 num_verts, const Entry& entry, i32* first,
                           Value* values) {
  const i64 parts = num_parts(num_faces, num_verts),
            blocks = (num_verts + kVertsPerBlock - 1) / kVertsPerBlock;
  Scratch<i32> cursors(parts * num_verts);  // counts at first
  Scratch<i32> block_first(blocks);
  Scratch<i64> part_bad(parts);
  if (!cursors.data || !block_first.data || !part_bad.data) return kOutOfMemory;

  parallel(parts, 1, [&](i64 part, i64, int) {
    i32* const counts = cursors.data + part * num_verts;
    __builtin_memset(counts, 0, (size_t)num_verts * sizeof(i32));
    const i64 end = num_faces * (part + 1) / parts;
    part_bad[part] = num_faces;
    for (i64 run = num_faces * part / parts; run < end; run += kFacesPerPart) {
      const i64 stop = least(run + kFacesPerPart, end), bad = first_bad_face(faces, run, stop, num_verts);
      if (bad < stop) {
        part_bad[part] = bad;
        return;
      }
      for (i64 f = run; f < stop; ++f)
        for (int j = 0; j < 3; ++j) ++counts[entry(f, j).vertex];
    }
  });
  for (i64 part = 0; part < parts; ++part)
    if (part_bad[part] < num_faces) return part_bad[part];

  parallel(blocks, 1, [&](i64 begin, i64 end, int) {
    for (i64 block = begin; block < end; ++block) {
      const i64 stop = least((block + 1) * kVertsPerBlock, num_verts);
      i32 sum = 0;
      for (i64 part = 0; part < parts; ++part)
        for (i64 v = block * kVertsPerBlock; v < stop; ++v) sum += cursors[part * num_verts + v];
      block_first[block] = sum;
    }
  });
  i32 before = 0;
  for (i64 block = 0; block < blocks; ++block) {
    const i32 count = block_first[block];
    block_first[block] = before;
    before += count;
  }
  parallel(blocks, 1, [&](i64 begin, i64 end, int) {
    for (i64 block = begin; block < end; ++block) {
      const i64 stop = least((block + 1) * kVertsPerBlock, num_verts);
      i32 at = block_first[block];
      for (i64 v = block * kVertsPerBlock; v < stop; ++v) {
        first[v] = at;
        for (i64 part = 0; part < parts; ++part) {
          i32& cursor = cursors[part * num_verts + v];
          const i32 count = cursor;
          cursor = at;
          at += count;
        }
      }
    }
  });
  first[num_verts] = before;

  parallel(parts, 1, [&](i64 part, i64, int) {
    i32* const cursor = cursors.data + part * num_verts;
    for (i64 f = num_faces * part / parts; f < num_faces * (part + 1) / parts; ++f)
      for (int j = 0; j < 3; ++j) {
        const auto e = entry(f, j);
        values[cursor[e.vertex]++] = e.value;
      }
  });
  return kGood;
}

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_GROUP_BY_VERTEX_H_
