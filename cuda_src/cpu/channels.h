// Loops over channels that the compiler can unroll. Included by files compiled for one instruction set: no
// standard library.
#ifndef R3D_CPU_CHANNELS_H_
#define R3D_CPU_CHANNELS_H_

#include "math/kernel.h"

namespace r3d {
namespace R3D_ISA {

template <i64 count>
struct Known {
  constexpr operator i64() const { return count; }
};

// Calls run(channels) with a number that the compiler knows, where colours, vertices and uvs have it.
template <class Run>
void for_channels(i64 channels, const Run& run) {
  switch (channels) {
    case 1:
      return run(Known<1>());
    case 2:
      return run(Known<2>());
    case 3:
      return run(Known<3>());
    case 4:
      return run(Known<4>());
    case 6:
      return run(Known<6>());
    default:
      return run(channels);
  }
}

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_CHANNELS_H_
