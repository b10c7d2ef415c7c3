#include "io/pickle_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "io/pickle.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// `n` hexadecimal digits at `at`, which moves behind them. False where there are fewer.
bool read_hex(std::string_view text, std::size_t& at, int n, std::uint32_t& value) {
  value = 0;
  for (int i = 0; i < n; ++i, ++at) {
    const int digit = at < text.size() ? hex_digit(text[at]) : -1;
    if (digit < 0) return false;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  return true;
}

// The escape behind a backslash at `at`, which moves behind it.
bool read_escape(std::string_view text, std::size_t& at, std::string& out) {
  constexpr std::string_view kFrom = "\\'\"abfnrtv", kTo = "\\'\"\a\b\f\n\r\t\v";
  const char c = text[at++];
  std::uint32_t value = 0;
  if (c == 'x') {
    if (!read_hex(text, at, 2, value)) return false;
    out += static_cast<char>(value);
  } else if (c >= '0' && c <= '7') {
    value = static_cast<std::uint32_t>(c - '0');
    for (int i = 0; i < 2 && at < text.size() && text[at] >= '0' && text[at] <= '7'; ++i)
      value = value * 8 + static_cast<std::uint32_t>(text[at++] - '0');
    out += static_cast<char>(value);
  } else if (const auto i = kFrom.find(c); i != kFrom.npos) {
    out += kTo[i];
  } else {
    out += '\\';
    out += c;
  }
  return true;
}

}  // namespace

std::string decimal_of(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > 256) return fmt::format("an integer of {} bits", bytes.size() * 8);
  const bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  std::vector<std::uint32_t> magnitude(bytes.begin(), bytes.end());
  if (negative) {  // two's complement: invert and add one
    std::uint32_t carry = 1;
    for (std::uint32_t& b : magnitude) {
      b = (~b & 0xff) + carry;
      carry = b >> 8;
      b &= 0xff;
    }
  }
  std::string digits;
  while (std::any_of(magnitude.begin(), magnitude.end(), [](std::uint32_t b) { return b != 0; })) {
    std::uint32_t rest = 0;
    for (auto b = magnitude.rbegin(); b != magnitude.rend(); ++b) {
      rest = rest << 8 | *b;
      *b = rest / 10;
      rest %= 10;
    }
    digits += static_cast<char>('0' + rest);
  }
  if (digits.empty()) digits = "0";
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

bool is_integer(std::string_view digits) {
  if (digits.starts_with('-')) digits.remove_prefix(1);
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | (code >> 18 & 7));
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

bool unescape_string(std::string_view quoted, std::string& out) {
  const bool framed = quoted.size() >= 2 && quoted.front() == quoted.back() &&
                      (quoted.front() == '\'' || quoted.front() == '"');
  if (!framed) return false;
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    if (++at == text.size() || !read_escape(text, at, out)) return false;
  }
  return true;
}

bool unescape_unicode(std::string_view escaped, std::string& out) {
  for (std::size_t at = 0; at < escaped.size();) {
    const char c = escaped[at++];
    const char next = at < escaped.size() ? escaped[at] : '\0';
    std::uint32_t code = static_cast<unsigned char>(c);
    if (c == '\\' && (next == 'u' || next == 'U')) {
      ++at;
      if (!read_hex(escaped, at, next == 'u' ? 4 : 8, code)) return false;
    }
    append_utf8(out, code);
  }
  return true;
}

bool to_latin1(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto b = static_cast<unsigned char>(text[i]);
    if (b < 0x80) {
      out += text[i];
      continue;
    }
    const bool two = (b == 0xc2 || b == 0xc3) && i + 1 < text.size() &&
                     (static_cast<unsigned char>(text[i + 1]) & 0xc0) == 0x80;
    if (!two) return false;
    out += static_cast<char>((b & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
  }
  return true;
}

bool pickle_bytes(const PickleValue& v, std::vector<std::uint8_t>& out) {
  const PickleValue* from = &v;
  if (v.callee() == "builtins bytearray" || v.callee() == "builtins bytes") {
    if (v.object->args->items.empty()) return true;
    from = v.arg(0);
    if (from->is(Kind::Object))
      return from->callee() == "_codecs encode" && pickle_bytes(*from, out);
  }
  if (from->callee() == "_codecs encode") {
    const PickleValue *text = from->arg(0), *encoding = from->arg(1);
    std::string raw;
    const bool known = text && encoding && text->is(Kind::Text) && encoding->is(Kind::Text) &&
                       (encoding->text == "latin1" || encoding->text == "latin-1") &&
                       to_latin1(text->text, raw);
    if (known) out.assign(raw.begin(), raw.end());
    return known;
  }
  if (!from->is(Kind::Bytes) && !from->is(Kind::Text)) return false;
  out.assign(from->text.begin(), from->text.end());
  return true;
}

namespace {

constexpr int kMaxReprDepth = 8;

std::string repr_bytes(std::string_view bytes, const char* quote) {
  std::string out = quote;
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '\\' || c == '\'')
      out += {'\\', c};
    else if (c == '\n')
      out += "\\n";
    else if (b < 0x20 || b == 0x7f || (quote[0] == 'b' && b >= 0x80))
      out += fmt::format("\\x{:02x}", b);
    else
      out += c;
  }
  return out + '\'';
}

std::string repr(const PickleValue& v, int depth) {
  const auto listed = [&](const char* begin, const char* end) {
    if (depth >= kMaxReprDepth) return std::string("…");
    std::string out = begin;
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      const bool is_value = v.is(Kind::Dict) && i % 2 == 1;
      if (i > 0) out += is_value ? ": " : ", ";
      if (out.size() > 200) return out + "…" + end;
      out += repr(*v.items[i], depth + 1);
    }
    if (v.is(Kind::Tuple) && v.items.size() == 1) out += ',';
    return out + end;
  };
  switch (v.kind) {
    case Kind::None:
    case Kind::Persistent:
      return "None";
    case Kind::Bool:
      return v.integer != 0 ? "True" : "False";
    case Kind::Int:
      return std::to_string(v.integer);
    case Kind::BigInt:
      return std::string(v.text);
    case Kind::Float: {
      const std::string out = fmt::format("{}", v.real);
      return out.find_first_of(".en") == out.npos ? out + ".0" : out;
    }
    case Kind::Text:
      return repr_bytes(v.text, "'");
    case Kind::Bytes:
      return repr_bytes(v.text, "b'");
    case Kind::List:
      return listed("[", "]");
    case Kind::Tuple:
      return listed("(", ")");
    case Kind::Set:
    case Kind::Dict:
      return listed("{", "}");
    case Kind::Global:
    case Kind::Object:
      break;
  }
  std::vector<std::uint8_t> bytes;
  if (v.is(Kind::Object) && pickle_bytes(v, bytes))
    return repr_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "b'");
  std::string name(v.is(Kind::Global) ? v.text : v.callee());
  std::replace(name.begin(), name.end(), ' ', '.');
  return v.is(Kind::Global) ? name : '<' + name + '>';
}

}  // namespace

std::string pickle_repr(const PickleValue& v) { return repr(v, 0); }

}  // namespace lilith::io
