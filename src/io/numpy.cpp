#include "io/numpy.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "io/elements.h"
#include "io/zip.h"
#include "lilith/error.h"
#include "lilith/ops/shape.h"

namespace lilith::io {

namespace {

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<std::uint64_t> shape;
};

// The header is the text of a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (3,
// 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const Origin& origin) : text_(text), origin_(origin) {}

  Header parse() {
    Header h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        h.descr = quoted();
        descr = true;
      } else if (key == "fortran_order") {
        h.fortran = boolean();
        order = true;
      } else if (key == "shape") {
        h.shape = tuple();
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
    fail("load: {}: '{}': the npy header is broken, or describes records or objects: {}",
         origin_.file, origin_.name, text_);
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

// "<f4" -> "F32".
std::string type_of(const std::string& descr, const Origin& origin) {
  constexpr std::pair<const char*, const char*> kTypes[] = {
      {"b1", "BOOL"}, {"u1", "U8"},  {"i1", "I8"},  {"i2", "I16"}, {"u2", "U16"}, {"f2", "F16"},
      {"i4", "I32"},  {"u4", "U32"}, {"f4", "F32"}, {"i8", "I64"}, {"u8", "U64"}, {"f8", "F64"}};
  for (const auto& [code, type] : kTypes)
    if (descr.size() == 3 && descr.substr(1) == code && std::strchr("<>|=", descr[0])) return type;
  fail("load: {}: '{}' is of numpy's type '{}', which no dtype of Lilith can hold.", origin.file,
       origin.name, descr);
}

std::string stem(const std::string& path) {
  const std::string file = path.substr(path.find_last_of('/') + 1);
  const auto dot = file.rfind(".npy");
  return dot != file.npos && dot + 4 == file.size() ? file.substr(0, dot) : file;
}

}  // namespace

Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& file,
                 const std::string& name) {
  const Origin origin{file, name};
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
  const Header h =
      HeaderParser({reinterpret_cast<const char*>(bytes.data()) + prefix, length}, origin).parse();
  const std::string type = type_of(h.descr, origin);
  const std::size_t width = static_cast<std::size_t>(bits_of(type)) / 8;
  Shape shape = to_shape(h.shape, origin);
  const std::uint64_t wanted = static_cast<std::uint64_t>(shape.numel()) * width;
  const auto data = bytes.subspan(prefix + length);
  LILITH_CHECK(data.size() == wanted, "load: {}: '{}' is {}{}, {} bytes, but has {} bytes.", file,
               name, type, shape.str(), wanted, data.size());
  std::vector<std::uint8_t> elements(data.begin(), data.end());
  if (h.descr[0] == '>')
    for (auto e = elements.begin(); e != elements.end(); e += static_cast<std::ptrdiff_t>(width))
      std::reverse(e, e + static_cast<std::ptrdiff_t>(width));
  if (!h.fortran || shape.rank() < 2) return from_elements(type, shape, elements, origin);
  std::vector<std::int64_t> order;
  for (int d = shape.rank(); d-- > 0;) order.push_back(d);
  std::reverse(shape.begin(), shape.end());
  return permute(from_elements(type, shape, elements, origin), order);
}

TensorDict load_npy(const std::string& path) {
  InputFile file(path, "load");
  std::vector<std::uint8_t> bytes(file.bytes());
  file.read(0, bytes.data(), bytes.size());
  TensorDict out;
  out.add(stem(path), parse_npy(bytes, path, stem(path)));
  return out;
}

TensorDict load_npz(const std::string& path) {
  ZipFile zip(path);
  TensorDict out;
  for (const std::string& member : zip.names()) {
    if (member.ends_with("/")) continue;
    const std::string name =
        member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member;
    out.add(name, parse_npy(zip.read(member), path, name));
  }
  return out;
}

}  // namespace lilith::io
