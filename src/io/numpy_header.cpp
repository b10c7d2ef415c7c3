#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "core/quote.h"
#include "io/numpy.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

// The header is the text of a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (3,
// 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const Origin& origin) : text_(text), origin_(origin) {}

  NpyHeader parse() {
    NpyHeader h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        const char c = peek();
        h.descr = c == '[' || c == '(' ? nested() : quoted();
        descr = true;
      } else if (key == "fortran_order") {
        h.fortran = boolean();
        order = true;
      } else if (key == "shape") {
        h.sizes = tuple();
        shape = true;
      } else {
        broken();
      }
      if (!accept(',') && peek() != '}') broken();
    }
    if (!descr || !order || !shape) broken();
    return h;
  }

 private:
  [[noreturn]] void broken() const {
    fail("load: {}: '{}': the npy header is broken: {}", origin_.file, escaped(origin_.name),
         escaped(text_, 200));
  }
  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) broken();
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') broken();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos) broken();
    std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }
  // A list or tuple as it stands.
  std::string nested() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      const char c = peek();
      if (c == '\0') broken();
      if (c == '\'' || c == '"') {
        quoted();
        continue;
      }
      if (c == '[' || c == '(') ++depth;
      if (c == ']' || c == ')') --depth;
      ++at_;
    } while (depth > 0);
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    broken();
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> out;
    expect('(');
    while (!accept(')')) {
      peek();
      const char* begin = text_.data() + at_;
      const auto [end, error] =
          std::from_chars(begin, text_.data() + text_.size(), out.emplace_back());
      if (error != std::errc()) broken();
      at_ += static_cast<std::size_t>(end - begin);
      accept('L');  // written by Python 2
      if (!accept(',') && peek() != ')') broken();
    }
    return out;
  }

  std::string_view text_;
  const Origin& origin_;
  std::size_t at_ = 0;
};

// "<f4" -> "F32"; empty for what Lilith cannot hold.
std::string type_of(const std::string& descr) {
  constexpr std::pair<const char*, const char*> kTypes[] = {
      {"b1", "BOOL"}, {"u1", "U8"},  {"i1", "I8"},  {"i2", "I16"}, {"u2", "U16"}, {"f2", "F16"},
      {"i4", "I32"},  {"u4", "U32"}, {"f4", "F32"}, {"i8", "I64"}, {"u8", "U64"}, {"f8", "F64"}};
  if (descr.size() != 3 || !std::strchr("<>|=", descr[0])) return "";
  for (const auto& [code, type] : kTypes)
    if (descr.substr(1) == code) return type;
  return "";
}

std::string reason_against(const std::string& descr) {
  const std::string shown = escaped(descr);
  if (descr.starts_with('[')) return fmt::format("is an array of records, {}", shown);
  if (descr.starts_with('(')) return fmt::format("is an array of arrays, {}", shown);
  const char kind = descr.size() > 1 && std::strchr("<>|=", descr[0]) ? descr[1] : descr[0];
  switch (kind) {
    case 'O':
      return "is an array of Python objects, which would have to be run to be read";
    case 'U':
    case 'S':
    case 'a':
      return fmt::format("is an array of texts ('{}'), which no dtype of Lilith can hold", shown);
    case 'M':
    case 'm':
      return fmt::format("is an array of dates or times ('{}'), which no dtype of Lilith can hold",
                         shown);
    case 'c':
      return fmt::format("is complex ('{}'), which no dtype of Lilith can hold", shown);
    case 'f':
      return fmt::format("is of numpy's long double ('{}'), which no dtype of Lilith can hold",
                         shown);
    case 'V':
      return fmt::format(
          "is of raw bytes ('{}'): the file does not say of what; ml_dtypes' bfloat16 "
          "and 8-bit floats are written so, .astype(np.float32) before saving keeps "
          "their values",
          shown);
    default:
      return fmt::format("is of numpy's type '{}', which no dtype of Lilith can hold", shown);
  }
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::uint8_t> bytes, const Origin& origin) {
  const std::string& file = origin.file;
  const std::string name = escaped(origin.name);
  LILITH_CHECK(bytes.size() >= 10 && std::memcmp(bytes.data(), "\x93NUMPY", 6) == 0,
               "load: {}: '{}' is no npy array.", file, name);
  const int version = bytes[6];
  LILITH_CHECK(version >= 1 && version <= 3, "load: {}: '{}': unknown npy version {}.", file, name,
               version);
  const std::size_t prefix = version == 1 ? 10 : 12;
  std::uint64_t length = 0;
  for (std::size_t i = prefix; i-- > 8;) length = length << 8 | (i < bytes.size() ? bytes[i] : 0);
  LILITH_CHECK(bytes.size() >= prefix && length <= bytes.size() - prefix,
               "load: {}: '{}' is truncated in its header.", file, name);
  NpyHeader h =
      HeaderParser({reinterpret_cast<const char*>(bytes.data()) + prefix, length}, origin).parse();
  h.data_begin = prefix + length;
  LILITH_CHECK(!h.descr.empty(), "load: {}: '{}' has an empty type.", file, name);
  h.type = type_of(h.descr);
  if (h.type.empty()) h.reason = reason_against(h.descr);
  return h;
}

}  // namespace lilith::io
