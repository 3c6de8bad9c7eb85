// Polygons to triangles: a fan where the polygon is convex, ear clipping (Meisters 1975) where it is not.
#include <cmath>
#include <cstddef>

#include "readers/readers.h"

namespace r3d {
namespace {

// Ear clipping looks at every reflex corner for every ear, so a hostile polygon costs the square of this.
const i64 kMostCorners = 16384;

struct Point {
  double x, y;
};

double cross(const Point& a, const Point& b, const Point& c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

// The polygon seen along the largest component of its normal (Newell's sum), counter-clockwise. Leaving out a
// coordinate is exact, unlike a rotation.
std::vector<Point> project(const MeshData& mesh, const std::vector<i64>& corners) {
  double normal[3] = {0, 0, 0};
  const double* const origin = &mesh.verts[static_cast<size_t>(corners[0]) * 3];
  for (size_t i = 0; i < corners.size(); ++i) {
    const double* const a = &mesh.verts[static_cast<size_t>(corners[i]) * 3];
    const double* const b = &mesh.verts[static_cast<size_t>(corners[i + 1 < corners.size() ? i + 1 : 0]) * 3];
    for (int k = 0; k < 3; ++k) {
      const int u = (k + 1) % 3, v = (k + 2) % 3;
      normal[k] += (a[u] - origin[u]) * (b[v] - origin[v]) - (a[v] - origin[v]) * (b[u] - origin[u]);
    }
  }
  int axis = 0;
  for (int k = 1; k < 3; ++k)
    if (std::fabs(normal[k]) > std::fabs(normal[axis])) axis = k;
  const int u = (axis + 1) % 3, v = (axis + 2) % 3;
  std::vector<Point> points;
  points.reserve(corners.size());
  for (const i64 corner : corners) {
    const double* const p = &mesh.verts[static_cast<size_t>(corner) * 3];
    points.push_back(normal[axis] < 0 ? Point{-p[u], p[v]} : Point{p[u], p[v]});
  }
  return points;
}

// Does the whole polygon lie in sight of its first corner? Then the fan around it does not overlap itself.
bool fan_is_right(const std::vector<Point>& points) {
  const size_t n = points.size();
  for (size_t i = 1; i + 1 < n; ++i)
    if (!(cross(points[0], points[i], points[i + 1]) >= 0)) return false;
  return true;
}

// A polygon as a ring of linked corners, from which ears are cut.
class EarClipper {
 public:
  explicit EarClipper(const std::vector<Point>& points)
      : points_(points), before_(points.size()), after_(points.size()) {
    const size_t n = points.size();
    for (size_t i = 0; i < n; ++i) {
      before_[i] = i > 0 ? i - 1 : n - 1;
      after_[i] = i + 1 < n ? i + 1 : 0;
    }
    for (size_t i = 0; i < n; ++i)
      if (!is_convex(i)) reflex_.push_back(i);
  }

  // Corner numbers of the n - 2 triangles, three each. Where no corner is an ear (the polygon crosses itself)
  // the next one is cut all the same: the result is then arbitrary, but whole.
  std::vector<size_t> run() {
    std::vector<size_t> triangles;
    size_t left = points_.size(), corner = 0, tried = 0;
    while (left > 3) {
      if (tried < left && !is_ear(corner)) {
        corner = after_[corner];
        ++tried;
        continue;
      }
      emit(triangles, corner);
      const size_t previous = before_[corner], next = after_[corner];
      after_[previous] = next;
      before_[next] = previous;
      before_[corner] = after_[corner] = corner;
      drop_convex();
      --left;
      tried = 0;
      corner = after_[next];  // not the neighbour: fans of slivers from one corner are avoided
    }
    emit(triangles, corner);
    return triangles;
  }

 private:
  bool is_convex(size_t i) const { return cross(points_[before_[i]], points_[i], points_[after_[i]]) > 0; }

  bool is_ear(size_t i) const {
    if (!is_convex(i)) return false;
    const Point &a = points_[before_[i]], &b = points_[i], &c = points_[after_[i]];
    for (const size_t r : reflex_) {
      if (r == before_[i] || r == i || r == after_[i]) continue;
      const Point& p = points_[r];
      // A corner in the very place of one of the ear's is no obstacle: keyhole polygons have those.
      const bool same =
          (p.x == a.x && p.y == a.y) || (p.x == b.x && p.y == b.y) || (p.x == c.x && p.y == c.y);
      if (!same && cross(a, b, p) >= 0 && cross(b, c, p) >= 0 && cross(c, a, p) >= 0) return false;
    }
    return true;
  }

  // Reflex corners become convex as ears go, never the other way round.
  void drop_convex() {
    size_t kept = 0;
    for (const size_t r : reflex_)
      if (after_[r] != r && !is_convex(r)) reflex_[kept++] = r;
    reflex_.resize(kept);
  }

  void emit(std::vector<size_t>& triangles, size_t corner) const {
    triangles.insert(triangles.end(), {before_[corner], corner, after_[corner]});
  }

  const std::vector<Point>& points_;
  std::vector<size_t> before_, after_, reflex_;
};

// The corners of a fan, in the polygon's order, from one of the face arrays.
std::vector<i64> fan_corners(const std::vector<i64>& faces, const Fan& fan) {
  const size_t first = static_cast<size_t>(fan.first_face) * 3, n = static_cast<size_t>(fan.num_corners);
  std::vector<i64> corners = {faces[first], faces[first + 1]};
  for (size_t i = 2; i < n; ++i) corners.push_back(faces[first + (i - 2) * 3 + 2]);
  return corners;
}

void rewrite(std::vector<i64>& faces, const Fan& fan, const std::vector<size_t>& triangles) {
  if (faces.empty()) return;
  const std::vector<i64> corners = fan_corners(faces, fan);
  for (size_t i = 0; i < triangles.size(); ++i)
    faces[static_cast<size_t>(fan.first_face) * 3 + i] = corners[triangles[i]];
}

}  // namespace

void add_polygon(MeshData& mesh, const i64* corners, i64 num_corners) {
  if (num_corners > 3) mesh.fans.push_back({mesh.num_faces(), num_corners});
  for (i64 i = 2; i < num_corners; ++i)
    mesh.faces.insert(mesh.faces.end(), {corners[0], corners[i - 1], corners[i]});
}

void triangulate(MeshData& mesh) {
  i64 too_large = 0;
  for (const Fan& fan : mesh.fans) {
    const std::vector<Point> points = project(mesh, fan_corners(mesh.faces, fan));
    if (fan_is_right(points)) continue;
    if (fan.num_corners > kMostCorners) {
      ++too_large;
      continue;
    }
    const std::vector<size_t> triangles = EarClipper(points).run();
    rewrite(mesh.faces, fan, triangles);
    rewrite(mesh.faces_uvs, fan, triangles);
    rewrite(mesh.faces_normals, fan, triangles);
  }
  if (too_large)
    mesh.warnings.push_back(at_line(
        0, std::to_string(too_large) + " concave polygons have more than " + std::to_string(kMostCorners) +
               " corners and were cut as fans; triangulate the mesh to have them right"));
}

}  // namespace r3d
