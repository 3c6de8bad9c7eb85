// What the race detector needs to know of the thread that runs, and what it tells the scheduler.
#ifndef R3D_EMULATION_RACES_H_
#define R3D_EMULATION_RACES_H_

#include "math/kernel.h"

namespace r3d_emulation {

struct Position {
  i64 block;
  int thread;
  u32 epoch;       // barriers that the block has passed
  u32 warp_epoch;  // warp barriers that the thread has passed
};
extern Position position;

// Memory that is nobody else's (the fibers' stacks), and memory that each block has anew.
bool is_private(const void* address);
bool is_shared(const void* address);

void races_begin();         // a launch starts
const char* races_found();  // the first race of the launch, or null
void races_atomic(const void* address, int size, const void* caller);

}  // namespace r3d_emulation

#endif  // R3D_EMULATION_RACES_H_
