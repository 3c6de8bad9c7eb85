// A race detector: the compiler's -fsanitize=thread calls these functions at each access of a kernel, and
// this runtime takes the place of libtsan, which knows nothing of blocks and barriers.
//
// Each byte remembers who read it, wrote it and updated it atomically last. Two accesses by different threads
// race if one of them writes, not both are atomic, and no barrier lies between: none ever does between
// blocks.
#include "emulation/races.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <unordered_map>

namespace r3d_emulation {
namespace {

enum Kind { kRead, kWrite, kAtomic };
const char* const kNames[] = {"reads", "writes", "atomically updates"};

struct Access {
  i64 block;
  u32 launch, epoch, warp_epoch;
  int first, second;  // threads of that block and epoch, -1: none
  bool more_blocks;
};

struct Cell {
  Access last[3];
};

constexpr u64 kPage = 4096;
struct Page {
  Cell cells[kPage];
};

std::unordered_map<u64, std::unique_ptr<Page>> g_pages;
u64 g_page_number = ~0ull;
Page* g_page = nullptr;
u32 g_launch = 0;
char g_message[512];

Cell& cell(u64 address) {
  if (address / kPage != g_page_number) {
    g_page_number = address / kPage;
    std::unique_ptr<Page>& page = g_pages[g_page_number];
    if (!page) page.reset(new Page());
    g_page = page.get();
  }
  return g_page->cells[address % kPage];
}

bool same_warp(int a, int b) { return a / 32 == b / 32; }

bool conflicts(const Access& a, bool shared) {
  if (a.launch != g_launch) return false;
  if (a.block != position.block || a.more_blocks) {
    if (!shared) return true;
    if (a.block != position.block) return false;
  }
  if (a.epoch != position.epoch) return false;
  for (const int other : {a.first, a.second})
    if (other >= 0 && other != position.thread &&
        !(same_warp(other, position.thread) && a.warp_epoch != position.warp_epoch))
      return true;
  return false;
}

void remember(Access* a) {
  const bool fresh = a->launch != g_launch, moved = !fresh && a->block != position.block;
  const bool passed = a->epoch != position.epoch || (same_warp(a->first, position.thread) && a->second < 0 &&
                                                     a->warp_epoch != position.warp_epoch);
  if (fresh || moved || passed) {
    const bool more = !fresh && (a->more_blocks || moved);
    *a = {position.block, g_launch, position.epoch, position.warp_epoch, position.thread, -1, more};
  } else if (a->first != position.thread) {
    a->second = position.thread;
  }
}

void report(Kind kind, Kind before, const Access& a, const void* address, const void* caller) {
  Dl_info info;
  const bool known = dladdr(caller, &info) != 0;
  snprintf(
      g_message, sizeof(g_message),
      "race at +0x%llx: block %lld thread %d %s %s memory that block %lld thread %d %s, no barrier between",
      (unsigned long long)(known ? (const char*)caller - (const char*)info.dli_fbase : 0),
      (long long)position.block, position.thread, kNames[kind], is_shared(address) ? "shared" : "global",
      (long long)a.block, a.first != position.thread || a.second < 0 ? a.first : a.second, kNames[before]);
}

void access(Kind kind, const void* address, u64 size, const void* caller) {
  if (g_launch == 0 || is_private(address)) return;
  const bool shared = is_shared(address);
  for (u64 i = 0; i < size; ++i) {
    Cell& c = cell((u64)address + i);
    if (!g_message[0])
      for (const Kind before : {kRead, kWrite, kAtomic})
        if (kind != before || kind == kWrite)
          if (conflicts(c.last[before], shared)) {
            report(kind, before, c.last[before], address, caller);
            break;
          }
    remember(&c.last[kind]);
  }
}

}  // namespace

void races_begin() {
  ++g_launch;
  g_message[0] = 0;
}

const char* races_found() { return g_message[0] ? g_message : nullptr; }

void races_atomic(const void* address, int size, const void* caller) {
  access(kAtomic, address, (u64)size, caller);
}

}  // namespace r3d_emulation

#define R3D_TSAN(size)                                                                  \
  void __tsan_read##size(void* p) {                                                     \
    r3d_emulation::access(r3d_emulation::kRead, p, size, __builtin_return_address(0));  \
  }                                                                                     \
  void __tsan_write##size(void* p) {                                                    \
    r3d_emulation::access(r3d_emulation::kWrite, p, size, __builtin_return_address(0)); \
  }                                                                                     \
  void __tsan_unaligned_read##size(void* p) {                                           \
    r3d_emulation::access(r3d_emulation::kRead, p, size, __builtin_return_address(0));  \
  }                                                                                     \
  void __tsan_unaligned_write##size(void* p) {                                          \
    r3d_emulation::access(r3d_emulation::kWrite, p, size, __builtin_return_address(0)); \
  }
extern "C" {
R3D_TSAN(1)
R3D_TSAN(2)
R3D_TSAN(4)
R3D_TSAN(8)
R3D_TSAN(16)
void __tsan_read_range(void* p, size_t size) {
  r3d_emulation::access(r3d_emulation::kRead, p, size, __builtin_return_address(0));
}
void __tsan_write_range(void* p, size_t size) {
  r3d_emulation::access(r3d_emulation::kWrite, p, size, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
