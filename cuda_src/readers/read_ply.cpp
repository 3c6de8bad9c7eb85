// PLY (Turk 1994): ASCII and binary of both byte orders, properties of any type in any order, polygons,
// triangle strips, vertex colours, normals and texture coordinates, colours and texture coordinates of faces.
// Other elements and properties are passed over.
#include <array>

#include "readers/readers.h"
#include "readers/text_scanner.h"

namespace r3d {
namespace {

enum class Type { i8, u8, i16, u16, i32, u32, f32, f64 };

struct Property {
  std::string name;
  Type type;
  bool is_list;
  Type count_type;
};

struct Element {
  std::string name;
  i64 count;
  std::vector<Property> properties;
};

struct Header {
  enum { ascii, little_endian, big_endian } format = ascii;
  std::vector<Element> elements;
  std::vector<std::string> textures;
  size_t size = 0;  // bytes
  i64 lines = 0;
  bool carriage_returns = false;  // lines end with a lone CR
};

i64 size_of(Type type) {
  switch (type) {
    case Type::i8:
    case Type::u8:
      return 1;
    case Type::i16:
    case Type::u16:
      return 2;
    case Type::i32:
    case Type::u32:
    case Type::f32:
      return 4;
    case Type::f64:
      return 8;
  }
  return 0;
}

bool is_floating(Type type) { return type == Type::f32 || type == Type::f64; }

Type parse_type(std::string_view name, i64 line) {
  static const std::pair<const char*, Type> kNames[] = {
      {"char", Type::i8},   {"int8", Type::i8},     {"uchar", Type::u8},   {"uint8", Type::u8},
      {"short", Type::i16}, {"int16", Type::i16},   {"ushort", Type::u16}, {"uint16", Type::u16},
      {"int", Type::i32},   {"int32", Type::i32},   {"uint", Type::u32},   {"uint32", Type::u32},
      {"float", Type::f32}, {"float32", Type::f32}, {"double", Type::f64}, {"float64", Type::f64}};
  for (const auto& [known, type] : kNames)
    if (name == known) return type;
  fail(line, quoted(name) + " is not a PLY type; use char, uchar, short, ushort, int, uint, float or double");
}

Header read_header(std::string_view file) {
  if (file.substr(0, 3) != "ply" || file.size() < 4 || (file[3] != '\n' && file[3] != '\r' && file[3] != ' '))
    fail(1, "does not begin with 'ply'; is it a PLY file?");
  Header header;
  const size_t newline = file.find('\n'), carriage_return = file.find('\r');
  header.carriage_returns = carriage_return < newline && carriage_return + 1 != newline;
  const char line_end = header.carriage_returns ? '\r' : '\n';
  bool has_format = false;
  for (;;) {
    const size_t end = file.find(line_end, header.size);
    const i64 line = ++header.lines;
    if (end == std::string_view::npos)
      fail(line, "the header has no 'end_header' line; fetch the file again if it was cut short");
    const char* const begin = file.data() + header.size;
    header.size = end + 1;
    TextScanner text(begin, file.data() + end, 0, false, line);
    const std::string_view keyword = text.word();
    if (keyword == "end_header") break;
    if (keyword == "format") {
      const std::string_view format = text.word();
      has_format = true;
      if (format == "ascii")
        header.format = Header::ascii;
      else if (format == "binary_little_endian")
        header.format = Header::little_endian;
      else if (format == "binary_big_endian")
        header.format = Header::big_endian;
      else
        fail(line,
             quoted(format) + " is not a PLY format; use ascii, binary_little_endian or binary_big_endian");
    } else if (keyword == "comment") {
      if (text.word() == "TextureFile") header.textures.emplace_back(text.rest_of_line());
    } else if (keyword == "element") {
      Element element;
      element.name = text.word();
      if (element.name.empty() || !text.more_words() || !text.integer_here(element.count) ||
          !text.at_word_end() || element.count < 0)
        fail(line, "an element needs a name and a count, such as 'element vertex 8'; correct the header");
      header.elements.push_back(std::move(element));
    } else if (keyword == "property") {
      if (header.elements.empty()) fail(line, "a property comes before any element; correct the header");
      Property property{};
      std::string_view type = text.word();
      property.is_list = type == "list";
      if (property.is_list) {
        property.count_type = parse_type(text.word(), line);
        if (is_floating(property.count_type))
          fail(line, "the count of a list must have an integer type; correct the header");
        type = text.word();
      }
      property.type = parse_type(type, line);
      property.name = text.word();
      if (property.name.empty()) fail(line, "a property has no name; correct the header");
      header.elements.back().properties.push_back(std::move(property));
    } else if (!keyword.empty() && keyword != "ply" && keyword != "obj_info") {
      fail(line, quoted(keyword) + " is not a PLY header keyword; correct the header");
    }
  }
  if (!has_format) fail(0, "the header has no 'format' line; add one, such as 'format ascii 1.0'");
  return header;
}

// Values of a binary body. Rows are counted from 0 within their element, for messages.
template <bool kSwap>
class BinaryBody {
 public:
  BinaryBody(std::string_view body, i64) : p_(body.data()), end_(body.data() + body.size()) {}

