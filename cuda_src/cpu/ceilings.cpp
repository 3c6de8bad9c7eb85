// What this CPU can do at best, in two loops: copying memory, and fused multiply-adds on registers. Compiled
// once for each instruction set, like a schedule, and with contraction to FMA, unlike one: no standard
// library.
#include "cpu/ceilings.h"

#include "cpu/simd.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kCopyGrain = 1 << 18;  // floats that a thread takes at a time: 1 MB
constexpr int kChains = 12;  // independent FMAs in flight: latency 4 times 2 units, and some; 16 registers

// A store past the caches: without it the line that is to be overwritten would be read first.
R3D_FN void stream(float* to, Lanes<float> value) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, (__m512)value);
#elif defined(__AVX2__)
  _mm256_stream_ps(to, (__m256)value);
#elif defined(__SSE2__)
  _mm_stream_ps(to, (__m128)value);
#else
  store(to, value);
#endif
}

R3D_FN void stores_done() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace

void ceiling_copy(const float* from, float* to, i64 count) {
  constexpr int width = Simd<float>::width;
  parallel(count, kCopyGrain, [&](i64 begin, i64 end, int) {
    i64 i = begin;
    for (; i + width <= end; i += width) stream(to + i, load(from + i));
    for (; i < end; ++i) to[i] = from[i];
    stores_done();
  });
}

i64 ceiling_fma(const float* start, float a, float b, i64 rounds, float* out, i64 count) {
  constexpr int width = Simd<float>::width;
  parallel(count, 1, [&](i64 begin, i64 end, int) {
    for (i64 i = begin; i < end; ++i) {
      Lanes<float> first[kChains], x[kChains];
      for (int chain = 0; chain < kChains; ++chain) first[chain] = start[i] + Lanes<float>{};
      asm("" : "+m"(first));  // else equal chains would be computed once
      for (int chain = 0; chain < kChains; ++chain) x[chain] = first[chain];
      for (i64 round = 0; round < rounds; ++round)
        for (int chain = 0; chain < kChains; ++chain) x[chain] = x[chain] * a + b;
      Lanes<float> sum = x[0];
      for (int chain = 1; chain < kChains; ++chain) sum += x[chain];
      float total = 0;
      for (int lane = 0; lane < width; ++lane) total += sum[lane];
      out[i] = total / (kChains * width);
    }
  });
  return 2 * count * rounds * kChains * width;
}

}  // namespace R3D_ISA
}  // namespace r3d
