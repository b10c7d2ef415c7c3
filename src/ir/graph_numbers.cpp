#include "ir/graph_numbers.h"

#include <bit>
#include <cmath>
#include <optional>

#include "ir/hash.h"

namespace lilith::ir {
namespace {

/// Whether its extents follow from no other node's.
bool has_own_extents(const NodeImpl& node) {
  return node.op == &parameter_op() || node.op == &constant_op();
}
/// Whether its attributes hold numbers of the program: a parameter's say which it is.
bool has_numbers(const NodeImpl& node) { return node.op != &parameter_op(); }

/// A real number that follows from a size, as the factor of a mean does: the size, or one over it.
struct FromSize {
  std::int64_t size;
  bool is_inverse;
};
std::optional<FromSize> from_size(double x) {
  constexpr double kMost = 1 << 30;
  const auto is_size = [](double size) {
    return size >= 1 && size <= kMost && std::trunc(size) == size;
  };
  if (is_size(x)) return FromSize{static_cast<std::int64_t>(x), false};
  const double inverse = std::round(1 / x);
  if (is_size(inverse) && 1 / inverse == x)
    return FromSize{static_cast<std::int64_t>(inverse), true};
  return std::nullopt;
}

class Reader {
 public:
  void add(const NodeImpl& node) {
    mix_in(reinterpret_cast<std::uintptr_t>(node.op.operator->()));
    mix_in(static_cast<std::uint64_t>(node.aval.dtype) |
           static_cast<std::uint64_t>(node.aval.device.kind) << 8 |
           static_cast<std::uint64_t>(node.aval.device.index) << 16 |
           static_cast<std::uint64_t>(node.aval.shape.rank()) << 24);
    if (node.op == &data_op()) mix_in(reinterpret_cast<std::uintptr_t>(&node));
    if (has_own_extents(node))
      for (const std::int64_t extent : node.aval.shape) found_.numbers.push_back(extent);
    if (!has_numbers(node)) return;
    for (const auto& [name, attr] : node.attrs.items()) {
      mix_in(hash_text(name));
      add(attr);
    }
  }
  void mix_in(std::uint64_t x) { found_.rest = mix(found_.rest, x); }
  GraphNumbers take() { return std::move(found_); }

 private:
  void add(const Attr& attr) {
    mix_in(attr.index());
    std::visit(
        [&]<class T>(const T& value) {
          if constexpr (std::is_same_v<T, std::int64_t>) {
            found_.numbers.push_back(value);
          } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
            mix_in(value.size());
            found_.numbers.insert(found_.numbers.end(), value.begin(), value.end());
          } else if constexpr (std::is_same_v<T, double>) {
            add(value);
          } else if constexpr (std::is_same_v<T, std::string>) {
            mix_in(hash_text(value));
          } else if constexpr (std::is_same_v<T, BodyPtr>) {
            mix_in(value->hash());
          } else {
            mix_in(static_cast<std::uint64_t>(value));
          }
        },
        attr);
  }
  void add(double x) {
    const std::optional<FromSize> from = from_size(x);
    mix_in(from ? static_cast<std::uint64_t>(from->is_inverse) : std::bit_cast<std::uint64_t>(x));
    if (from) found_.numbers.push_back(from->size);
  }
  GraphNumbers found_;
};

/// Gives a walk its numbers back, in the same order.
class Writer {
 public:
  explicit Writer(std::span<const std::int64_t> numbers) : left_(numbers) {}

  Aval aval(const NodeImpl& node) {
    Aval aval = node.aval;
    for (int d = 0; d < aval.shape.rank(); ++d) aval.shape[d] = next();
    return aval;
  }
  Attrs attrs(const NodeImpl& node) {
    Attrs attrs = node.attrs;
    for (const auto& [name, attr] : node.attrs.items()) {
      if (std::holds_alternative<std::int64_t>(attr)) {
        attrs.set(name, next());
      } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&attr)) {
        std::vector<std::int64_t> other(list->size());
        for (std::int64_t& x : other) x = next();
        attrs.set(name, std::move(other));
      } else if (const auto* real = std::get_if<double>(&attr)) {
        if (const auto from = from_size(*real)) attrs.set(name, real_of(*from));
      }
    }
    return attrs;
  }

 private:
  double real_of(const FromSize& from) {
    const auto size = static_cast<double>(next());
    return from.is_inverse ? 1 / size : size;
  }
  std::int64_t next() {
    const std::int64_t x = left_.front();
    left_ = left_.subspan(1);
    return x;
  }
  std::span<const std::int64_t> left_;
};

}  // namespace

GraphNumbers numbers_of(const Numbered& g) {
  Reader reader;
  for (std::size_t n = 0; n < g.size(); ++n) {
    reader.add(g.node(n));
    for (const std::uint32_t input : g.inputs(n)) reader.mix_in(input);
  }
  for (const std::uint32_t output : g.outputs()) reader.mix_in(output);
  return reader.take();
}

Graph with_numbers(const Numbered& g, std::span<const std::int64_t> numbers) {
  Writer writer(numbers);
  std::vector<Tensor> made;
  made.reserve(g.size());
  for (std::size_t n = 0; n < g.size(); ++n) {
    NodeImpl& node = g.node(n);
    const LocScope::Override line(node.loc);
    if (node.op == &parameter_op()) {
      made.push_back(make_parameter(writer.aval(node), node.attrs.integer("index"), node.name));
    } else if (node.op == &constant_op()) {
      const Aval aval = writer.aval(node);
      made.push_back(Tensor(new NodeImpl(node.op, {}, writer.attrs(node), aval, node.loc)));
    } else if (node.is_leaf()) {
      made.push_back(Tensor(&node));
    } else {
      std::vector<Tensor> inputs;
      for (const std::uint32_t input : g.inputs(n)) inputs.push_back(made[input]);
      made.push_back(apply(*node.op, std::move(inputs), writer.attrs(node)));
    }
  }
  std::vector<Tensor> inputs, outputs;
  for (const Tensor& t : g.graph().inputs()) {
    const std::uint32_t* at = g.find(t.node());
    inputs.push_back(at ? made[*at] : t);  // t: nothing reads it
  }
  for (const std::uint32_t output : g.outputs()) outputs.push_back(made[output]);
  return Graph(std::move(inputs), std::move(outputs));
}

}  // namespace lilith::ir