  i64 place() const { return row_; }
  i64 remaining() const { return end_ - p_; }
  void begin_element(const Element& element) { element_ = &element, row_ = -1; }
  void begin_row() { ++row_; }
  void end_row() {}
  void warn(std::vector<std::string>&) const {}

  // The fewest bytes that a row takes.
  static i64 least_row(const Element& element) {
    i64 bytes = 0;
    for (const Property& property : element.properties)
      bytes += size_of(property.is_list ? property.count_type : property.type);
    return bytes;
  }

  double number(const Property&, Type type) {
    switch (type) {
      case Type::i8:
        return load<i8>();
      case Type::u8:
        return load<u8>();
      case Type::i16:
        return load<short>();
      case Type::u16:
        return load<u16>();
      case Type::i32:
        return load<i32>();
      case Type::u32:
        return load<u32>();
      case Type::f32:
        return static_cast<double>(load<float>());
      case Type::f64:
        return load<double>();
    }
    return 0;
  }

  void skip(const Property&, Type type, i64 count) {
    const i64 size = size_of(type);
    if (count > remaining() / size) end_of_file();
    p_ += count * size;
  }

  [[noreturn]] void fail_here(const std::string& text) const {
    fail(0, element_->name + " " + std::to_string(row_) + ": " + text);
  }

 private:
  template <class T>
  T load() {
    if (remaining() < static_cast<i64>(sizeof(T))) end_of_file();
    unsigned char bytes[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i)
      bytes[kSwap ? sizeof(T) - 1 - i : i] = static_cast<unsigned char>(p_[i]);
    p_ += sizeof(T);
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }

  [[noreturn]] void end_of_file() const { fail_here("the file ends here; fetch it again, it was cut short"); }

  const char* p_;
  const char* const end_;
  const Element* element_ = nullptr;
  i64 row_ = -1;
};

// Values of an ASCII body: a row a line.
class AsciiBody {
 public:
  AsciiBody(std::string_view body, i64 header_lines)
      : text_(body.data(), body.data() + body.size(), 0, false, header_lines + 1) {}

  i64 place() const { return text_.line(); }
  i64 remaining() const { return text_.remaining() + 1; }  // the last line may lack its end
  void begin_element(const Element& element) { element_ = &element; }
  void begin_row() {
    if (!text_.next_words())
      fail(text_.line(),
           "the file ends before the last " + element_->name + "; fetch it again, it was cut short");
  }
  // Some writers put more into a row than their header declares; what it declares stands first.
  void end_row() {
    if (text_.more_words() && !longer_rows_++)
      warning_ = at_line(text_.line(), "this " + element_->name +
                                           " has more values than the header declares, "
                                           "from " +
                                           quoted(text_.peek()) + " on");
    text_.next_line();
  }

  void warn(std::vector<std::string>& warnings) const {
    if (longer_rows_)
      warnings.push_back(warning_ + "; " + std::to_string(longer_rows_) + " such rows are read without them");
  }

