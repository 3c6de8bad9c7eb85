// How a CPU schedule makes itself known: one line in the op's own .cpp.
//
//   template <class Real>
//   i64 forward(const WeightedRows<Real>& a);  // kGood, kOutOfMemory, or which of its inputs is bad
//   R3D_SCHEDULE(weighted_rows_fwd, WeightedRows, forward)
//
// Python finds it by its name and hands over the record (r3d_cli/backend/records.py), laid out as C++ does.
#ifndef R3D_CPU_SCHEDULE_H_
#define R3D_CPU_SCHEDULE_H_

#include "cpu/isa.h"
#include "math/kernel.h"

namespace r3d {

// What a schedule returns unless it returns the number of a bad input.
constexpr i64 kGood = -1, kOutOfMemory = -2;

struct Schedule {
  const char* name;
  const char* record;  // the name of the struct it takes
  Isa isa;
  int real;  // bytes of the record's real type, or 0
  u64 size;  // bytes of the record
  i64 (*run)(const void* record);
};

}  // namespace r3d

// A pointer to a constant, which needs no code at start-up: code for AVX-512 must not run on every machine.
// The linker puts these pointers side by side; module.cpp reads them.
#define R3D_ENTRY_(entry, name, record, real, Record, function)                                         \
  namespace {                                                                                           \
  i64 entry##_run(const void* given) { return function(*static_cast<const Record*>(given)); }           \
  const ::r3d::Schedule entry = {name, record, ::r3d::Isa::R3D_ISA, real, sizeof(Record), entry##_run}; \
  __attribute__((section("r3d_schedules"), used)) const ::r3d::Schedule* const entry##_listed = &entry; \
  }

// A schedule for both real types, of a record template.
#define R3D_SCHEDULE(name, Record, function)                           \
  R3D_ENTRY_(name##_float, #name, #Record, 4, Record<float>, function) \
  R3D_ENTRY_(name##_double, #name, #Record, 8, Record<double>, function)
// One that knows no reals.
#define R3D_PLAIN_SCHEDULE(name, Record, function) \
  R3D_ENTRY_(name##_plain, #name, #Record, 0, Record, function)

#endif  // R3D_CPU_SCHEDULE_H_
