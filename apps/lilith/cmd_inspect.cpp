#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "commands.h"
#include "lilith/data.h"
#include "lilith/io.h"

namespace lilith::cli {
namespace {

struct InspectOptions {
  bool header = false;
};

struct Statistics {
  std::int64_t count = 0, not_finite = 0;
  double min = INFINITY, max = -INFINITY, sum = 0, sum_squares = 0;

  void add(double v) {
    if (!std::isfinite(v)) {
      ++not_finite;
      return;
    }
    ++count;
    min = std::min(min, v), max = std::max(max, v);
    sum += v, sum_squares += v * v;
  }
  std::string str() const {
    if (count == 0) return not_finite ? fmt::format("{} values, none finite", not_finite) : "empty";
    const double n = static_cast<double>(count), mean = sum / n;
    const double deviation = std::sqrt(std::max(0.0, sum_squares / n - mean * mean));
    std::string text =
        fmt::format("min {:.6g}  max {:.6g}  mean {:.6g}  std {:.6g}", min, max, mean, deviation);
    if (not_finite > 0) text += fmt::format("  ({} not finite)", not_finite);
    return text;
  }
};

template <class T>
void add_all(Statistics& s, const void* data, std::int64_t n) {
  const T* p = static_cast<const T*>(data);
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
      s.add(static_cast<float>(p[i]));
    else
      s.add(static_cast<double>(p[i]));
  }
}

Statistics statistics(DType dtype, const void* p, std::int64_t n) {
  Statistics s;
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      add_all<std::uint8_t>(s, p, n);
      break;
    case DType::I8:
      add_all<std::int8_t>(s, p, n);
      break;
    case DType::I16:
      add_all<std::int16_t>(s, p, n);
      break;
    case DType::I32:
      add_all<std::int32_t>(s, p, n);
      break;
    case DType::I64:
      add_all<std::int64_t>(s, p, n);
      break;
    case DType::F16:
      add_all<half>(s, p, n);
      break;
    case DType::BF16:
      add_all<bfloat16>(s, p, n);
      break;
    case DType::F32:
      add_all<float>(s, p, n);
      break;
    case DType::F64:
      add_all<double>(s, p, n);
      break;
    case DType::C64:
    case DType::C128:
      break;
  }
  return s;
}

std::string size_text(std::size_t bytes) {
  const double b = static_cast<double>(bytes);
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", b / 1024);
  return fmt::format("{:.1f} MiB", b / (1024 * 1024));
}

void inspect_tensors(const std::string& path, const InspectOptions& options) {
  const TensorFile file(path);
  std::size_t width = 4, bytes = 0, refused = 0;
  std::int64_t elements = 0, tensors = 0;
  for (const auto& e : file.entries())
    width = std::max(width, TensorFile::printable(e.name, 100).size());
  for (const auto& e : file.entries()) {
    const std::string name = TensorFile::printable(e.name, 100),
                      type = TensorFile::printable(e.type, 24);
    if (!e.refused.empty()) {
      ++refused;
      fmt::print("{:<{}}  {:<12}{:<22}  not read: it {}\n", name, width, type, e.shape.str(),
                 e.refused);
      continue;
    }
    const Aval aval{e.shape, e.dtype, {}};
    ++tensors;
    bytes += e.bytes;
    elements += aval.numel();
    std::string values;
    if (!options.header) {
      try {
        values = statistics(aval.dtype, file[e.name].raw_data(), aval.numel()).str();
      } catch (const Error& error) {  // its data show what the header does not
        values = error.what();
      }
    }
    fmt::print("{:<{}}  {:<12}{:<22}  {:>10}  {}\n", name, width, type, aval.str(),
               size_text(e.bytes), values);
  }
  for (const auto& [key, value] : file.metadata())
    fmt::print("metadata {}: {}\n", TensorFile::printable(key, 100),
               TensorFile::printable(value, 200));
  fmt::print("{}: {} tensors, {} elements, {}", file.format(), tensors, elements, size_text(bytes));
  if (refused > 0) fmt::print("; {} not read", refused);
  fmt::print("\n");
}

template <class T>
void swap_bytes(std::vector<std::uint8_t>& bytes) {
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  }
}

void inspect_idx(const std::string& path) {
  data::IdxFile file = data::read_idx(path);
  const std::size_t width = size_of(file.dtype);
  if (width == 2) swap_bytes<std::int16_t>(file.bytes);
  if (width == 4) swap_bytes<std::int32_t>(file.bytes);
  if (width == 8) swap_bytes<std::int64_t>(file.bytes);
  fmt::print("idx  {}{}  {}  {}\n", name(file.dtype), file.shape.str(),
             size_text(file.bytes.size()),
             statistics(file.dtype, file.bytes.data(), file.shape.numel()).str());
}

bool looks_like_idx(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  unsigned char head[4] = {};
  in.read(reinterpret_cast<char*>(head), 4);
  const bool is_gzip = head[0] == 0x1f && head[1] == 0x8b;
  // As safetensors these four bytes would announce a header of 16 MiB and more.
  const bool is_idx = head[0] == 0 && head[1] == 0 && head[2] >= 0x08 && head[2] <= 0x0e &&
                      head[3] >= 1 && head[3] <= 12;
  return in && (is_gzip || is_idx);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto* command = app.add_subcommand(
      "inspect", "Show what a file holds: names, types, shapes, sizes, statistics, metadata");
  auto path = std::make_shared<std::string>();
  auto options = std::make_shared<InspectOptions>();
  command
      ->add_option("file", *path,
                   "A file of weights (safetensors, .pt, .npz, .gguf, an index of shards, a "
                   "folder) or an idx file, gzipped or not")
      ->required();
  command->add_flag("--header", options->header, "Read no tensor: no statistics");
  command->callback([path, options] {
    if (looks_like_idx(*path))
      inspect_idx(*path);
    else
      inspect_tensors(*path, *options);
  });
}

}  // namespace lilith::cli