  static i64 least_row(const Element& element) { return 2 * static_cast<i64>(element.properties.size()); }

  double number(const Property& property, Type) {
    double value;
    if (!text_.number(value)) {
      const std::string_view found = text_.peek();
      fail_here("has " + (found.empty() ? "nothing" : quoted(found)) + " where the number '" + property.name +
                "' belongs; correct the file");
    }
    return value;
  }

  void skip(const Property& property, Type type, i64 count) {
    for (i64 i = 0; i < count; ++i) number(property, type);
  }

  [[noreturn]] void fail_here(const std::string& text) const {
    fail(text_.line(), "this " + element_->name + " " + text);
  }

 private:
  TextScanner text_;
  const Element* element_ = nullptr;
  i64 longer_rows_ = 0;
  std::string warning_;  // of the first
};

// Where a vertex property goes.
enum Slot { kX, kY, kZ, kNx, kNy, kNz, kRed, kGreen, kBlue, kAlpha, kU, kV, kNumSlots, kNowhere = -1 };

int slot_of(const std::string& name) {
  static const std::pair<const char*, int> kNames[] = {{"x", kX},
                                                       {"y", kY},
                                                       {"z", kZ},
                                                       {"nx", kNx},
                                                       {"ny", kNy},
                                                       {"nz", kNz},
                                                       {"red", kRed},
                                                       {"green", kGreen},
                                                       {"blue", kBlue},
                                                       {"alpha", kAlpha},
                                                       {"r", kRed},
                                                       {"g", kGreen},
                                                       {"b", kBlue},
                                                       {"a", kAlpha},
                                                       {"diffuse_red", kRed},
                                                       {"diffuse_green", kGreen},
                                                       {"diffuse_blue", kBlue},
                                                       {"diffuse_alpha", kAlpha},
                                                       {"s", kU},
                                                       {"t", kV},
                                                       {"u", kU},
                                                       {"v", kV},
                                                       {"texture_u", kU},
                                                       {"texture_v", kV},
                                                       {"texture_s", kU},
                                                       {"texture_t", kV}};
  for (const auto& [known, slot] : kNames)
    if (name == known) return slot;
  return kNowhere;
}

// Names of a face's list of texture coordinates, two a corner. MeshLab's is texcoord.
bool is_texcoord(const std::string& name) {
  return name == "texcoord" || name == "texcoords" || name == "t" || name == "uv" || name == "st";
}

// Integers hold colours in units of their largest value; int and uint are met with bytes in them.
double color_scale(Type type) {
  if (is_floating(type)) return 1;
  return type == Type::u16 || type == Type::i16 ? 1.0 / 65535 : 1.0 / 255;
}

template <class Body>
class PlyReader {
 public:
  PlyReader(std::string_view body, const Header& header) : header_(header), body_(body, header.lines) {}

  MeshData run() {
    bool has_vertices = false;
    for (const Element& element : header_.elements) {
      body_.begin_element(element);
      const i64 least = Body::least_row(element);
      if (least == 0) continue;
      if (element.count > body_.remaining() / least)
        fail(0, "the header declares " + std::to_string(element.count) + " of '" + element.name +
                    "', more than the rest of the file can hold; fetch it again, it was cut short or its "
                    "header is wrong");
      if (element.name == "vertex" && !has_vertices) {
        vertices(element);
        has_vertices = true;
      } else if (element.name == "face") {
        rows(element, [this] { face(); });
      } else if (element.name == "tristrips") {
        rows(element, [this] { strips(); });
      } else {
        rows(element, [] {});
      }
    }
    if (!has_vertices)
      fail(0, "the header declares no 'vertex' element with properties; is the file complete?");
    finish();
    return std::move(mesh_);
  }

