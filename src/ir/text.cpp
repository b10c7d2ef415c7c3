#include "ir/text.h"

#include <charconv>
#include <cmath>

#include "lilith/error.h"
#include "lilith/graph_names.h"

namespace lilith::ir {
namespace {

std::string quoted(const std::string& s) {
  std::string out = "\"";
  for (char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string unquoted(std::string_view text) {
  LILITH_CHECK(text.size() >= 2 && text.back() == '"', "unterminated string {}", text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    LILITH_CHECK(i + 2 < text.size(), "a string ends in '\\': {}", text);
    const char c = text[++i];
    if (c == 'x') {
      unsigned byte = 0;
      LILITH_CHECK(i + 3 < text.size() &&
                       std::from_chars(&text[i + 1], &text[i + 3], byte, 16).ptr == &text[i + 3],
                   "bad escape in {}", text);
      out += static_cast<char>(byte);
      i += 2;
    } else {
      LILITH_CHECK(c == '"' || c == '\\', "bad escape \\{} in {}", c, text);
      out += c;
    }
  }
  return out;
}

std::int64_t parse_integer(std::string_view text) {
  std::int64_t v = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, v);
  LILITH_CHECK(!text.empty() && error == std::errc{} && at == end, "'{}' is no integer", text);
  return v;
}

std::vector<std::int64_t> parse_list(std::string_view text) {
  LILITH_CHECK(text.back() == ']', "unterminated list {}", text);
  text = text.substr(1, text.size() - 2);
  std::vector<std::int64_t> out;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    out.push_back(parse_integer(text.substr(0, comma)));
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    LILITH_CHECK(!text.empty(), "a list ends in ','");
  }
  return out;
}

}  // namespace

std::string real_text(double v) {
  if (std::isnan(v)) return std::signbit(v) ? "-nan" : "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, v);
  std::string out(buffer, end);
  if (out.find_first_of(".e") == out.npos) out += ".0";
  return out;
}

std::string attr_text(const Attr& a) {
  struct Writer {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return real_text(v); }
    std::string operator()(DType v) const { return std::string(name(v)); }
    std::string operator()(const std::string& v) const { return quoted(v); }
    std::string operator()(const std::vector<std::int64_t>& v) const {
      std::string out = "[";
      for (std::size_t i = 0; i < v.size(); ++i) out += (i ? "," : "") + std::to_string(v[i]);
      return out + "]";
    }
    std::string operator()(const BodyPtr& v) const { return v->name(); }
  };
  return std::visit(Writer{}, a);
}

Attr parse_attr(std::string_view text) {
  LILITH_CHECK(!text.empty(), "an attr has no value");
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.front() == '"') return unquoted(text);
  if (text.front() == '[') return parse_list(text);
  LILITH_CHECK(text.front() != '@', "there is no body {} before its use", text);
  const bool negative = text.front() == '-';
  const std::string_view magnitude = text.substr(negative ? 1 : 0);
  if (magnitude == "nan") return std::copysign(std::nan(""), negative ? -1.0 : 1.0);
  if (magnitude == "inf") return negative ? -HUGE_VAL : HUGE_VAL;
  const bool digit = !magnitude.empty() && magnitude[0] >= '0' && magnitude[0] <= '9';
  if (!digit) return dtype_from_name(text);
  if (text.find_first_of(".e") == text.npos) return parse_integer(text);
  double v = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, v);
  LILITH_CHECK(at == end && error != std::errc::invalid_argument, "'{}' is no number", text);
  return v;
}

}  // namespace lilith::ir
