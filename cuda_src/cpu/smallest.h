// The smallest of the numbers that threads report: the first bad input, whatever the order of the threads.
// Included by files compiled for one instruction set: no standard library.
#ifndef R3D_CPU_SMALLEST_H_
#define R3D_CPU_SMALLEST_H_

#include "cpu/schedule.h"

namespace r3d {
namespace R3D_ISA {

class Smallest {
 public:
  void report(i64 number) {
    i64 seen = __atomic_load_n(&number_, __ATOMIC_RELAXED);
    while (seen == kGood || number < seen)
      if (__atomic_compare_exchange_n(&number_, &seen, number, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
  }
  i64 number() const { return number_; }  // kGood: none was reported

 private:
  i64 number_ = kGood;
};

}  // namespace R3D_ISA
}  // namespace r3d

#endif  // R3D_CPU_SMALLEST_H_
