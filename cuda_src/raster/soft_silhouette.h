// The mathematics of soft silhouettes: how far a face that is near a pixel covers it, and what moving the
// face changes (Liu et al. 2019, "Soft Rasterizer", equations 1 and 4).
//
// A face covers a pixel with the probability sigmoid(-dist / sigma), dist the signed squared distance to its
// boundary; the silhouette is 1 - product(1 - probability). Near 1 a probability's complement is lost in
// float32: both are computed from the same exponential, and the backward multiplies, never divides.
#ifndef R3D_RASTER_SOFT_SILHOUETTE_H_
#define R3D_RASTER_SOFT_SILHOUETTE_H_

#include "math/geometry.h"

namespace r3d {

template <class T>
struct SoftCoverage {
  T probability, complement;
};

template <class T, class S>
R3D_FN SoftCoverage<T> soft_coverage(T dist, S inverse_sigma) {
  // Beyond +-87 sigma one of the two is 1 and the other 1e-38: near enough to 0.
  const T limit = splat<T>(87);
  const T x = max_of(min_of(dist * inverse_sigma, limit), -limit);
  const T decay = exp_of_moderate(-x), complement = 1 / (1 + decay);
  return {decay * complement, complement};
}

// Of `uncovered` = product(1 - probability) to the distance of one face. `weight` is the gradient of
// uncovered times uncovered / sigma, the same for all faces of a pixel.
template <class T>
R3D_FN T soft_coverage_bwd(const SoftCoverage<T>& coverage, T weight) {
  return weight * coverage.probability;
}

}  // namespace r3d

#endif  // R3D_RASTER_SOFT_SILHOUETTE_H_
