#include "lilith/tensor_dict.h"

#include "core/nearest.h"
#include "core/quote.h"

namespace lilith {

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

const Tensor& TensorDict::operator[](const detail::Name& key) const {
  const LocScope scope(key.loc, nullptr);
  const std::string_view name = key.text;
  if (const Tensor* t = find(name)) return *t;
  const auto refused = refused_.find(std::string(name));
  LILITH_CHECK(refused == refused_.end(), "TensorDict: '{}' {}.", escaped(name), refused->second);
  LILITH_CHECK(!items_.empty(), "TensorDict: no tensor '{}'; it is empty.", escaped(name));
  fail("TensorDict: no tensor '{}' among {}{}.", escaped(name), items_.size(), nearest_text(name));
}

std::string TensorDict::nearest_text(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const Item& item : items_) names.emplace_back(item.first);
  return nearest_hint(name, names);
}

}  // namespace lilith
