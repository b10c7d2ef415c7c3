#include <cmath>
#include <numeric>

#include "io/file.h"
#include "io/gguf.h"
#include "io/gguf_blocks.h"
#include "lilith/error.h"
#include "lilith/ops/create.h"

namespace lilith::io {

namespace {

constexpr std::uint64_t kAlignment = 32;
constexpr std::int64_t kBlock = 32;
constexpr std::uint32_t kTextValue = 8;

// A quantised type that is written, and its number in the file.
struct Quantiser {
  std::string_view name;
  std::uint32_t id;
  std::uint64_t block_bytes;
  void (*encode)(const float* in, std::uint8_t* block);
};
constexpr Quantiser kQuantisers[] = {{"Q8_0", 8, 34, encode_q8_0}, {"Q4_0", 2, 18, encode_q4_0}};

std::uint32_t plain_type(const std::string& tensor, DType dtype) {
  constexpr std::pair<DType, std::uint32_t> kTypes[] = {
      {DType::F32, 0},  {DType::F16, 1},  {DType::I8, 24},  {DType::I16, 25},
      {DType::I32, 26}, {DType::I64, 27}, {DType::F64, 28}, {DType::BF16, 30}};
  for (const auto& [have, id] : kTypes)
    if (have == dtype) return id;
  fail("save: '{}' is {}, which GGUF has no type for; .to(kInt16) gives one that it has.", tensor,
       name(dtype));
}

template <class T>
void put(std::string& to, T v) {
  to.append(reinterpret_cast<const char*>(&v), sizeof v);
}
void put_text(std::string& to, std::string_view text) {
  put<std::uint64_t>(to, text.size());
  to += text;
}
std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// One tensor of the file to be.
struct Item {
  const std::string& name;
  const Tensor& value;
  std::uint32_t type;
  const Quantiser* quantiser;
  std::uint64_t bytes;
};

Item make_item(const std::string& name, const Tensor& value, const Quantiser* quantiser) {
  LILITH_CHECK(value.defined(), "save: '{}' is an undefined tensor.", name);
  LILITH_CHECK(value.ndim() <= 4, "save: '{}' is {}; GGUF holds at most 4 dimensions.", name,
               value.aval().str());
  const bool blocks = quantiser && is_floating(value.dtype()) && value.ndim() >= 2 &&
                      value.shape().back() % kBlock == 0;
  if (!blocks) return {name, value, plain_type(name, value.dtype()), nullptr, value.aval().bytes()};
  const auto count = static_cast<std::uint64_t>(value.numel() / kBlock);
  return {name, value, quantiser->id, quantiser, count * quantiser->block_bytes};
}

std::string header_of(const std::vector<Item>& items,
                      const std::map<std::string, std::string>& metadata) {
  std::string out = "GGUF";
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, items.size());
  const bool aligned = metadata.count("general.alignment") != 0;  // what is written is the default
  put<std::uint64_t>(out, metadata.size() - (aligned ? 1 : 0));
  for (const auto& [key, value] : metadata) {
    if (key == "general.alignment") continue;
    put_text(out, key);
    put(out, kTextValue);
    put_text(out, value);
  }
  std::uint64_t offset = 0;
  for (const Item& item : items) {
    put_text(out, item.name);
    const Shape& shape = item.value.shape();
    put(out, static_cast<std::uint32_t>(shape.rank()));
    for (int d = shape.rank(); d-- > 0;)
      put<std::uint64_t>(out, static_cast<std::uint64_t>(shape[d]));
    put(out, item.type);
    put(out, offset);
    offset += padded(item.bytes);
  }
  out.resize(padded(out.size()), '\0');
  return out;
}

void write_blocks(std::FILE* file, const Item& item) {
  const Tensor value = item.value.to(kFloat32);
  const auto* from = static_cast<const float*>(value.raw_data());
  std::vector<std::uint8_t> block(item.quantiser->block_bytes);
  for (std::int64_t i = 0; i < value.numel(); i += kBlock) {
    for (std::int64_t j = i; j < i + kBlock; ++j)
      LILITH_CHECK(std::isfinite(from[j]), "save: '{}' holds {}, which {} has no code for.",
                   item.name, from[j], item.quantiser->name);
    item.quantiser->encode(from + i, block.data());
    write_bytes(file, block.data(), block.size());
  }
}

}  // namespace

void save_gguf(const TensorDict& tensors, const std::string& path, const std::string& quantise) {
  const Quantiser* quantiser = nullptr;
  for (const Quantiser& q : kQuantisers)
    if (quantise == q.name) quantiser = &q;
  LILITH_CHECK(quantise.empty() || quantiser != nullptr,
               "save: '{}' is no type that tensors are quantised to; there are Q8_0 and Q4_0.",
               quantise);
  std::vector<Item> items;
  for (const auto& [name, value] : tensors) items.push_back(make_item(name, value, quantiser));
  const std::string head = header_of(items, tensors.metadata);
  write_atomically(path, "save", [&](std::FILE* file) {
    write_bytes(file, head.data(), head.size());
    const std::string zeros(kAlignment, '\0');
    for (const Item& item : items) {
      if (item.quantiser != nullptr)
        write_blocks(file, item);
      else
        write_bytes(file, item.value.raw_data(), item.bytes);
      write_bytes(file, zeros.data(), padded(item.bytes) - item.bytes);
    }
  });
}

}  // namespace lilith::io
