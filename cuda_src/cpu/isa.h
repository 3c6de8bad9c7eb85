// Which instruction set the CPU schedules run on.
#ifndef R3D_CPU_ISA_H_
#define R3D_CPU_ISA_H_

namespace r3d {

enum class Isa { baseline, avx2, avx512 };

Isa current_isa();

}  // namespace r3d

// Calls namespace::function(...) of the instruction set in use.
#ifdef R3D_X86
#define R3D_DISPATCH(function, ...)                                                  \
  (::r3d::current_isa() == ::r3d::Isa::avx512 ? ::r3d::avx512::function(__VA_ARGS__) \
   : ::r3d::current_isa() == ::r3d::Isa::avx2 ? ::r3d::avx2::function(__VA_ARGS__)   \
                                              : ::r3d::baseline::function(__VA_ARGS__))
#else
#define R3D_DISPATCH(function, ...) (::r3d::baseline::function(__VA_ARGS__))
#endif

#endif  // R3D_CPU_ISA_H_
