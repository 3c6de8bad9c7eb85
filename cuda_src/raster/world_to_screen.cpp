// The CPU schedule of world_to_screen: rows over threads, the camera of each run of rows looked up once.
// Compiled once for each instruction set: no standard library.
#include "raster/world_to_screen.h"

#include "cpu/schedule.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kRows = 1 << 13;   // that a thread takes at a time
constexpr i64 kChunks = 1 << 6;  // chunks of rows, likewise
constexpr i64 kSums = 1 << 10;   // cameras' sums, likewise

// The first camera whose vertices do not begin where those before it end, or kGood.
template <class Real>
i64 first_bad(const WorldToScreen<Real>& a) {
  if (!a.first) return kGood;
  if (a.first[0] != 0) return 0;
  for (i64 camera = 0; camera < a.num_cameras; ++camera)
    if (a.first[camera + 1] < a.first[camera]) return camera + 1;
  return a.first[a.num_cameras] == a.num_verts ? kGood : a.num_cameras;
}

template <class Real>
i64 forward(const WorldToScreen<Real>& a) {
  const i64 bad = first_bad(a);
  if (bad != kGood) return bad;
  for (i64 camera = 0; camera < a.num_cameras; ++camera) make_matrix(a, camera);
  *a.not_finite = 0;
  parallel(a.num_rows, kRows, [&](i64 begin, i64 end, int) {
    i32 not_finite = 0;
    for (i64 row = begin; row < end;) {
      const i64 camera = camera_of(a, row);
      const i64 after = camera + 1 < a.num_cameras ? first_row(a, camera + 1) : end;
      const i64 stop = after < end ? after : end;
      // Copies, which the results cannot overwrite, so that they stay in registers.
      Real R[9], T[3], m[12];
      for (int i = 0; i < 9; ++i) R[i] = a.rotations[camera * 9 + i];
      for (int i = 0; i < 3; ++i) T[i] = a.translations[camera * 3 + i];
      for (int i = 0; i < 12; ++i) m[i] = a.matrices[camera * 12 + i];
      const Real* p = vertex_of(a, row, camera);
      for (; row < stop; ++row, p += 3) not_finite += !project(R, T, m, p, a.screen + row * 3);
    }
    if (not_finite) __atomic_fetch_add(a.not_finite, not_finite, __ATOMIC_RELAXED);
  });
  return kGood;
}

template <class Real>
i64 verts_bwd(const WorldToScreen<Real>& a) {
  parallel(a.num_verts, kRows / (a.first ? 1 : a.num_cameras + 1) + 1, [&](i64 begin, i64 end, int) {
    for (i64 vertex = begin; vertex < end; ++vertex) vertex_grad(a, vertex);
  });
  return kGood;
}

template <class Real>
i64 cameras_bwd(const WorldToScreen<Real>& a) {
  const i64 chunks = (a.num_rows + a.chunk_rows - 1) / a.chunk_rows;
  parallel(chunks, kChunks, [&](i64 begin, i64 end, int) {
    for (i64 chunk = begin; chunk < end; ++chunk) sum_chunk(a, chunk);
  });
  parallel(a.num_cameras, kSums, [&](i64 begin, i64 end, int) {
    for (i64 camera = begin; camera < end; ++camera) {
      for (int which = 0; which < kCameraSums; ++which) sum_camera(a, camera, which);
      lens_grad(a, camera);
    }
  });
  return kGood;
}

}  // namespace

R3D_SCHEDULE(world_to_screen_fwd, WorldToScreen, forward)
R3D_SCHEDULE(world_to_screen_verts_bwd, WorldToScreen, verts_bwd)
R3D_SCHEDULE(world_to_screen_cameras_bwd, WorldToScreen, cameras_bwd)

}  // namespace R3D_ISA
}  // namespace r3d
