// Wavefront OBJ: vertices, normals, texture coordinates, polygons and the names of materials. Curves,
// surfaces, points and lines are counted for a warning; groups and smoothing groups are passed over.
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "readers/readers.h"
#include "readers/text_scanner.h"

namespace r3d {
namespace {

// Statements of things that a picture will lack, and what they are.
struct NotDrawn {
  std::string_view keyword, what;
};
constexpr std::array<NotDrawn, 11> kNotDrawn = {{
    {"l", "lines (l)"},
    {"p", "points (p)"},
    {"curv", "curves (curv)"},
    {"surf", "surfaces (surf)"},
    {"bzp", "patches (bzp)"},
    {"bsp", "patches (bsp)"},
    {"cdc", "curves (cdc)"},
    {"usemap", "texture maps (usemap)"},
    {"call", "other files (call)"},
    {"shadow_obj", "shadows (shadow_obj)"},
    {"trace_obj", "reflections (trace_obj)"},
}};

class ObjReader {
 public:
  explicit ObjReader(std::string_view file) : text_(file.data(), file.data() + file.size(), '#', true) {}

  MeshData run() {
    for (; !text_.at_end(); text_.next_line()) {
      if (text_.at_text("#MRGB ")) {
        polypaint(text_.rest_of_line().substr(6));
        continue;
      }
      std::string_view keyword = text_.word();
      if (!keyword.empty() && keyword[0] >= 'A' && keyword[0] <= 'Z') keyword = lower(keyword);
      if (keyword == "v")
        vertex();
      else if (keyword == "f" || keyword == "fo")  // fo: the old name of f
        face();
      else if (keyword == "vn")
        normal();
      else if (keyword == "vt")
        texture_vertex();
      else if (keyword == "usemtl")
        use_material();
      else if (keyword == "mtllib")
        mesh_.libraries.emplace_back(text_.line(), text_.rest_of_line());
      else
        other(keyword);
    }
    finish();
    return std::move(mesh_);
  }

 private:
  // Some exporters write keywords in capitals.
  std::string_view lower(std::string_view keyword) {
    lowered_.assign(keyword.substr(0, 12));
    for (char& c : lowered_)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lowered_;
  }

  void other(std::string_view keyword) {
    for (size_t i = 0; i < kNotDrawn.size(); ++i)
      if (keyword == kNotDrawn[i].keyword && not_drawn_[i]++ == 0 && first_not_drawn_ == 0)
        first_not_drawn_ = text_.line();
  }

  // Reads up to `most` numbers, at least `least`.
  int numbers(double* values, int least, int most, const char* statement) {
    int count = 0;
    while (count < most && text_.number(values[count])) ++count;
    if (count >= least) return count;
    const std::string_view found = text_.peek();
    fail(text_.line(), std::string("'") + statement + "' needs " + std::to_string(least) + " numbers, got " +
                           (found.empty() ? std::to_string(count) : quoted(found)) +
                           "; correct the line or export the mesh again");
  }

  void vertex() {
    double values[7];
    const int count = numbers(values, 3, 7, "v");
    mesh_.verts.insert(mesh_.verts.end(), values, values + 3);
    const bool colored = count >= 6;  // x y z r g b [a], as MeshLab and ZBrush's readers write it; 4: x y z w
    if (colored && mesh_.colors.empty())
      mesh_.colors.resize(static_cast<size_t>(mesh_.num_verts() - 1) * 4, 1.0f);
    if (colored)
      for (int i = 3; i < 7; ++i)
        mesh_.colors.push_back(i < count ? static_cast<float>(values[i]) : kNoAlpha);
    else if (!mesh_.colors.empty())
      mesh_.colors.insert(mesh_.colors.end(), 4, 1.0f);
  }

  // ZBrush's colours of vertices, in a comment: eight hexadecimal digits each, mask, red, green and blue.
  void polypaint(std::string_view digits) {
    if (polypaint_.empty()) first_polypaint_ = text_.line();
    for (; digits.size() >= 8; digits.remove_prefix(8)) {
      for (size_t i = 2; i < 8; i += 2) {
        int code = 0;
        const std::from_chars_result result = std::from_chars(&digits[i], &digits[i] + 2, code, 16);
        if (result.ec != std::errc() || result.ptr != &digits[i] + 2) return;  // only another comment
        polypaint_.push_back(static_cast<float>(code) / 255.0f);
      }
      polypaint_.push_back(1.0f);
    }
  }