 private:
  void vertices(const Element& element) {
    bool has[kNumSlots] = {};
    std::vector<int> slots;
    std::vector<double> scales;
    for (const Property& property : element.properties) {
      const int slot = property.is_list ? kNowhere : slot_of(property.name);
      slots.push_back(slot);
      scales.push_back(slot >= kRed && slot <= kAlpha ? color_scale(property.type) : 1);
      if (slot != kNowhere) has[slot] = true;
    }
    if (!(has[kX] && has[kY] && has[kZ]))
      fail(0, "the element 'vertex' lacks a property x, y or z; correct the header");
    const bool normals = has[kNx] && has[kNy] && has[kNz], colors = has[kRed] && has[kGreen] && has[kBlue];
    const bool uvs = has[kU] && has[kV];
    std::array<double, kNumSlots> values{};
    values[kAlpha] = kNoAlpha;
    for (i64 row = 0; row < element.count; ++row) {
      body_.begin_row();
      for (size_t i = 0; i < slots.size(); ++i) {
        const Property& property = element.properties[i];
        if (property.is_list)
          body_.skip(property, property.type, list_count(property));
        else if (slots[i] == kNowhere)
          body_.skip(property, property.type, 1);
        else
          values[static_cast<size_t>(slots[i])] = body_.number(property, property.type) * scales[i];
      }
      body_.end_row();
      mesh_.verts.insert(mesh_.verts.end(), {values[kX], values[kY], values[kZ]});
      if (normals) append(mesh_.normals, values, kNx, kNz);
      if (colors) append(mesh_.colors, values, kRed, kAlpha);
      if (uvs) append(mesh_.uvs, values, kU, kV);
    }
  }

  static void append(std::vector<float>& to, const std::array<double, kNumSlots>& values, int first,
                     int last) {
    for (int slot = first; slot <= last; ++slot)
      to.push_back(static_cast<float>(values[static_cast<size_t>(slot)]));
  }

  i64 list_count(const Property& property) {
    const double count = body_.number(property, property.count_type);
    if (!(count >= 0 && count <= 4294967295.0) || count != std::floor(count))
      body_.fail_here("has a list '" + property.name + "' whose length is not a count; correct the file");
    return static_cast<i64>(count);
  }

  // Reads the rows of an element of faces or strips: the lists that matter into indices_ and uvs_, then
  // `use`.
  template <class Use>
  void rows(const Element& element, const Use& use) {
    for (i64 row = 0; row < element.count; ++row) {
      body_.begin_row();
      indices_.clear();
      uvs_.clear();
      texture_ = 0;
      color_ = kNoFaceColor;
      for (const Property& property : element.properties) {
        const i64 count = property.is_list ? list_count(property) : 1;
        const int slot = property.is_list ? kNowhere : slot_of(property.name);
        if (property.is_list && (property.name == "vertex_indices" || property.name == "vertex_index"))
          for (i64 i = 0; i < count; ++i) indices_.push_back(index(property));
        else if (property.is_list && is_floating(property.type) && is_texcoord(property.name))
          for (i64 i = 0; i < count; ++i)
            uvs_.push_back(static_cast<float>(body_.number(property, property.type)));
        else if (!property.is_list && property.name == "texnumber")
          texture_ = body_.number(property, property.type);
        else if (slot >= kRed && slot <= kAlpha)
          color_[static_cast<size_t>(slot - kRed)] =
              static_cast<float>(body_.number(property, property.type) * color_scale(property.type));
        else
          body_.skip(property, property.type, count);
      }
      use();
      body_.end_row();
    }
  }

  i64 index(const Property& property) {
    const double value = body_.number(property, property.type);
    if (!(std::fabs(value) < 9007199254740992.0) || value != std::floor(value))
      body_.fail_here("names a vertex by something that is not an integer; correct the file");
    return static_cast<i64>(value);
  }

  void see(i64 index) {
    if (index < 0)
      body_.fail_here("names vertex " + std::to_string(index) + "; the first vertex is 0, correct the file");
    largest_.see(index, body_.place());
  }

