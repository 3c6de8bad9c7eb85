// Which faces are among the K nearest of a pixel, without keeping K faces of every pixel: the depth and id of
// the K-th nearest, found in passes over the tile's list.
#ifndef R3D_GPU_NEAREST_LIMIT_H_
#define R3D_GPU_NEAREST_LIMIT_H_

#include "gpu/tile_walk.h"

namespace {

constexpr int kNext = 8;  // faces that a pass finds: as many as fit in registers

// Not inlined, for it is called in several places of a kernel. The digits would be the same: no product of a
// depth is contracted, wherever it is computed.
template <class Real>
__device__ __noinline__ bool comparable_depth(Real px, Real py, const Prepared<Real>& p,
                                              const RasterSettings<Real>& settings, Real* z) {
  return depth_at(px, py, p, settings, z);
}

// The last face that counts at a pixel, by (depth, id); depth +inf: all count.
template <class Real>
struct DepthLimit {
  Real z;
  i32 id;

  __device__ inline bool unlimited() const { return z == (Real)infinity(); }

  __device__ inline bool admits(Real px, Real py, const Prepared<Real>& p,
                                const RasterSettings<Real>& settings) const {
    Real depth;
    return comparable_depth(px, py, p, settings, &depth) && !before(z, id, depth, p.id);
  }
};

// The nearest faces of a pixel that come after (floor_z, floor_id), sorted, in registers: every index is
// known to the compiler.
template <class Real>
struct NextNearest {
  Real z[kNext], floor_z;
  i32 id[kNext], floor_id;

  __device__ inline NextNearest(Real floor_z, i32 floor_id) : floor_z(floor_z), floor_id(floor_id) {
    for (int k = 0; k < kNext; ++k) {
      z[k] = (Real)infinity();
      id[k] = kNoFace;
    }
  }

  __device__ inline void insert(Real new_z, i32 new_id) {
    if (!before(floor_z, floor_id, new_z, new_id)) return;
#pragma unroll
    for (int k = 0; k < kNext; ++k)
      if (before(new_z, new_id, z[k], id[k])) {
        const Real old_z = z[k];
        const i32 old_id = id[k];
        z[k] = new_z;
        id[k] = new_id;
        new_z = old_z;
        new_id = old_id;
      }
  }

  // Makes the face at `last` the floor.
  __device__ inline void raise_floor(int last) {
#pragma unroll
    for (int k = 0; k < kNext; ++k)
      if (k == last) {
        floor_z = z[k];
        floor_id = id[k];
      }
  }
};

// The limit of the K nearest, where `open`: at pixels that see more than K faces; elsewhere there is none.
// All threads of the block call it.
template <class Real>
__device__ inline DepthLimit<Real> find_limit(const TileScene<Real>& scene, const TilePixel<Real>& at,
                                              bool open, i64 K, const i32* list, Prepared<Real>* batch,
                                              i32* warp_counts) {
  Real floor_z = -1;
  i32 floor_id = -1;
  for (i64 left = K; left > 0; left -= kNext) {
    NextNearest<Real> next(floor_z, floor_id);
    FoundFace<Real> found;
    walk_tile(
        scene, at, list, batch, warp_counts,
        [&](const Prepared<Real>& p) {
          Real z;
          if (!open || p.nearest > next.z[kNext - 1] ||
              !comparable_depth(at.px, at.py, p, scene.settings, &z))
            return;
          if (at.share == 1)
            next.insert(z, p.id);
          else
            found.z = z, found.id = p.id;
        },
        [&] { tell_each_other(at, &found, [&](Real z, i32 id) { next.insert(z, id); }); });
    next.raise_floor(left < kNext ? (int)left - 1 : kNext - 1);
    floor_z = next.floor_z;
    floor_id = next.floor_id;
  }
  if (!open) return {(Real)infinity(), kNoFace};
  return {floor_z, floor_id};
}

// Does any thread of the block say so? They share `said`, which nobody may write again before another
// barrier.
__device__ inline bool any_of_block(bool value, i32* said) {  // [kWarps]
  const u32 votes = __ballot_sync(~0u, value);
  if (threadIdx.x % kWarp == 0) said[threadIdx.x / kWarp] = votes != 0;
  __syncthreads();
  i32 any = 0;
  for (int i = 0; i < kWarps; ++i) any |= said[i];
  return any != 0;
}

}  // namespace

#endif  // R3D_GPU_NEAREST_LIMIT_H_
