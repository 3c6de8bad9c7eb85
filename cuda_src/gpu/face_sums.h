// A backward that goes face by face: each sums over the pixels of its box.
#ifndef R3D_GPU_FACE_SUMS_H_
#define R3D_GPU_FACE_SUMS_H_

#include "gpu/tile_walk.h"

namespace {

// The faces of one launch. The grid's columns share them, kWarps a block; its rows share the pixels of large
// ones: one row where sums must repeat.
template <class Real>
struct FaceRange {
  const Real* verts;           // (V, 3)
  const i64* faces;            // (F, 3)
  const i64* mesh_first_face;  // (N + 1,)
  i64 first_face, last_face, num_meshes;
  int height, width;
  RasterSettings<Real> settings;
};

// A face at a pixel of its box.
template <class Real>
struct FacePixel {
  i64 pixel;  // in (N, H, W)
  Real px, py;
};

// Calls add(mesh, face, pixel, sum) for each pixel of each face's box, and then give(id, mesh, part, value)
// once for each number of the sum over them: for a large face once a row of the grid. Sum is made of Reals
// alone. All threads of the block call it, with memory that they share.
template <class Sum, class Real, class Add, class Give>
__device__ inline void sum_faces(const FaceRange<Real>& range, bool* large,  // [kWarps]
                                 Real* warp_parts,                           // [2 * kWarps * parts of a Sum]
                                 const Add& add, const Give& give) {
  constexpr int parts = sizeof(Sum) / sizeof(Real), kept = (parts + kWarp - 1) / kWarp;
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp;
  const int height = range.height, width = range.width;
  Real* shared = warp_parts;
  // First each warp a face; then, one after another, the block those of the warps that are large.
  for (int turn = -1; turn < kWarps; ++turn) {
    if (turn == 0) __syncthreads();
    if (turn >= 0 && !large[turn]) continue;
    const i64 id = range.first_face + (i64)blockIdx.x * kWarps + (turn < 0 ? warp : turn);
    Prepared<Real> p;
    Box box = {0, 0, -1, -1};
    const i64 mesh = id < range.last_face ? image_of(id, range.mesh_first_face, range.num_meshes) : -1;
    if (mesh >= 0) {
      p = prepare(load_face(range.verts, range.faces, id), (i32)id, range.settings);
      box = pixel_box(p, range.settings, height, width);
    }
    const i64 pixels = box_area(box);
    i64 first = thread + (i64)kThreads * blockIdx.y, stride = (i64)kThreads * gridDim.y;
    if (turn < 0) {
      const bool wait = pixels > kWarpPixels;
      if (lane == 0) large[warp] = wait;
      if (wait || blockIdx.y > 0 || id >= range.last_face) continue;
      first = lane, stride = kWarp;
    }
    const int across = box.x1 - box.x0 + 1;
    Sum sum = {};
    for (i64 i = first; i < pixels; i += stride) {
      const int column = box.x0 + (int)(i % across), row = box.y0 + (int)(i / across);
      const FacePixel<Real> at = {(mesh * height + row) * width + column,
                                  pixel_center<Real>(width - 1 - column, width, height),
                                  pixel_center<Real>(height - 1 - row, height, width)};
      add(mesh, p, at, &sum);
    }
    Real* const own = (Real*)&sum;
    Real mine[kept] = {};  // parts lane, lane + 32, … of the warp's sum
#pragma unroll
    for (int part = 0; part < parts; ++part) {
      for (int other = kWarp / 2; other > 0; other /= 2) own[part] += __shfl_xor_sync(~0u, own[part], other);
      if (lane == part % kWarp) mine[part / kWarp] = own[part];
    }
    if (turn < 0) {
#pragma unroll
      for (int i = 0; i < kept; ++i)
        if (lane + i * kWarp < parts) give(id, mesh, lane + i * kWarp, mine[i]);
      continue;
    }
#pragma unroll
    for (int i = 0; i < kept; ++i)
      if (lane + i * kWarp < parts) shared[warp * parts + lane + i * kWarp] = mine[i];
    __syncthreads();
    if (thread < parts) {
      Real of_block = 0;
      for (int other = 0; other < kWarps; ++other) of_block += shared[other * parts + thread];
      give(id, mesh, thread, of_block);
    }
    // Two sets in turns: one barrier a face is enough.
    shared = shared == warp_parts ? warp_parts + kWarps * parts : warp_parts;
  }
}

// Calls visit(face, corner) for each corner of faces [first_face, last_face) that names a row, in the order
// of the faces; `first` and `corners` are what vertex_corners makes of them.
template <class Visit>
__device__ inline void for_corners(const i32* first, const i32* corners, i64 row, i64 first_face,
                                   i64 last_face, const Visit& visit) {
  const i32 end = first[row + 1];
  i32 at = first[row];
  for (i32 high = end; at < high;) {  // to the first corner of first_face or after
    const i32 middle = at + (high - at) / 2;
    if (corners[middle] < 3 * first_face)
      at = middle + 1;
    else
      high = middle;
  }
  for (; at < end && corners[at] < 3 * last_face; ++at) visit((i64)(corners[at] / 3), corners[at] % 3);
}

}  // namespace

#endif  // R3D_GPU_FACE_SUMS_H_
