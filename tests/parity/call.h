#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "parity/golden.h"

namespace lilith::parity {

/// The arguments of one sample, asked for by position and PyTorch's name, with PyTorch's default.
class Call {
 public:
  Call(const Sample& sample, const GoldenFile& file, DType floating, Device device);

  std::size_t num_outs() const { return sample_.outs.size(); }
  /// The same call of another first operand.
  Call with_first(const Tensor& x) const;
  DType floating() const { return floating_; }
  /// What PyTorch 1 computed.
  bool is_old() const { return sample_.is_old; }
  int num_positional() const { return static_cast<int>(args_.size()); }
  /// Given, and not None.
  bool has(int position, const std::string& name = "") const;
  /// Given, as None.
  bool is_none(int position, const std::string& name) const;

  Tensor tensor(int position, const std::string& name = "") const;
  /// Undefined when absent or None.
  Tensor maybe_tensor(int position, const std::string& name = "") const;
  bool is_tensor(int position, const std::string& name = "") const;
  /// A list of tensors, or the positional arguments from here on.
  std::vector<Tensor> tensors(int position, const std::string& name = "") const;
  /// A tensor or a number.
  Arg operand(int position, const std::string& name = "") const;

  std::int64_t integer(int position, const std::string& name) const;
  std::int64_t integer(int position, const std::string& name, std::int64_t otherwise) const;
  double real(int position, const std::string& name, double otherwise) const;
  bool flag(int position, const std::string& name, bool otherwise) const;
  std::string text(int position, const std::string& name, const std::string& otherwise) const;
  DType dtype(int position, const std::string& name, DType otherwise) const;
  /// A list of integers; a lone one is a list of one.
  std::vector<std::int64_t> longs(int position, const std::string& name = "") const;
  std::vector<std::int64_t> longs(int position, const std::string& name,
                                  std::vector<std::int64_t> otherwise) const;
  /// A list of integers, or the positional integers from here on.
  std::vector<std::int64_t> sizes(int position, const std::string& name = "") const;
  std::vector<int> ints(int position, const std::string& name = "") const;
  std::vector<int> ints(int position, const std::string& name, std::vector<int> otherwise) const;
  bool is_list(int position, const std::string& name = "") const;
  bool is_text(int position, const std::string& name = "") const;
  const Json& json(int position, const std::string& name = "") const;

  /// Of a module: the arguments of its constructor, and its state.
  const Call& ctor() const { return *ctor_; }
  const std::map<std::string, Tensor>& state() const { return state_; }
  /// What a parameter of the module is, for its gradient.
  void note_parameter(const std::string& path, const Tensor& t) const { parameters_[path] = t; }

  /// The input whose gradient a golden key ("g.1", "g.0.2", "gk.0", "gp.weight") names.
  Tensor differentiable(const std::string& key) const;

 private:
  Call(const Call& of, const Json& args, const Json& kwargs, const GoldenFile& file);
  const Json* given(int position, const std::string& name) const;
  const Json* find(int position, const std::string& name) const;
  const Tensor& by_key(const std::string& key) const;
  void collect(const Json& value, const GoldenFile& file);

  const Sample& sample_;
  const Json &args_, &kwargs_;
  const DType floating_;
  const Device device_;
  std::map<std::string, Tensor> inputs_, state_;
  mutable std::map<std::string, Tensor> parameters_;
  std::shared_ptr<const Call> ctor_;
};

using Function = std::function<std::vector<Tensor>(const Call&)>;

/// PyTorch's operators, by name, as calls of Lilith's functions.
using Table = std::map<std::string, Function>;

/// The whole table.
Table bindings();

}  // namespace lilith::parity
