// The scheduler of the emulation: blocks one after another, a block's threads as fibers.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "math/kernel.h"
#include "emulation/races.h"

#ifndef __x86_64__
#error "the emulation switches fibers on x86-64 only"
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

struct uint3 {
  unsigned x, y, z;
};
uint3 threadIdx, blockIdx, blockDim, gridDim;

// Shared memory of the kernels' file, where it has any.
extern "C" {
extern char __start_r3d_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_r3d_shared[] __attribute__((weak, visibility("hidden")));
void r3d_emulation_switch(void** save, void* to);
}

// Keeps what the calling convention asks for on the stack that is left, and continues on the other one. A
// system call for the signal mask, as in swapcontext, would cost ten times as much.
asm(R"(
.text
.hidden r3d_emulation_switch
.globl r3d_emulation_switch
.type r3d_emulation_switch, @function
r3d_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size r3d_emulation_switch, . - r3d_emulation_switch
)");

// The number, in its source, of a barrier that does nothing; -1: none. Mutation tests set it.
extern "C" __attribute__((visibility("default"))) int r3d_emulation_dropped_barrier;
int r3d_emulation_dropped_barrier = -1;

namespace r3d_emulation {

Position position;

namespace {

constexpr int kMaxThreads = 1024;
constexpr size_t kStack = 128 << 10;
constexpr u32 kCanary = 0x5afe57ac;

typedef void (*Entry)(void** parameters);
enum class State { ready, at_barrier, at_warp, done };
enum Order { kForward, kReverse, kRandom };

struct Fiber {
  void* stack_pointer;
  State state;
  int site, line;  // of the barrier it waits at
  u32 warp_mask, warp_epoch;
  void* fake_stack;  // the address sanitizer's
};

struct Warp {
  u64 given[32], taken[32];
};

char* g_stacks;
Fiber g_fibers[kMaxThreads];
Warp g_warps[kMaxThreads / 32];
int g_threads;
void* g_scheduler;
Entry g_entry;
void** g_parameters;
const void* g_scheduler_stack;
size_t g_scheduler_stack_size;
void* g_scheduler_fake_stack;

char* stack_of(int thread) { return g_stacks + (size_t)thread * kStack; }

#ifdef __SANITIZE_ADDRESS__
void leaving(void** fake, const void* bottom, size_t size) {
  __sanitizer_start_switch_fiber(fake, bottom, size);
}
void arrived(void* fake, const void** bottom, size_t* size) {
  __sanitizer_finish_switch_fiber(fake, bottom, size);
}
#else
void leaving(void**, const void*, size_t) {}
void arrived(void*, const void**, size_t*) {}
#endif

void yield() {
  Fiber& f = g_fibers[position.thread];
  leaving(f.state == State::done ? nullptr : &f.fake_stack, g_scheduler_stack, g_scheduler_stack_size);
  r3d_emulation_switch(&f.stack_pointer, g_scheduler);
  arrived(f.fake_stack, &g_scheduler_stack, &g_scheduler_stack_size);
}

__attribute__((no_sanitize("address"), noreturn)) void fiber_main() {
  arrived(nullptr, &g_scheduler_stack, &g_scheduler_stack_size);
  g_entry(g_parameters);
  g_fibers[position.thread].state = State::done;
  yield();
  __builtin_unreachable();
}

void prepare(int thread) {
  char* const bottom = stack_of(thread);
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(bottom, kStack);
#endif
  memcpy(bottom, &kCanary, sizeof(kCanary));
  // As if it had called r3d_emulation_switch: six registers, the address to return to, and fiber_main's own.
  void** const top = reinterpret_cast<void**>(bottom + kStack) - 8;
  std::fill(top, top + 8, nullptr);
  top[6] = reinterpret_cast<void*>(&fiber_main);
  g_fibers[thread] = {top, State::ready, 0, 0, 0, 0, nullptr};
}

void resume(int thread) {
  Fiber& f = g_fibers[thread];
  position.thread = thread;
  position.warp_epoch = f.warp_epoch;
  threadIdx = {(unsigned)thread % blockDim.x, (unsigned)thread / blockDim.x % blockDim.y,
               (unsigned)thread / blockDim.x / blockDim.y};
  leaving(&g_scheduler_fake_stack, stack_of(thread), kStack);
  r3d_emulation_switch(&g_scheduler, f.stack_pointer);
  arrived(g_scheduler_fake_stack, nullptr, nullptr);
}

struct Shuffler {
  Order order;
  u64 state;

