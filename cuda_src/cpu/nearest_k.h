// The K nearest faces of a pixel, kept in its slots of the output arrays themselves.
#ifndef R3D_CPU_NEAREST_K_H_
#define R3D_CPU_NEAREST_K_H_

#include "cpu/simd.h"

namespace r3d {
namespace R3D_ISA {
namespace {

// The first K faces that come are appended. From then on they are sorted, and newcomers are inserted; more
// than R3D_INSERTION_LIMIT are a heap with the farthest on top. Faces come in the order of their ids, so
// among equal depths the one that is there already has the lower id and stays.
template <class Real>
struct NearestK {
  Real* z;
  i64* id;
  i64 k;

  // Takes a face, of a depth below the one returned before; returns the depth that the next must beat.
  R3D_MEMBER Real offer(i32* count, Real new_z, i64 new_id) {
    if (*count == k) return k <= R3D_INSERTION_LIMIT ? insert(new_z, new_id) : replace(new_z, new_id);
    z[*count] = new_z;
    id[*count] = new_id;
    return ++*count < k ? (Real)__builtin_inf() : settle();
  }

  // Nearest first, once all faces have come.
  R3D_MEMBER void finish(i64 count) {
    if (count < k || k > R3D_INSERTION_LIMIT) sort(count);
  }

 private:
  static constexpr int kRanked = 256;  // about where n^2 comparisons in lanes cost what a heap does

  static R3D_MEMBER bool after(Real za, i64 ida, Real zb, i64 idb) {
    return za > zb || (za == zb && ida > idb);
  }

  __attribute__((noinline)) Real settle() {
    if (k <= R3D_INSERTION_LIMIT)
      sort(k);
    else
      for (i64 root = k / 2 - 1; root >= 0; --root) sift(root, k);
    return k <= R3D_INSERTION_LIMIT ? z[k - 1] : z[0];
  }

  R3D_MEMBER Real insert(Real new_z, i64 new_id) {
    i64 at = k - 1;
    for (; at > 0 && z[at - 1] > new_z; --at) {
      z[at] = z[at - 1];
      id[at] = id[at - 1];
    }
    z[at] = new_z;
    id[at] = new_id;
    return z[k - 1];
  }

  __attribute__((noinline)) Real replace(Real new_z, i64 new_id) {
    z[0] = new_z;
    id[0] = new_id;
    sift(0, k);
    return z[0];
  }

  R3D_MEMBER void sift(i64 root, i64 size) {
    const Real moved_z = z[root];
    const i64 moved_id = id[root];
    for (i64 child; (child = 2 * root + 1) < size; root = child) {
      if (child + 1 < size && after(z[child + 1], id[child + 1], z[child], id[child])) ++child;
      if (!after(z[child], id[child], moved_z, moved_id)) break;
      z[root] = z[child];
      id[root] = id[child];
    }
    z[root] = moved_z;
    id[root] = moved_id;
  }

  R3D_MEMBER void sort(i64 count) {
    if (count > kRanked)
      sort_as_heap(count);
    else if (count > 1)
      sort_by_rank((int)count);
  }

  __attribute__((noinline)) void sort_as_heap(i64 count) {
    for (i64 root = count / 2 - 1; root >= 0; --root) sift(root, count);
    for (i64 last = count - 1; last > 0; --last) {
      const Real top_z = z[0];
      const i64 top_id = id[0];
      z[0] = z[last];
      id[0] = id[last];
      z[last] = top_z;
      id[last] = top_id;
      sift(0, last);
    }
  }

  // Counts for each face how many come before it, a lane a face: no branch that could be mispredicted.
  __attribute__((noinline)) void sort_by_rank(int count) {
    typedef typename Simd<Real>::index Index;
    constexpr int width = Simd<Real>::width;
    alignas(64) Real from_z[kRanked];
    alignas(64) Index from_id[kRanked], rank[width];
    for (int i = 0; i < count; ++i) from_z[i] = z[i], from_id[i] = (Index)id[i];
    for (int at = 0; at < count; at += width) {
      const Lanes<Real> z_here = load<Real>(from_z + at);
      const Ints<Real> id_here = load_indices<Real>(from_id + at);
      Ints<Real> before = {};
      for (int i = 0; i < count; ++i)
        before -= (from_z[i] < z_here) | ((from_z[i] == z_here) & (from_id[i] < id_here));
      store_indices<Real>(rank, before);
      for (int i = 0; i < width && at + i < count; ++i) {
        z[rank[i]] = from_z[at + i];
        id[rank[i]] = from_id[at + i];
      }
    }
  }
};

}  // namespace
}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_NEAREST_K_H_