  void add_polypaint() {
    if (!mesh_.colors.empty()) return;  // the file has them in both ways
    if (polypaint_.size() == static_cast<size_t>(mesh_.num_verts()) * 4)
      mesh_.colors = std::move(polypaint_);
    else
      mesh_.warnings.push_back(at_line(
          first_polypaint_, "ZBrush's colours (MRGB) are " + std::to_string(polypaint_.size() / 4) + " for " +
                                std::to_string(mesh_.num_verts()) + " vertices and were left out"));
  }

  void normal() {
    double values[3];
    numbers(values, 3, 3, "vn");
    for (const double value : values) mesh_.normals.push_back(static_cast<float>(value));
  }

  void texture_vertex() {
    double values[2] = {0, 0};
    numbers(values, 1, 2, "vt");
    for (const double value : values) mesh_.uvs.push_back(static_cast<float>(value));
    if (!(std::isfinite(values[0]) && std::isfinite(values[1])) && wild_uvs_++ == 0)
      first_wild_uv_ = text_.line();
  }

  void use_material() {
    const std::string name(text_.rest_of_line());
    const auto [entry, is_new] = material_ids_.emplace(name, static_cast<i32>(mesh_.materials.size()));
    if (is_new) mesh_.materials.push_back(name);
    material_ = entry->second;
  }

  // An index at the scanner's place, from 0: counted from 1 in the file, negative ones from the end of what
  // has been read so far.
  i64 index(i64 count, const char* what) {
    i64 value = 0;
    if (!text_.integer_here(value))
      fail(text_.line(), "a face has " + quoted(text_.peek()) + " where the number of a " + what +
                             " belongs; correct the line or export the mesh again");
    if (value == 0)
      fail(text_.line(), "a face names " + std::string(what) +
                             " 0, but they are counted from 1; correct the line or export the mesh again");
    if (value > 0) return value - 1;
    if (value < -count)
      fail(text_.line(), "a face names " + std::string(what) + " " + std::to_string(value) + ", but only " +
                             std::to_string(count) +
                             " come before it; correct the line or export the mesh again");
    return count + value;
  }

  void face() {
    corners_.clear(), corner_uvs_.clear(), corner_normals_.clear();
    bool any_uv = false, any_normal = false;
    while (text_.more_words()) {
      const i64 line = text_.line();
      i64 uv = -1, normal = -1;
      const i64 vertex = index(mesh_.num_verts(), "vertex");
      if (text_.take('/')) {
        if (!text_.at_word_end() && !text_.take('/')) {
          uv = index(static_cast<i64>(mesh_.uvs.size() / 2), "texture coordinate");
          if (text_.take('/') && !text_.at_word_end()) normal = index(num_normals(), "normal");
        } else if (!text_.at_word_end()) {
          normal = index(num_normals(), "normal");
        }
      }
      if (!text_.at_word_end())
        fail(text_.line(), "a face's corner must be v, v/vt, v//vn or v/vt/vn, found " +
                               quoted(text_.peek()) + " in it; correct the line or export the mesh again");
      largest_vertex_.see(vertex, line);
      largest_uv_.see(uv, line);
      largest_normal_.see(normal, line);
      any_uv |= uv >= 0;
      any_normal |= normal >= 0;
      corners_.push_back(vertex);
      corner_uvs_.push_back(uv);
      corner_normals_.push_back(normal);
    }
    const i64 size = static_cast<i64>(corners_.size());
    if (size < 3) {
      if (short_faces_++ == 0) first_short_face_ = text_.line();
      return;
    }
    const size_t faces_before = mesh_.faces.size();
    add_polygon(mesh_, corners_.data(), size);
    add_ids(mesh_.faces_uvs, corner_uvs_, any_uv, faces_before);
    add_ids(mesh_.faces_normals, corner_normals_, any_normal, faces_before);
    if (material_ >= 0 && mesh_.faces_material.empty()) mesh_.faces_material.resize(faces_before / 3, -1);
    if (material_ >= 0)
      mesh_.faces_material.insert(mesh_.faces_material.end(), static_cast<size_t>(size - 2), material_);
  }