  u64 draw() {  // xorshift64
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
  // The order in which `count` things take their turn.
  const std::vector<i64>& operator()(i64 count) {
    turns.resize((size_t)count);
    for (i64 i = 0; i < count; ++i) turns[i] = order == kReverse ? count - 1 - i : i;
    if (order == kRandom)
      for (i64 i = count - 1; i > 0; --i) std::swap(turns[i], turns[draw() % (u64)(i + 1)]);
    return turns;
  }
  std::vector<i64> turns;
};

// Lets lanes go on that all the lanes of their mask have met, with the same mask; false when none could.
// Parts of a warp may exchange values among themselves while others are elsewhere.
bool release_warps() {
  bool any = false;
  for (int first = 0; first < g_threads; first += 32) {
    const int lanes = g_threads - first < 32 ? g_threads - first : 32;
    const u32 all = lanes < 32 ? (1u << lanes) - 1 : ~0u;
    u32 waiting = 0, done = 0;
    for (int i = 0; i < lanes; ++i)
      if (g_fibers[first + i].state == State::at_warp) waiting |= 1u << i;
    while (waiting) {  // one mask after another
      const u32 mask = g_fibers[first + __builtin_ctz(waiting)].warp_mask;
      u32 met = 0;
      for (u32 left = waiting; left; left &= left - 1)
        if (g_fibers[first + __builtin_ctz(left)].warp_mask == mask) met |= left & -left;
      if (met == (mask & all)) done |= met;
      waiting &= ~met;
    }
    if (!done) continue;
    Warp& warp = g_warps[first / 32];
    for (int i = 0; i < lanes; ++i)
      if (done >> i & 1) {
        warp.taken[i] = warp.given[i];
        g_fibers[first + i].state = State::ready;
        ++g_fibers[first + i].warp_epoch;
        any = true;
      }
  }
  return any;
}

// Runs one block; false and a message when its threads wait for each other in vain.
bool run_block(Shuffler& shuffle, char* error, size_t size) {
  if (__start_r3d_shared) memset(__start_r3d_shared, 0xA5, __stop_r3d_shared - __start_r3d_shared);
  for (int t = 0; t < g_threads; ++t) prepare(t);
  position.epoch = 0;
  for (;;) {
    for (const i64 t : shuffle(g_threads))
      if (g_fibers[t].state == State::ready) resume((int)t);
    if (release_warps()) continue;
    int waiting = -1, done = -1, warp = -1;
    for (int t = 0; t < g_threads; ++t) {
      const State state = g_fibers[t].state;
      (state == State::done ? done : state == State::at_warp ? warp : waiting) = t;
    }
    if (warp >= 0) {
      snprintf(error, size, "line %d: thread %d waits for lanes of its warp that never come",
               g_fibers[warp].line, warp);
      return false;
    }
    if (waiting < 0) return true;
    if (done >= 0) {
      snprintf(error, size, "line %d: thread %d waits at a barrier, thread %d has returned",
               g_fibers[waiting].line, waiting, done);
      return false;
    }
    for (int t = 0; t < g_threads; ++t)
      if (g_fibers[t].site != g_fibers[waiting].site) {
        snprintf(error, size, "threads %d and %d wait at different barriers, lines %d and %d", t, waiting,
                 g_fibers[t].line, g_fibers[waiting].line);
        return false;
      }
    for (int t = 0; t < g_threads; ++t) g_fibers[t].state = State::ready;
    ++position.epoch;
  }
}

}  // namespace

bool is_private(const void* address) {
  return address >= g_stacks && address < g_stacks + kMaxThreads * kStack;
}

bool is_shared(const void* address) { return address >= __start_r3d_shared && address < __stop_r3d_shared; }

void barrier(int site, int line) {
  if (site == r3d_emulation_dropped_barrier) return;
  Fiber& f = g_fibers[position.thread];
  f.state = State::at_barrier;
  f.site = site;
  f.line = line;
  yield();
}

const u64* exchange(u32 mask, u64 value, int line) {
  Fiber& f = g_fibers[position.thread];
  Warp& warp = g_warps[position.thread / 32];
  warp.given[position.thread % 32] = value;
  f.state = State::at_warp;
  f.warp_mask = mask;
  f.line = line;
  yield();
  return warp.taken;
}

void atomic_access(const void* address, int size, const void* caller) {
#ifdef R3D_EMULATION_RACES
  races_atomic(address, size, caller);
#else
  (void)address, (void)size, (void)caller;
#endif
}

}  // namespace r3d_emulation

// Runs a launch. 0, or 1 and a one-line message.
extern "C" __attribute__((visibility("default"))) int r3d_emulation_run(
    void (*entry)(void**), void** parameters, const unsigned* grid, const unsigned* block, int order,
    u64 seed, char* error, size_t error_size) {
  using namespace r3d_emulation;
  if (!g_stacks) {
    void* const memory = mmap(nullptr, kMaxThreads * kStack, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      snprintf(error, error_size, "no memory for the threads' stacks");
      return 1;
    }
    g_stacks = static_cast<char*>(memory);
  }
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  g_threads = (int)(block[0] * block[1] * block[2]);
  g_entry = entry;
  g_parameters = parameters;
  Shuffler blocks = {(Order)order, seed | 1, {}}, threads = {(Order)order, ~seed | 1, {}};
#ifdef R3D_EMULATION_RACES
  races_begin();
#endif
  for (const i64 b : blocks((i64)grid[0] * grid[1] * grid[2])) {
    position.block = b;
    blockIdx = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]),
                (unsigned)(b / grid[0] / grid[1])};
    if (!run_block(threads, error, error_size)) return 1;
    for (int t = 0; t < g_threads; ++t)
      if (memcmp(stack_of(t), &kCanary, sizeof(kCanary)) != 0) {
        snprintf(error, error_size, "thread %d needed more than %zu bytes of stack", t, kStack);
        return 1;
      }
  }
#ifdef R3D_EMULATION_RACES
  if (races_found()) {
    snprintf(error, error_size, "%s", races_found());
    return 1;
  }
#endif
  return 0;
}