  void face() {
    for (const i64 index : indices_) see(index);
    const size_t size = indices_.size(), faces_before = mesh_.faces.size();
    if (size < 3) {
      ++short_faces_;
      return;
    }
    add_polygon(mesh_, indices_.data(), static_cast<i64>(size));
    add_color(faces_before / 3);
    const bool has_uvs = uvs_.size() == 2 * size;
    if (has_uvs || !mesh_.faces_uvs.empty()) {
      if (mesh_.faces_uvs.empty()) mesh_.faces_uvs.resize(faces_before, -1);
      const i64 first = static_cast<i64>(corner_uvs_.size() / 2);
      for (i64 i = 2; i < static_cast<i64>(size); ++i)
        for (const i64 corner : {i64{0}, i - 1, i}) mesh_.faces_uvs.push_back(has_uvs ? first + corner : -1);
      if (has_uvs) corner_uvs_.insert(corner_uvs_.end(), uvs_.begin(), uvs_.end());
    }
    if (!header_.textures.empty()) {
      const bool known = texture_ >= 0 && texture_ < static_cast<double>(header_.textures.size());
      mesh_.faces_material.resize(mesh_.faces.size() / 3, known ? static_cast<i32>(texture_) : -1);
    }
  }

  // Of the row being read, for its triangles.
  void add_color(size_t first_face) {
    if (color_[0] >= 0 && color_[1] >= 0 && color_[2] >= 0)
      add_face_color(mesh_, static_cast<i64>(first_face), color_.data());
  }

  // Triangle strips: each index after the second makes a triangle with the two before it, every other one
  // turned round; -1 starts a new strip; repeated indices only join strips.
  void strips() {
    i64 a = -1, b = -1;
    bool turned = false;
    for (const i64 c : indices_) {
      if (c == -1) {
        a = b = -1;
        continue;
      }
      see(c);
      if (a >= 0 && a != b && b != c && c != a)
        mesh_.faces.insert(mesh_.faces.end(), {turned ? b : a, turned ? a : b, c});
      turned = a >= 0 && !turned;
      a = b;
      b = c;
    }
    if (!header_.textures.empty()) mesh_.faces_material.resize(mesh_.faces.size() / 3, 0);
  }

  void finish() {
    if (largest_.value >= mesh_.num_verts()) {
      const std::string text = "names vertex " + std::to_string(largest_.value) + ", but the file has " +
                               std::to_string(mesh_.num_verts()) +
                               "; correct it, or fetch the file again if it was cut short";
      if (header_.format == Header::ascii) fail(largest_.place, "a face " + text);
      fail(0, "face " + std::to_string(largest_.place) + " " + text);
    }
    if (!mesh_.faces_uvs.empty()) {
      mesh_.uvs = std::move(corner_uvs_);
      mesh_.faces_uvs.resize(mesh_.faces.size(), -1);
    }
    mesh_.textures = header_.textures;
    if (short_faces_)
      mesh_.warnings.push_back(at_line(
          0, std::to_string(short_faces_) + " faces have fewer than three corners and were left out"));
    body_.warn(mesh_.warnings);
    scale_colors(mesh_);
    triangulate(mesh_);
  }

  const Header& header_;
  Body body_;
  MeshData mesh_;
  std::vector<i64> indices_;             // of the row being read
  std::vector<float> uvs_, corner_uvs_;  // of the row being read; of all faces
  double texture_ = 0;
  static constexpr std::array<float, 4> kNoFaceColor = {-1, -1, -1, kNoAlpha};
  std::array<float, 4> color_ = kNoFaceColor;  // of the row being read
  LargestIndex largest_;
  i64 short_faces_ = 0;
};

}  // namespace

MeshData read_ply(std::string_view file) {
  const Header header = read_header(file);
  const std::string_view body = file.substr(header.size);
  if (header.format == Header::little_endian) return PlyReader<BinaryBody<false>>(body, header).run();
  if (header.format == Header::big_endian) return PlyReader<BinaryBody<true>>(body, header).run();
  if (!header.carriage_returns) return PlyReader<AsciiBody>(body, header).run();
  std::string lines(body);
  for (char& c : lines)
    if (c == '\r') c = '\n';
  return PlyReader<AsciiBody>(lines, header).run();
}

}  // namespace r3d
