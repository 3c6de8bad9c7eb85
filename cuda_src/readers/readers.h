// Native readers of mesh files: bytes in, plain arrays out. They stand without Python, so that they can be
// fuzzed alone; textures, materials and colour spaces are the business of r3d_cli/scene/readers.
#ifndef R3D_READERS_READERS_H_
#define R3D_READERS_READERS_H_

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "math/kernel.h"

namespace r3d {

// A polygon that lies in the triangle list as a fan around its first corner, until triangulate() looks at it.
struct Fan {
  i64 first_face, num_corners;
};

struct MeshData {
  std::vector<double> verts;  // (V, 3)
  std::vector<i64> faces;     // (F, 3) ids into verts
  // The rest may be empty: the file has none. Normals and uvs without ids of their own belong to vertices.
  std::vector<float> normals;       // (VN, 3)
  std::vector<i64> faces_normals;   // (F, 3) ids into normals, -1: none
  std::vector<float> uvs;           // (VT, 2)
  std::vector<i64> faces_uvs;       // (F, 3) ids into uvs, -1: none
  std::vector<float> colors;        // (V, 4) as the file holds them, integers scaled to [0, 1]
  std::vector<float> face_colors;   // (F, 4) like colors; a negative red: the face has none
  std::vector<i32> faces_material;  // (F,) ids into materials, -1: none
  std::vector<std::string> materials;
  std::vector<std::pair<i64, std::string>> libraries;  // line and text of each OBJ mtllib statement
  std::vector<std::string> textures;                   // PLY's TextureFile comments
  std::vector<std::string> warnings;                   // as ReadError's text
  std::vector<std::string> not_drawn;                  // warnings of what only a picture will lack
  std::vector<Fan> fans;

  i64 num_verts() const { return static_cast<i64>(verts.size() / 3); }
  i64 num_faces() const { return static_cast<i64>(faces.size() / 3); }
};

// What is wrong and what to do, to follow the file's name: ":12: text" (line 12) or ": text".
class ReadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Names from the file may be part of it: what is not printable ASCII becomes a question mark.
inline std::string at_line(i64 line, const std::string& text) {
  std::string message = line > 0 ? ":" + std::to_string(line) + ": " + text : ": " + text;
  for (char& c : message)
    if (c < ' ' || c > '~') c = '?';
  return message;
}
[[noreturn]] inline void fail(i64 line, const std::string& text) { throw ReadError(at_line(line, text)); }

// Text from the file for a message, cut where long.
inline std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 40)) + "'"; }

// Follows the largest index that faces name, so that indices may come before what they point at.
struct LargestIndex {
  i64 value = -1, place = 0;  // the place is a line or a row, as the reader counts
  void see(i64 index, i64 where) {
    if (index > value) value = index, place = where;
  }
};

// Appends the polygon with these vertices as a fan; nothing below three corners.
void add_polygon(MeshData& mesh, const i64* corners, i64 num_corners);

// Gives concave polygons a triangulation without overlaps; convex ones keep their fan. Ids must be valid.
void triangulate(MeshData& mesh);

// Appends a colour for every triangle from `first_face` on. Faces before, of which none had one, get none.
void add_face_color(MeshData& mesh, i64 first_face, const float color[4]);

// Brings colours to [0, 1]. Text formats do not say whether 1 or 255 is full: 255 where any exceeds 1.
constexpr float kNoAlpha = -1;  // stands for an alpha that the file does not give: opaque
void scale_colors(MeshData& mesh);

MeshData read_obj(std::string_view file);
MeshData read_ply(std::string_view file);
MeshData read_stl(std::string_view file);
MeshData read_off(std::string_view file);

}  // namespace r3d

#endif  // R3D_READERS_READERS_H_
