#include "parity/golden.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "lilith/ops/create.h"

namespace lilith::parity {
namespace {

DType dtype_of_name(const std::string& name) {
  if (name == "BOOL") return DType::Bool;
  if (name == "U8") return DType::U8;
  if (name == "I8") return DType::I8;
  if (name == "I16") return DType::I16;
  if (name == "I32") return DType::I32;
  if (name == "I64") return DType::I64;
  if (name == "F32") return DType::F32;
  if (name == "F64") return DType::F64;
  throw std::runtime_error("golden file: unknown dtype " + name);
}

template <class T>
T read(const char* bytes, std::int64_t k) {
  T value;
  std::memcpy(&value, bytes + k * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <class T>
Tensor leaf_as(const Stored& stored) {
  const std::int64_t n = stored.shape.numel();
  auto values = std::make_unique<T[]>(static_cast<std::size_t>(n) + 1);
  for (std::int64_t k = 0; k < n; ++k) {
    values[static_cast<std::size_t>(k)] = is_floating(stored.dtype)
                                              ? static_cast<T>(stored.real(k))
                                              : static_cast<T>(stored.integer(k));
  }
  return from_data(values.get(), stored.shape);
}

}  // namespace

double Stored::real(std::int64_t k) const {
  if (dtype == DType::F32) return read<float>(bytes, k);
  if (dtype == DType::F64) return read<double>(bytes, k);
  return static_cast<double>(integer(k));
}

std::int64_t Stored::integer(std::int64_t k) const {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return read<std::uint8_t>(bytes, k);
    case DType::I8:
      return read<std::int8_t>(bytes, k);
    case DType::I16:
      return read<std::int16_t>(bytes, k);
    case DType::I32:
      return read<std::int32_t>(bytes, k);
    case DType::I64:
      return read<std::int64_t>(bytes, k);
    default:
      return static_cast<std::int64_t>(real(k));
  }
}

Tensor Stored::leaf(DType to) const {
  switch (to) {
    case DType::Bool:
      return leaf_as<bool>(*this);
    case DType::U8:
      return leaf_as<std::uint8_t>(*this);
    case DType::I8:
      return leaf_as<std::int8_t>(*this);
    case DType::I16:
      return leaf_as<std::int16_t>(*this);
    case DType::I32:
      return leaf_as<std::int32_t>(*this);
    case DType::I64:
      return leaf_as<std::int64_t>(*this);
    case DType::F64:
      return leaf_as<double>(*this);
    default:
      return leaf_as<float>(*this);
  }
}

GoldenFile::GoldenFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  content_.assign(std::istreambuf_iterator<char>(in), {});
  std::uint64_t header_bytes = 0;
  if (content_.size() < 8) throw std::runtime_error(path + ": too short");
  std::memcpy(&header_bytes, content_.data(), 8);
  if (header_bytes > content_.size() - 8) throw std::runtime_error(path + ": header too long");
  const Json header = Json::parse(content_.substr(8, header_bytes));
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") continue;
    const std::size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    if (8 + header_bytes + end > content_.size()) throw std::runtime_error(path + ": cut short");
    tensors_[key] = {dtype_of_name(entry["dtype"]),
                     Shape(entry["shape"].get<std::vector<std::int64_t>>()),
                     content_.data() + 8 + header_bytes + begin};
  }
  const bool is_old = header["__metadata__"].value("producer", "").starts_with("torch 1.");
  for (const auto& [key, text] : header["__metadata__"].items()) {
    const std::size_t slash = key.rfind('/');
    if (slash == std::string::npos) continue;
    const Json entry = Json::parse(text.get<std::string>());
    Sample sample;
    sample.op = key.substr(0, slash);
    sample.name = key;
    sample.args = entry.value("args", Json::array());
    sample.kwargs = entry.value("kwargs", Json::object());
    sample.ctor_args = entry.value("ctor_args", Json::array());
    sample.ctor_kwargs = entry.value("ctor_kwargs", Json::object());
    sample.state = entry.value("state", Json::object());
    sample.outs = entry["outs"].get<std::vector<std::string>>();
    sample.cot = entry.value("cot", Json::object());
    sample.grad = entry.value("grad", Json::object());
    sample.is_old = is_old;
    samples_.push_back(std::move(sample));
  }
}

const Stored& GoldenFile::at(const std::string& key) const {
  const auto it = tensors_.find(key);
  if (it == tensors_.end()) throw std::runtime_error("golden file: no tensor " + key);
  return it->second;
}

}  // namespace lilith::parity