  // The polygon's texture coordinates or normals beside its fan; the array starts with the first face that
  // has any.
  static void add_ids(std::vector<i64>& ids, const std::vector<i64>& corners, bool any, size_t faces_before) {
    if (ids.empty() && !any) return;
    if (ids.empty()) ids.resize(faces_before, -1);
    for (size_t i = 2; i < corners.size(); ++i)
      ids.insert(ids.end(), {corners[0], corners[i - 1], corners[i]});
  }

  i64 num_normals() const { return static_cast<i64>(mesh_.normals.size() / 3); }

  void finish() {
    if (largest_vertex_.value >= mesh_.num_verts())
      fail(largest_vertex_.place, "a face names vertex " + std::to_string(largest_vertex_.value + 1) +
                                      ", but the file has " + std::to_string(mesh_.num_verts()) +
                                      "; correct the line, or fetch the file again if it was cut short");
    if (mesh_.verts.empty()) fail(0, "holds no vertices ('v' lines); is it a Wavefront OBJ file?");
    drop_missing(mesh_.faces_uvs, static_cast<i64>(mesh_.uvs.size() / 2), largest_uv_, "texture coordinate");
    drop_missing(mesh_.faces_normals, num_normals(), largest_normal_, "normal");
    if (wild_uvs_) drop_wild_uvs();
    if (mesh_.faces_uvs.empty()) mesh_.uvs.clear();
    if (mesh_.faces_normals.empty()) mesh_.normals.clear();
    if (short_faces_)
      mesh_.warnings.push_back(
          at_line(first_short_face_, std::to_string(short_faces_) +
                                         " faces have fewer than three corners (this is the "
                                         "first) and were left out"));
    if (first_not_drawn_) warn_of_not_drawn();
    if (!polypaint_.empty()) add_polypaint();
    scale_colors(mesh_);
    triangulate(mesh_);
  }

  void warn_of_not_drawn() {
    std::string text;
    for (size_t i = 0; i < kNotDrawn.size(); ++i)
      if (not_drawn_[i])
        text +=
            (text.empty() ? "" : ", ") + std::to_string(not_drawn_[i]) + " " + std::string(kNotDrawn[i].what);
    mesh_.not_drawn.push_back(
        at_line(first_not_drawn_, text + " are not drawn (this is the first); only polygons are"));
  }

  void drop_wild_uvs() {
    for (i64& id : mesh_.faces_uvs)
      if (id >= 0 && !(std::isfinite(mesh_.uvs[2 * id]) && std::isfinite(mesh_.uvs[2 * id + 1]))) id = -1;
    mesh_.warnings.push_back(
        at_line(first_wild_uv_,
                std::to_string(wild_uvs_) +
                    " texture coordinates are not finite (this is the first); such corners go without"));
  }

  // Exporters write 1/1/1 although the file has no texture coordinates: a blemish, where a missing vertex is
  // an error.
  void drop_missing(std::vector<i64>& ids, i64 count, const LargestIndex& largest, const char* what) {
    if (largest.value < count) return;
    mesh_.warnings.push_back(at_line(
        largest.place, "a face names " + std::string(what) + " " + std::to_string(largest.value + 1) +
                           ", but the file has " + std::to_string(count) + "; such corners go without"));
    for (i64& id : ids)
      if (id >= count) id = -1;
    if (count == 0) ids.clear();
  }

  TextScanner text_;
  MeshData mesh_;
  std::unordered_map<std::string, i32> material_ids_;
  i32 material_ = -1;
  std::vector<i64> corners_, corner_uvs_, corner_normals_;  // of the face being read
  LargestIndex largest_vertex_, largest_uv_, largest_normal_;
  i64 short_faces_ = 0, first_short_face_ = 0;
  std::vector<float> polypaint_;  // (V, 4)
  i64 first_polypaint_ = 0;
  i64 wild_uvs_ = 0, first_wild_uv_ = 0;
  std::array<i64, kNotDrawn.size()> not_drawn_ = {};
  i64 first_not_drawn_ = 0;
  std::string lowered_;
};

}  // namespace

MeshData read_obj(std::string_view file) { return ObjReader(file).run(); }

}  // namespace r3d
