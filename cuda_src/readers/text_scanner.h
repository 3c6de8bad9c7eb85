// Walks the lines, words and numbers of a text file in memory, without copies and without the locale.
#ifndef R3D_READERS_TEXT_SCANNER_H_
#define R3D_READERS_TEXT_SCANNER_H_

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "math/kernel.h"

namespace r3d {

// Blanks are everything up to the space except the line feed, so a carriage return before it is one.
inline bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' ' && c != '\n'; }

// What C on Windows printed for infinity and not-a-number, cut and "rounded" to the digits asked for, with a
// 1 and a point before it. From the `#` at `q`; null where it is none of them.
inline const char* scan_no_number(const char* q, const char* end, double& value) {
  for (const std::string_view name : {"#INF", "#IND", "#IO", "#J", "#QNAN", "#QNB", "#QO", "#R", "#SNAN"}) {
    if (static_cast<size_t>(end - q) < name.size() || std::string_view(q, name.size()) != name) continue;
    const char* r = q + name.size();
    while (r != end && static_cast<unsigned>(*r - '0') < 10) ++r;
    if (r != end && static_cast<unsigned char>(*r) > ' ') continue;
    value =
        name == "#INF" ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return r;
  }
  return nullptr;
}

// Reads a decimal number at `p` and moves `p` past it; false, and `p` stays, where there is none. Correctly
// rounded: up to 2^53 with a power of ten up to 10^22 both are exact in double, so one operation rounds once
// (Clinger 1990); anything longer goes to std::from_chars.
inline bool scan_number(const char*& p, const char* end, double& value) {
  static const double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* q = p;
  const bool negative = q != end && *q == '-';
  if (q != end && (*q == '-' || *q == '+')) ++q;
  const char* const unsigned_text = q;
  u64 digits = 0;
  const char* const first = q;
  for (; q != end && static_cast<unsigned>(*q - '0') < 10; ++q)
    digits = digits * 10 + static_cast<u64>(*q - '0');
  i64 count = q - first, exponent = 0;
  if (q != end && *q == '.') {
    const char* const fraction = ++q;
    for (; q != end && static_cast<unsigned>(*q - '0') < 10; ++q)
      digits = digits * 10 + static_cast<u64>(*q - '0');
    count += q - fraction;
    exponent = fraction - q;
    const char* const last = q != end && *q == '#' ? scan_no_number(q, end, value) : nullptr;
    if (last) {
      p = last;
      if (negative) value = -value;
      return true;
    }
  }
  bool plain = count > 0 && count < 20;  // fewer than 20 digits fit 64 bits
  if (count > 0 && q != end && (*q == 'e' || *q == 'E')) {
    const char* r = q + 1;
    const bool down = r != end && *r == '-';
    if (r != end && (*r == '-' || *r == '+')) ++r;
    const char* const first_digit = r;
    i64 power = 0;
    for (; r != end && static_cast<unsigned>(*r - '0') < 10; ++r)
      if (power < 100000) power = power * 10 + (*r - '0');
    if (r != first_digit) {
      exponent += down ? -power : power;
      q = r;
    }
  }
  if (plain && digits <= (1ull << 53) && exponent >= -22 && exponent <= 22) {
    const double magnitude = static_cast<double>(digits);
    value = exponent < 0 ? magnitude / kPowers[-exponent] : magnitude * kPowers[exponent];
  } else {
    if (unsigned_text == end || *unsigned_text == '-' || *unsigned_text == '+') return false;
    const std::from_chars_result result = std::from_chars(unsigned_text, end, value);
    if (result.ec == std::errc::invalid_argument) return false;
    if (result.ec == std::errc::result_out_of_range)
      value = exponent + count > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    q = result.ptr;
  }
  if (negative) value = -value;
  p = q;
  return true;
}

