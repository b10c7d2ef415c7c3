#include "schedule/rewrite/index_range.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_map>

#include "ir/node.h"

namespace lilith::schedule {
namespace {

using Known = std::optional<IndexRange>;
using Operands = std::span<const Known>;

template <class T>
constexpr IndexRange kAll = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};

// Every value of a dtype; of i64 nothing is known.
Known of_dtype(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return IndexRange{0, 1};
    case DType::U8:
      return kAll<std::uint8_t>;
    case DType::I8:
      return kAll<std::int8_t>;
    case DType::I16:
      return kAll<std::int16_t>;
    case DType::I32:
      return kAll<std::int32_t>;
    default:
      return {};
  }
}

bool all_known(Operands in) {
  return std::ranges::all_of(in, [](const Known& x) { return x.has_value(); });
}

// Nothing where an i64 would overflow.
Known bounded(std::initializer_list<__int128> values) {
  const auto [least, most] = std::minmax(values);
  const IndexRange all = kAll<std::int64_t>;
  if (least < all.least || most > all.most) return {};
  return IndexRange{static_cast<std::int64_t>(least), static_cast<std::int64_t>(most)};
}

Known joined(Operands in) {
  if (in.empty() || !all_known(in)) return {};
  IndexRange out = *in[0];
  for (const Known& x : in) out = {std::min(out.least, x->least), std::max(out.most, x->most)};
  return out;
}

Known counted(const ir::NodeImpl& node, const char* attr, const Shape& shape) {
  const Attr& dim = *node.attrs.find(attr);
  const auto* list = std::get_if<std::vector<std::int64_t>>(&dim);
  const auto d = static_cast<int>(list ? list->at(0) : std::get<std::int64_t>(dim));
  return IndexRange{0, shape[d] - 1};
}

Known added(const ir::NodeImpl&, Operands in) {
  if (!all_known(in)) return {};
  const auto [a, b] = std::pair(*in[0], *in[1]);
  return bounded({__int128{a.least} + b.least, __int128{a.most} + b.most});
}
Known subtracted(const ir::NodeImpl&, Operands in) {
  if (!all_known(in)) return {};
  const auto [a, b] = std::pair(*in[0], *in[1]);
  return bounded({__int128{a.least} - b.most, __int128{a.most} - b.least});
}
Known multiplied(const ir::NodeImpl&, Operands in) {
  if (!all_known(in)) return {};
  const auto [a, b] = std::pair(*in[0], *in[1]);
  return bounded({__int128{a.least} * b.least, __int128{a.least} * b.most,
                  __int128{a.most} * b.least, __int128{a.most} * b.most});
}
// The lower of two; what is known of one bounds it from above.
Known lower(const ir::NodeImpl&, Operands in) {
  if (!all_known(in)) return {};
  return IndexRange{std::min(in[0]->least, in[1]->least), std::min(in[0]->most, in[1]->most)};
}
Known higher(const ir::NodeImpl&, Operands in) {
  if (!all_known(in)) return {};
  return IndexRange{std::max(in[0]->least, in[1]->least), std::max(in[0]->most, in[1]->most)};
}
// Bits of a number that is not negative leave none that are above it.
Known masked(const ir::NodeImpl&, Operands in) {
  Known out;
  for (const Known& x : in)
    if (x && x->least >= 0 && (!out || x->most < out->most)) out = IndexRange{0, x->most};
  return out;
}
Known negated(const ir::NodeImpl&, Operands in) {
  return in[0] ? bounded({-__int128{in[0]->least}, -__int128{in[0]->most}}) : Known();
}
Known first(const ir::NodeImpl&, Operands in) { return in[0]; }
Known any(const ir::NodeImpl&, Operands in) { return joined(in); }

std::int64_t row_size(const ir::NodeImpl& node) {
  const Shape& rows = node.inputs[0]->aval.shape;
  return rows[rows.rank() - 1];
}

using Rule = Known (*)(const ir::NodeImpl& node, Operands in);

const std::unordered_map<std::string_view, Rule>& rules() {
  static const std::unordered_map<std::string_view, Rule> all = {
      {"iota", [](const auto& n, Operands) { return counted(n, "dim", n.aval.shape); }},
      {"argmax",
       [](const auto& n, Operands) { return counted(n, "axes", n.inputs[0]->aval.shape); }},
      {"argmin",
       [](const auto& n, Operands) { return counted(n, "axes", n.inputs[0]->aval.shape); }},
      {"argsort", [](const auto& n, Operands) { return Known({0, row_size(n) - 1}); }},
      {"searchsorted", [](const auto& n, Operands) { return Known({0, row_size(n)}); }},
      {"select", [](const auto&, Operands in) { return joined(in.subspan(1)); }},
      {"add", added},
      {"sub", subtracted},
      {"mul", multiplied},
      {"neg", negated},
      {"minimum", lower},
      {"maximum", higher},
      {"and", masked},
      {"concat", any},
      {"cast", first},
      {"gather", first},
      {"reshape", first},
      {"broadcast", first},
      {"transpose", first},
      {"slice", first},
      {"reverse", first},
      {"barrier", first},
      {"reduce_max", first},
      {"reduce_min", first},
  };
  return all;
}

Known of_leaf(const ir::NodeImpl& node) {
  if (node.op != &ir::constant_op()) return {};
  const auto* value = std::get_if<std::int64_t>(node.attrs.find("value"));
  return value ? Known(IndexRange{*value, *value}) : Known();
}

Known range_of(const ir::NodeImpl& node, Operands in) {
  const Known any = of_dtype(node.aval.dtype);
  if (node.is_leaf()) {
    const Known leaf = of_leaf(node);
    return leaf ? leaf : any;
  }
  const auto rule = rules().find(node.op->name);
  const Known out = rule == rules().end() ? Known() : rule->second(node, in);
  // What does not fit the dtype wraps around.
  if (!out || (any && (out->least < any->least || out->most > any->most))) return any;
  return out;
}

}  // namespace

std::vector<std::optional<IndexRange>> index_ranges(
    const ir::Numbered& g, std::span<const std::optional<IndexRange>> inputs) {
  std::vector<Known> all(g.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const std::uint32_t* at = g.find(g.graph().inputs()[k].node());
    if (at) all[*at] = inputs[k];
  }
  std::vector<Known> in;
  for (std::size_t n = 0; n < g.size(); ++n) {
    const ir::NodeImpl& node = g.node(n);
    if (is_floating(node.aval.dtype) || all[n]) continue;
    in.clear();
    for (const std::uint32_t k : g.inputs(n)) in.push_back(all[k]);
    all[n] = range_of(node, in);
  }
  return all;
}

}  // namespace lilith::schedule
