// Hammers the thread pool from several threads at once; run under ThreadSanitizer by test_threads.py.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "cpu/threads.h"

int main() {
  r3d::set_num_threads(4);
  std::atomic<long> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        const long long count = 1 + round % 97;
        std::vector<int> seen(count);  // each index is written by exactly one body: no atomics needed
        std::vector<long> by_worker(4 * 16);
        r3d::parallel(count, 1 + round % 5, [&](long long begin, long long end, int worker) {
          for (long long i = begin; i < end; ++i) ++seen[i];
          by_worker[worker * 16] += end - begin;  // workers that run at once have different numbers
          r3d::parallel(3, 1, [&](long long, long long, int inner) { wrong += inner != 0; });  // serial
        });
        long total = 0;
        for (int w = 0; w < 4; ++w) total += by_worker[w * 16];
        wrong += total != count;
        for (int s : seen) wrong += s != 1;
      }
    });
  for (auto& caller : callers) caller.join();
  std::printf("%ld wrong\n", wrong.load());
  return wrong != 0;
}
