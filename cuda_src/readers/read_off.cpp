// Object File Format (Geomview): OFF with the prefixes ST, C and N, in ASCII, with the colours of faces.
#include "readers/readers.h"
#include "readers/text_scanner.h"

namespace r3d {
namespace {

class OffReader {
 public:
  explicit OffReader(std::string_view file)
      : file_size_(static_cast<i64>(file.size())),
        text_(file.data(), file.data() + file.size(), '#', false) {}

  MeshData run() {
    header();
    vertices();
    for (i64 face = 0; face < num_faces_; ++face) read_face();
    if (color_indices_)
      mesh_.warnings.push_back(at_line(
          0,
          std::to_string(color_indices_) +
              " faces have colours by their number in a colour map, which are not read; drawn without them"));
    if (short_faces_)
      mesh_.warnings.push_back(at_line(
          0, std::to_string(short_faces_) + " faces have fewer than three corners and were left out"));
    scale_colors(mesh_);
    triangulate(mesh_);
    return std::move(mesh_);
  }

 private:
  // "[ST][C][N]OFF", then the counts, on the same line or the next; ModelNet's files lack the blank before.
  void header() {
    if (!text_.next_words()) fail(0, "is empty; expected an OFF file");
    const std::string_view word = text_.peek();
    const size_t magic = word.find("OFF");
    if (magic != std::string_view::npos) {
      std::string_view prefix = word.substr(0, magic);
      const auto take = [&prefix](std::string_view part) {
        if (prefix.substr(0, part.size()) != part) return false;
        prefix.remove_prefix(part.size());
        return true;
      };
      has_uvs_ = take("ST");
      has_colors_ = take("C");
      has_normals_ = take("N");
      if (!prefix.empty())
        fail(text_.line(),
             quoted(word) + " is not read (of OFF's variants, ST, C and N are); convert the file to PLY");
      for (size_t i = 0; i < magic + 3; ++i) text_.take(word[i]);
      if (text_.peek() == "BINARY")
        fail(text_.line(), "'OFF BINARY' is not read; convert the file to PLY or ASCII OFF");
    }
    if (!text_.next_words() || !count(num_verts_) || !count(num_faces_))
      fail(text_.line(), "needs 'OFF' and the numbers of vertices, faces and edges, found " +
                             quoted(text_.peek()) + "; is it an OFF file?");
    text_.next_line();
    // A vertex takes six bytes at least ("0 0 0\n"), a face two; the last line may lack its end.
    if (num_verts_ > (file_size_ + 1) / 6 || num_faces_ > (file_size_ + 1) / 2)
      fail(
          0,
          "declares " + std::to_string(num_verts_) + " vertices and " + std::to_string(num_faces_) +
              " faces, more than the file can hold; fetch it again, it was cut short or its header is wrong");
  }

  bool count(i64& value) {
    return text_.more_words() && text_.integer_here(value) && text_.at_word_end() && value >= 0;
  }

  void next_row(const char* what) {
    if (!text_.next_words())
      fail(text_.line(),
           std::string("the file ends before its last ") + what + "; fetch it again, it was cut short");
  }

  // A line holds position, normal, colour and texture coordinates, in this order; alpha may be left out.
  void vertices() {
    const bool plain = !has_normals_ && !has_colors_ && !has_uvs_;
    size_t needed = 3 + (has_normals_ ? 3 : 0) + (has_colors_ ? 3 : 0) + (has_uvs_ ? 2 : 0);
    for (i64 row = 0; row < num_verts_; ++row) {
      next_row("vertex");
      if (row == 0 && plain && words_here(7) >= 6) has_colors_ = true, needed = 6;  // the C was forgotten
      double values[12];
      size_t size = 0;
      while (size < needed + (has_colors_ ? 1 : 0) && text_.number(values[size])) ++size;
      if (size < needed)
        fail(text_.line(), "a vertex needs " + std::to_string(needed) + " numbers, found " +
                               quoted(text_.peek()) + "; correct the line");
      const double* p = values;
      mesh_.verts.insert(mesh_.verts.end(), p, p + 3), p += 3;
      if (has_normals_) append(mesh_.normals, p, 3), p += 3;
      if (has_colors_) {
        const int channels = size > needed ? 4 : 3;
        append(mesh_.colors, p, channels), p += channels;
        if (channels == 3) mesh_.colors.push_back(kNoAlpha);
      }
      if (has_uvs_) append(mesh_.uvs, p, 2);
      text_.next_line();
    }
  }

  // How many words this line has, up to a limit.
  int words_here(int most) {
    TextScanner ahead = text_;
    int words = 0;
    while (words < most && !ahead.word().empty()) ++words;
    return words;
  }

  static void append(std::vector<float>& to, const double* values, int count) {
    for (int i = 0; i < count; ++i) to.push_back(static_cast<float>(values[i]));
  }

  void read_face() {
    next_row("face");
    i64 size = 0;
    if (!count(size))
      fail(text_.line(), "a face must begin with its number of corners, found " + quoted(text_.peek()));
    corners_.clear();
    for (i64 i = 0; i < size; ++i) {
      i64 index = 0;
      if (!text_.more_words() || !text_.integer_here(index) || !text_.at_word_end())
        fail(text_.line(), "a face declares " + std::to_string(size) + " corners and has " +
                               std::to_string(i) +
                               "; correct the line, or fetch the file again if it was cut short");
      if (index < 0 || index >= num_verts_)
        fail(text_.line(), "a face names vertex " + std::to_string(index) +
                               ", but the file has the vertices 0 to " + std::to_string(num_verts_ - 1) +
                               "; correct the line");
      corners_.push_back(index);
    }
    if (size < 3) ++short_faces_;
    const i64 first = mesh_.num_faces();
    add_polygon(mesh_, corners_.data(), size);
    read_face_color(first);
    text_.next_line();
  }

  // Behind the corners: nothing, the number of a colour in a map, or red, green, blue and perhaps alpha.
  void read_face_color(i64 first_face) {
    float color[4] = {0, 0, 0, kNoAlpha};
    int size = 0;
    double value;
    while (size < 4 && text_.number(value)) color[size++] = static_cast<float>(value);
    if (size >= 3)
      add_face_color(mesh_, first_face, color);
    else if (size)
      ++color_indices_;
  }

  const i64 file_size_;
  TextScanner text_;
  MeshData mesh_;
  i64 num_verts_ = 0, num_faces_ = 0, short_faces_ = 0, color_indices_ = 0;
  bool has_uvs_ = false, has_colors_ = false, has_normals_ = false;
  std::vector<i64> corners_;
};

}  // namespace

MeshData read_off(std::string_view file) { return OffReader(file).run(); }

}  // namespace r3d