class TextScanner {
 public:
  // `comment` starts a comment that ends with its line, 0: there are none. With `continuation`, a backslash
  // at the end of a line joins the next one to it.
  TextScanner(const char* begin, const char* end, char comment, bool continuation, i64 first_line = 1)
      : p_(begin), end_(end), line_(first_line), comment_(comment), continuation_(continuation) {
    if (end - begin >= 3 && std::memcmp(begin, "\xEF\xBB\xBF", 3) == 0) p_ += 3;  // UTF-8's byte order mark
  }

  i64 line() const { return line_; }
  bool at_end() const { return p_ == end_; }
  i64 remaining() const { return end_ - p_; }

  // Moves to the next word of this line; false where the line has no more.
  bool more_words() {
    for (;;) {
      while (p_ != end_ && is_blank(*p_)) ++p_;
      if (p_ == end_ || *p_ == '\n' || (comment_ && *p_ == comment_)) return false;
      if (!continuation_ || *p_ != '\\') return true;
      const char* q = p_ + 1;
      while (q != end_ && is_blank(*q)) ++q;
      if (q == end_ || *q != '\n') return true;
      p_ = q + 1;
      ++line_;
    }
  }

  // The next word of this line, empty where there is none.
  std::string_view word() {
    if (!more_words()) return {};
    const char* const begin = p_;
    while (p_ != end_ && *p_ != '\n' && !is_blank(*p_)) ++p_;
    return {begin, static_cast<size_t>(p_ - begin)};
  }

  // The word that starts here, for messages; cut where it is long.
  std::string_view peek() {
    const char* const begin = p_;
    const std::string_view found = word();
    p_ = begin;
    return found.substr(0, 40);
  }

  // The next word as a number; false, and nothing is consumed, where it is none.
  bool number(double& value) {
    if (!more_words()) return false;
    const char* q = p_;
    if (!scan_number(q, end_, value) || !(q == end_ || *q == '\n' || is_blank(*q) || *q == comment_))
      return false;
    p_ = q;
    return true;
  }

  // An integer at the very place, ended by anything; false, and nothing is consumed, where there is none or
  // it is too large to be an index.
  bool integer_here(i64& value) {
    const char* q = p_;
    const bool negative = q != end_ && *q == '-';
    if (q != end_ && (*q == '-' || *q == '+')) ++q;
    const char* const first = q;
    i64 magnitude = 0;
    for (; q != end_ && static_cast<unsigned>(*q - '0') < 10; ++q) {
      if (q - first >= 18) return false;
      magnitude = magnitude * 10 + (*q - '0');
    }
    if (q == first) return false;
    value = negative ? -magnitude : magnitude;
    p_ = q;
    return true;
  }

  // Whether the text at the very place, comments included, begins so.
  bool at_text(std::string_view text) const {
    return static_cast<size_t>(end_ - p_) >= text.size() && std::string_view(p_, text.size()) == text;
  }

  // Consumes `c` at the very place.
  bool take(char c) {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  bool at_word_end() const { return p_ == end_ || *p_ == '\n' || is_blank(*p_) || *p_ == comment_; }

  // What is left of the line, without blanks around it, comments kept: names may hold their sign.
  std::string_view rest_of_line() {
    while (p_ != end_ && is_blank(*p_)) ++p_;
    const char* const begin = p_;
    const void* const newline = std::memchr(begin, '\n', static_cast<size_t>(end_ - begin));
    p_ = newline ? static_cast<const char*>(newline) : end_;
    const char* last = p_;
    while (last != begin && is_blank(last[-1])) --last;
    return {begin, static_cast<size_t>(last - begin)};
  }

  // Past the end of this line.
  void next_line() {
    const void* const newline = std::memchr(p_, '\n', static_cast<size_t>(end_ - p_));
    p_ = newline ? static_cast<const char*>(newline) + 1 : end_;
    if (newline) ++line_;
  }

  // To the first line, this one included, that has a word left; false where the file ends first.
  bool next_words() {
    while (!more_words()) {
      if (p_ == end_) return false;
      next_line();
    }
    return true;
  }

 private:
  const char* p_;
  const char* const end_;
  i64 line_;
  const char comment_;
  const bool continuation_;
};

}  // namespace r3d

#endif  // R3D_READERS_TEXT_SCANNER_H_
