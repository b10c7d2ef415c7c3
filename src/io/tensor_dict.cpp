#include "lilith/tensor_dict.h"

#include <algorithm>
#include <numeric>

#include "core/quote.h"

namespace lilith {

namespace {

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

TensorDict::TensorDict(std::initializer_list<Item> items) {
  for (const Item& item : items) add(item.first, item.second);
}

TensorDict::TensorDict(const std::vector<Item>& items) {
  for (const Item& item : items) add(item.first, item.second);
}

void TensorDict::add(std::string name, Tensor value) {
  LILITH_CHECK(!refused_.count(name) && index_.emplace(name, items_.size()).second,
               "TensorDict::add: the name '{}' is taken.", escaped(name));
  items_.emplace_back(std::move(name), std::move(value));
}

void TensorDict::refuse(std::string name, std::string reason) {
  LILITH_CHECK(!contains(name) && !refused_.count(name),
               "TensorDict::refuse: the name '{}' is taken.", escaped(name));
  refused_.emplace(std::move(name), std::move(reason));
}

const Tensor* TensorDict::find(std::string_view name) const {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &items_[it->second].second;
}

const Tensor& TensorDict::operator[](std::string_view name) const {
  if (const Tensor* t = find(name)) return *t;
  const auto refused = refused_.find(std::string(name));
  LILITH_CHECK(refused == refused_.end(), "TensorDict: '{}' {}.", escaped(name), refused->second);
  LILITH_CHECK(!items_.empty(), "TensorDict: no tensor '{}'; it is empty.", escaped(name));
  fail("TensorDict: no tensor '{}' among {}{}.", escaped(name), items_.size(), nearest_text(name));
}

std::string TensorDict::nearest_text(std::string_view name) const {
  // Long names are compared by their ends, which differ more than their beginnings.
  static constexpr std::size_t kCompared = 200;
  const auto end_of = [](std::string_view s) {
    return s.substr(s.size() - std::min(s.size(), kCompared));
  };
  const auto nearest =
      std::min_element(items_.begin(), items_.end(), [&](const Item& a, const Item& b) {
        return edit_distance(end_of(a.first), end_of(name)) <
               edit_distance(end_of(b.first), end_of(name));
      });
  return nearest == items_.end() ? ""
                                 : fmt::format("; the nearest is '{}'", escaped(nearest->first));
}

}  // namespace lilith
