// The CPU schedule of weighted_rows: sums over threads; rows, backwards, in stripes that belong to one thread
// each, so that a row's terms are added in their order whatever the number of threads. Compiled once for each
// instruction set: no standard library.
#include "shading/weighted_rows.h"

#include "cpu/channels.h"
#include "cpu/schedule.h"
#include "cpu/smallest.h"
#include "cpu/threads.h"

namespace r3d {
namespace R3D_ISA {
namespace {

constexpr i64 kSums = 1 << 12;         // that a thread takes at a time
constexpr i64 kZeros = 1 << 16;        // values that a thread clears at a time
constexpr int kStripe = 32;            // consecutive rows of a stripe
constexpr i64 kSerialTerms = 1 << 13;  // below this a second thread is not worth its wake-up

// The first sum of which a term names no row, or kGood.
template <class Real>
i64 first_bad(const WeightedRows<Real>& a) {
  Smallest first;
  parallel(a.num_sums, 16 * kSums, [&](i64 begin, i64 end, int) {
    bool good = true;  // looked at once: a loop without an exit runs in lanes
    for (i64 term = begin * a.num_terms; term < end * a.num_terms; ++term) good &= is_row(a, term);
    if (good) return;
    i64 term = begin * a.num_terms;
    while (is_row(a, term)) ++term;
    first.report(term / a.num_terms);
  });
  return first.number();
}

template <class Real>
i64 forward(const WeightedRows<Real>& a) {
  const i64 bad = first_bad(a);
  if (bad != kGood) return bad;
  for_channels(a.channels, [&](auto channels) {
    parallel(a.num_sums, kSums, [&](i64 begin, i64 end, int) {
      for (i64 p = begin; p < end; ++p)
        for (i64 c = 0; c < channels; ++c) a.sums[p * channels + c] = weighted_sum(a, p, c, channels);
    });
  });
  return kGood;
}

template <class Real>
i64 rows_bwd(const WeightedRows<Real>& a) {
  const i64 bad = first_bad(a);
  if (bad != kGood) return bad;
  Real* const grad_rows = a.grad_rows;
  parallel(a.num_rows * a.channels, kZeros, [&](i64 begin, i64 end, int) {
    __builtin_memset(grad_rows + begin, 0, (size_t)(end - begin) * sizeof(Real));
  });
  const i64 J = a.num_terms;
  const u32 threads = a.num_sums * J < kSerialTerms ? 1 : num_threads();
  for_channels(a.channels, [&](auto channels) {
    // Every thread reads all ids, and adds the terms of its own rows: their order is that of the sums.
    parallel(threads, 1, [&](i64 from, i64 to, int) {
      for (u32 mine = (u32)from; mine < (u32)to; ++mine)
        for (i64 p = 0; p < a.num_sums; ++p)
          for (i64 term = p * J; term < (p + 1) * J; ++term) {
            const i64 row = a.ids[term];
            // Stripes are dealt to threads by a hash of their number: pictures have structure.
            if (threads > 1) {
              const u32 hash = (u32)(row / kStripe) * 2654435761u;
              if ((u32)(((u64)hash * threads) >> 32) != mine) continue;
            }
            for (i64 c = 0; c < channels; ++c)
              grad_rows[row * channels + c] += a.weights[term] * a.grad[p * channels + c];
          }
    });
  });
  return kGood;
}

template <class Real>
i64 weights_bwd(const WeightedRows<Real>& a) {
  const i64 bad = first_bad(a);
  if (bad != kGood) return bad;
  const i64 J = a.num_terms;
  for_channels(a.channels, [&](auto channels) {
    parallel(a.num_sums, kSums, [&](i64 begin, i64 end, int) {
      for (i64 p = begin; p < end; ++p)
        for (i64 term = p * J; term < (p + 1) * J; ++term)
          a.grad_weights[term] = weight_grad(a, p, term, channels);
    });
  });
  return kGood;
}

}  // namespace

R3D_SCHEDULE(weighted_rows_fwd, WeightedRows, forward)
R3D_SCHEDULE(weighted_rows_rows_bwd, WeightedRows, rows_bwd)
R3D_SCHEDULE(weighted_rows_weights_bwd, WeightedRows, weights_bwd)

}  // namespace R3D_ISA
}  // namespace r3d
