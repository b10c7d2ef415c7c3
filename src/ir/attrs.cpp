#include "lilith/attrs.h"

#include <algorithm>
#include <bit>

#include "ir/hash.h"
#include "ir/text.h"
#include "lilith/error.h"
#include "lilith/graph_names.h"

namespace lilith {
namespace {

template <class T>
const T& get(const Attrs& attrs, std::string_view key) {
  const Attr* a = attrs.find(key);
  if (!a) throw InternalError("attrs: no '" + std::string(key) + "' in {" + attrs.str() + "}");
  const T* value = std::get_if<T>(a);
  if (!value) {
    throw InternalError("attrs: '" + std::string(key) + "' has another type in {" + attrs.str() +
                        "}");
  }
  return *value;
}

// Bitwise on numbers: 0.0 and -0.0 differ, NaN equals itself.
bool same(const Attr& a, const Attr& b) {
  if (a.index() != b.index()) return false;
  if (const double* x = std::get_if<double>(&a)) {
    return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(std::get<double>(b));
  }
  if (const BodyPtr* x = std::get_if<BodyPtr>(&a)) return **x == *std::get<BodyPtr>(b);
  return a == b;
}

std::uint64_t hash_of(const Attr& a) {
  std::uint64_t h = a.index();
  std::visit(
      [&h](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, double>) {
          h = mix(h, std::bit_cast<std::uint64_t>(v));
        } else if constexpr (std::is_same_v<T, std::string>) {
          h = mix(h, hash_text(v));
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          h = mix(h, v.size());
          for (std::int64_t x : v) h = mix(h, static_cast<std::uint64_t>(x));
        } else if constexpr (std::is_same_v<T, BodyPtr>) {
          h = mix(h, v->hash());
        } else {
          h = mix(h, static_cast<std::uint64_t>(v));
        }
      },
      a);
  return h;
}

}  // namespace

Attrs::Attrs(std::initializer_list<std::pair<std::string_view, Attr>> items) {
  items_.reserve(items.size());
  for (const auto& [key, value] : items) set(key, value);
}

const Attr* Attrs::find(std::string_view key) const {
  for (const auto& [k, v] : items_) {
    if (k == key) return &v;
  }
  return nullptr;
}

void Attrs::set(std::string_view key, Attr value) {
  auto at = items_.begin();
  while (at != items_.end() && at->first < key) ++at;
  if (at != items_.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    items_.emplace(at, std::string(key), std::move(value));
  }
}

bool Attrs::flag(std::string_view key) const { return get<bool>(*this, key); }
std::int64_t Attrs::integer(std::string_view key) const { return get<std::int64_t>(*this, key); }
double Attrs::real(std::string_view key) const { return get<double>(*this, key); }
DType Attrs::dtype(std::string_view key) const { return get<DType>(*this, key); }
const std::string& Attrs::text(std::string_view key) const { return get<std::string>(*this, key); }
const std::vector<std::int64_t>& Attrs::ints(std::string_view key) const {
  return get<std::vector<std::int64_t>>(*this, key);
}
const BodyPtr& Attrs::body(std::string_view key) const { return get<BodyPtr>(*this, key); }

std::uint64_t Attrs::hash() const {
  std::uint64_t h = items_.size();
  for (const auto& [key, value] : items_) h = mix(mix(h, hash_text(key)), hash_of(value));
  return h;
}

std::string Attrs::str() const {
  std::string out;
  for (const auto& [key, value] : items_) {
    if (!out.empty()) out += ' ';
    out += key + "=" + ir::attr_text(value);
  }
  return out;
}

bool Attrs::operator==(const Attrs& other) const {
  return std::equal(
      items_.begin(), items_.end(), other.items_.begin(), other.items_.end(),
      [](const auto& a, const auto& b) { return a.first == b.first && same(a.second, b.second); });
}

}  // namespace lilith
