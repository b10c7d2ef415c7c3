#include "parity/call.h"

#include <limits>

#include "lilith/compile.h"
#include "lilith/ops.h"

namespace lilith::parity {
namespace {

double number(const Json& value) {
  if (value.is_object() && value.contains("f")) {
    const std::string text = value["f"];
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    return (text[0] == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
  }
  if (value.is_boolean()) return value.get<bool>();
  return value.get<double>();
}

/// All of its bits, which double may not hold.
std::int64_t whole(const Json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>()
                                   : static_cast<std::int64_t>(number(value));
}

DType torch_dtype(const std::string& name) {
  static const std::map<std::string, DType> names = {
      {"torch.bool", DType::Bool},   {"torch.uint8", DType::U8},      {"torch.int8", DType::I8},
      {"torch.int16", DType::I16},   {"torch.int32", DType::I32},     {"torch.int64", DType::I64},
      {"torch.float16", DType::F16}, {"torch.bfloat16", DType::BF16}, {"torch.float32", DType::F32},
      {"torch.float64", DType::F64}};
  const auto it = names.find(name);
  if (it == names.end()) throw std::runtime_error("parity: no dtype " + name);
  return it->second;
}

bool is_tensor_json(const Json& value) { return value.is_object() && value.contains("t"); }

/// The values of x as a part of a tensor with others beside, or in another order.
Tensor viewed(const Tensor& x, const std::string& view) {
  Tensor base;
  if (view == "transposed") {
    base = x.transpose(-1, -2).contiguous();
    eval(base);
    return base.transpose(-1, -2);
  }
  if (view == "strided") {
    base = stack({x, x.flip(-1)}, -1).flatten(-2);
    eval(base);
    return base.slice(-1, 0, base.size(-1), 2);
  }
  if (view == "inner") {
    base = cat({x.flip(0), x, x.flip(0)}, 0);
    eval(base);
    return base.narrow(0, x.size(0), x.size(0));
  }
  if (view != "flipped") throw std::runtime_error("parity: no view " + view);
  base = x.flip(-1);
  eval(base);
  return base.flip(-1);
}

}  // namespace

Call::Call(const Sample& sample, const GoldenFile& file, DType floating, Device device)
    : sample_(sample),
      args_(sample.args),
      kwargs_(sample.kwargs),
      floating_(floating),
      device_(device) {
  collect(args_, file);
  collect(kwargs_, file);
  for (const auto& [name, key] : sample.state.items())
    state_[name] = file.at(key.get<std::string>()).tensor(floating).to(device);
  ctor_ = std::shared_ptr<const Call>(new Call(*this, sample.ctor_args, sample.ctor_kwargs, file));
}

Call::Call(const Call& of, const Json& args, const Json& kwargs, const GoldenFile& file)
    : sample_(of.sample_),
      args_(args),
      kwargs_(kwargs),
      floating_(of.floating_),
      device_(of.device_) {
  collect(args, file);
  collect(kwargs, file);
}

Call Call::with_first(const Tensor& x) const {
  Call other = *this;
  other.inputs_.at(args_.at(0)["t"].get<std::string>()) = x;
  return other;
}

void Call::collect(const Json& value, const GoldenFile& file) {
  if (is_tensor_json(value)) {
    const std::string key = value["t"];
    const Tensor x = file.at(key).tensor(floating_).to(device_);
    inputs_.emplace(key, value.contains("view") ? viewed(x, value["view"]) : x);
  } else if (value.is_structured()) {
    for (const Json& item : value) collect(item, file);
  }
}

const Json* Call::given(int position, const std::string& name) const {
  if (position >= 0 && position < num_positional())
    return &args_[static_cast<std::size_t>(position)];
  const auto it = kwargs_.find(name);
  return it != kwargs_.end() ? &it.value() : nullptr;
}

const Json* Call::find(int position, const std::string& name) const {
  const Json* found = given(position, name);
  return found != nullptr && found->is_null() ? nullptr : found;
}

bool Call::is_none(int position, const std::string& name) const {
  const Json* found = given(position, name);
  return found != nullptr && found->is_null();
}

const Json& Call::json(int position, const std::string& name) const {
  const Json* value = find(position, name);
  if (value == nullptr)
    throw std::runtime_error("parity: " + sample_.name + ": no argument " + name);
  return *value;
}

const Tensor& Call::by_key(const std::string& key) const { return inputs_.at(key); }

bool Call::has(int position, const std::string& name) const {
  return find(position, name) != nullptr;
}
bool Call::is_tensor(int position, const std::string& name) const {
  const Json* value = find(position, name);
  return value != nullptr && is_tensor_json(*value);
}
bool Call::is_list(int position, const std::string& name) const {
  const Json* value = find(position, name);
  return value != nullptr && value->is_array();
}
bool Call::is_text(int position, const std::string& name) const {
  const Json* value = find(position, name);
  return value != nullptr && value->is_string();
}

Tensor Call::tensor(int position, const std::string& name) const {
  return by_key(json(position, name)["t"]);
}
Tensor Call::maybe_tensor(int position, const std::string& name) const {
  return is_tensor(position, name) ? tensor(position, name) : Tensor();
}
std::vector<Tensor> Call::tensors(int position, const std::string& name) const {
  std::vector<Tensor> result;
  if (is_list(position, name)) {
    for (const Json& item : json(position, name)) result.push_back(by_key(item["t"]));
  } else {
    for (int i = position; i < num_positional(); ++i) result.push_back(tensor(i));
  }
  return result;
}
Arg Call::operand(int position, const std::string& name) const {
  const Json& value = json(position, name);
  if (is_tensor_json(value)) return by_key(value["t"]);
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return number(value);
}

std::int64_t Call::integer(int position, const std::string& name) const {
  const Json& value = json(position, name);
  if (is_tensor_json(value)) return by_key(value["t"]).item<std::int64_t>();
  return whole(value);
}
std::int64_t Call::integer(int position, const std::string& name, std::int64_t otherwise) const {
  return has(position, name) ? integer(position, name) : otherwise;
}
double Call::real(int position, const std::string& name, double otherwise) const {
  const Json* value = find(position, name);
  return value == nullptr ? otherwise : number(*value);
}
bool Call::flag(int position, const std::string& name, bool otherwise) const {
  const Json* value = find(position, name);
  return value == nullptr ? otherwise : number(*value) != 0;
}
std::string Call::text(int position, const std::string& name, const std::string& otherwise) const {
  const Json* value = find(position, name);
  return value == nullptr ? otherwise : value->get<std::string>();
}
DType Call::dtype(int position, const std::string& name, DType otherwise) const {
  const Json* value = find(position, name);
  return value == nullptr ? otherwise : torch_dtype((*value)["dtype"].get<std::string>());
}

std::vector<std::int64_t> Call::longs(int position, const std::string& name) const {
  const Json& value = json(position, name);
  if (!value.is_array()) return {integer(position, name)};
  std::vector<std::int64_t> result;
  // None stands for "keep the size".
  for (const Json& item : value) {
    result.push_back(item.is_null() ? -1 : whole(item));
  }
  return result;
}
std::vector<std::int64_t> Call::longs(int position, const std::string& name,
                                      std::vector<std::int64_t> otherwise) const {
  return has(position, name) ? longs(position, name) : otherwise;
}
std::vector<std::int64_t> Call::sizes(int position, const std::string& name) const {
  if (position >= num_positional() && !has(position, name)) return {};
  std::vector<std::int64_t> result = longs(position, name);
  if (is_list(position, name)) return result;
  for (int i = position + 1; i < num_positional(); ++i) result.push_back(integer(i, ""));
  return result;
}
std::vector<int> Call::ints(int position, const std::string& name) const {
  const std::vector<std::int64_t> values = longs(position, name);
  return {values.begin(), values.end()};
}
std::vector<int> Call::ints(int position, const std::string& name,
                            std::vector<int> otherwise) const {
  return has(position, name) ? ints(position, name) : otherwise;
}

Tensor Call::differentiable(const std::string& key) const {
  if (key.starts_with("gp.")) return parameters_.at(key.substr(3));
  const bool keyword = key.starts_with("gk.");
  const Json* value = keyword ? &kwargs_ : &args_;
  std::size_t at = keyword ? 3 : 2;
  while (at < key.size()) {
    std::size_t used = 0;
    const std::size_t index = std::stoul(key.substr(at), &used);
    if (value->is_array()) {
      value = &(*value)[index];
    } else {
      auto it = value->begin();
      std::advance(it, static_cast<std::ptrdiff_t>(index));
      value = &it.value();
    }
    at += used + 1;
  }
  return by_key((*value)["t"]);
}

}  // namespace lilith::parity
