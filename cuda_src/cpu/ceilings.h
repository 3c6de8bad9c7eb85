// The loops that measure the CPU's ceilings (bench/ceilings.py), one of each for an instruction set.
#ifndef R3D_CPU_CEILINGS_H_
#define R3D_CPU_CEILINGS_H_

#include "math/kernel.h"

namespace r3d {

#define R3D_DECLARE(isa)                                                                                  \
  namespace isa {                                                                                         \
  /* Copies on all threads; both arrays are aligned to 64 bytes. */                                       \
  void ceiling_copy(const float* from, float* to, i64 count);                                             \
  /* out[i] = x after `rounds` times x = a * x + b from x = start[i], computed in many registers at once; \
     returns the floating-point operations done. */                                                       \
  i64 ceiling_fma(const float* start, float a, float b, i64 rounds, float* out, i64 count);               \
  }
R3D_DECLARE(baseline)
R3D_DECLARE(avx2)
R3D_DECLARE(avx512)
#undef R3D_DECLARE

}  // namespace r3d

#endif  // R3D_CPU_CEILINGS_H_
