#include <nlohmann/json.hpp>

#include "core/quote.h"
#include "io/numpy.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

const char* descr_of(const std::string& tensor, DType dtype) {
  constexpr std::pair<DType, const char*> kTypes[] = {
      {DType::Bool, "|b1"}, {DType::U8, "|u1"},  {DType::I8, "|i1"},
      {DType::I16, "<i2"},  {DType::I32, "<i4"}, {DType::I64, "<i8"},
      {DType::F16, "<f2"},  {DType::F32, "<f4"}, {DType::F64, "<f8"}};
  for (const auto& [have, descr] : kTypes)
    if (have == dtype) return descr;
  fail("save: '{}' is {}, which NumPy has no type for; .to(kFloat32) keeps its values.",
       escaped(tensor), name(dtype));
}

// The bytes before the elements, a multiple of 64.
std::string npy_header(const std::string& name, const Tensor& value) {
  LILITH_CHECK(value.defined(), "save: '{}' is an undefined tensor.", escaped(name));
  std::string shape;
  for (const std::int64_t d : value.shape()) shape += fmt::format("{}, ", d);
  if (value.ndim() > 1) shape.resize(shape.size() - 2);
  if (value.ndim() == 1) shape.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 descr_of(name, value.dtype()), shape);
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  const std::size_t total = (kPrefix + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  text.resize(total - kPrefix - 1, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\0", 8);
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

}  // namespace

void save_npy(const TensorDict& tensors, const std::string& path) {
  LILITH_CHECK(tensors.size() == 1,
               "save: {}: a .npy file holds one array, these are {} tensors; .npz holds several.",
               path, tensors.size());
  const auto& [name, value] = *tensors.begin();
  const std::string head = npy_header(name, value);
  write_atomically(path, "save", [&, &value = value](std::FILE* file) {
    write_bytes(file, head.data(), head.size());
    write_bytes(file, value.raw_data(), value.aval().bytes());
  });
}

void save_npz(const TensorDict& tensors, const std::string& path) {
  constexpr auto replace_broken = nlohmann::json::error_handler_t::replace;
  std::vector<std::string> heads;
  for (const auto& [name, value] : tensors) heads.push_back(npy_header(name, value));
  write_atomically(path, "save", [&](std::FILE* file) {
    ZipWriter zip(file);
    auto head = heads.begin();
    for (const auto& [name, value] : tensors) {
      const auto as_bytes = [](const void* p, std::size_t n) {
        return std::span(static_cast<const std::uint8_t*>(p), n);
      };
      zip.add(
          name + ".npy",
          {as_bytes(head->data(), head->size()), as_bytes(value.raw_data(), value.aval().bytes())},
          64);
      ++head;
    }
    if (!tensors.metadata.empty())
      zip.add(kNpzMetadata, nlohmann::json(tensors.metadata).dump(-1, ' ', false, replace_broken));
    zip.finish();
  });
}

}  // namespace lilith::io
