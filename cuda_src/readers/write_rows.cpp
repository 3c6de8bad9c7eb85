#include <charconv>
#include <cstring>

#include "readers/writers.h"

namespace r3d {
namespace {

// The longest number: a double's 309 digits before the point, sign, point.
constexpr size_t kLongestNumber = 311;
constexpr size_t kBuffer = 1 << 16;

// Collects text in a buffer of fixed size: growing a string by single numbers would cost more than they do.
class Text {
 public:
  explicit Text(int decimals)
      : decimals_(decimals),
        longest_(kLongestNumber + static_cast<size_t>(decimals < 0 ? 0 : decimals)),
        buffer_(kBuffer + longest_) {}

  void append(std::string_view piece) {
    if (used_ + piece.size() > buffer_.size()) flush();
    if (piece.size() > buffer_.size()) {
      text_.append(piece);
      return;
    }
    std::memcpy(buffer_.data() + used_, piece.data(), piece.size());
    used_ += piece.size();
  }

  void append(const Table& table, size_t index) {
    if (used_ + longest_ > buffer_.size()) flush();
    char* const begin = buffer_.data() + used_;
    char* const end = begin + longest_;
    switch (table.type) {
      case Table::kFloat:
        used_ += write(begin, end, static_cast<const float*>(table.data)[index]);
        break;
      case Table::kDouble:
        used_ += write(begin, end, static_cast<const double*>(table.data)[index]);
        break;
      case Table::kInteger:
        used_ += static_cast<size_t>(
            std::to_chars(begin, end, static_cast<const i64*>(table.data)[index]).ptr - begin);
        break;
    }
  }

  std::string take() {
    flush();
    return std::move(text_);
  }

 private:
  template <class Real>
  size_t write(char* begin, char* end, Real value) const {
    const auto result = decimals_ < 0 ? std::to_chars(begin, end, value)
                                      : std::to_chars(begin, end, value, std::chars_format::fixed, decimals_);
    return static_cast<size_t>(result.ptr - begin);
  }

  void flush() {
    text_.append(buffer_.data(), used_);
    used_ = 0;
  }

  const int decimals_;
  const size_t longest_;
  std::vector<char> buffer_;
  size_t used_ = 0;
  std::string text_;
};

}  // namespace

std::string format_rows(std::string_view pattern, const std::vector<Table>& tables, size_t rows,
                        int decimals) {
  std::vector<std::string_view> pieces;  // what stands before each number, and after the last
  for (size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = pattern.find('%', begin);
    pieces.push_back(pattern.substr(begin, end == std::string_view::npos ? end : end - begin));
  }
  Text text(decimals);
  for (size_t row = 0; row < rows; ++row) {
    size_t piece = 0;
    for (const Table& table : tables)
      for (size_t i = 0; i < table.width; ++i) {
        text.append(pieces[piece++]);
        text.append(table, row * table.width + i);
      }
    text.append(pieces.back());
  }
  return text.take();
}

}  // namespace r3d
