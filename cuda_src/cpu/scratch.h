// Workspace of a CPU schedule. Included by files compiled for one instruction set: no standard library.
#ifndef R3D_CPU_SCRATCH_H_
#define R3D_CPU_SCRATCH_H_

#include <stdlib.h>

#include "math/kernel.h"

namespace r3d {
namespace R3D_ISA {

// A block of memory that frees itself.
template <class T>
struct Scratch {
  T* data;
  explicit Scratch(i64 count) : data(static_cast<T*>(malloc((size_t)(count > 0 ? count : 1) * sizeof(T)))) {}
  ~Scratch() { free(data); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T& operator[](i64 i) { return data[i]; }
};

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_SCRATCH_H_
