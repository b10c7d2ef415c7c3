#include "io/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "core/quote.h"

namespace lilith::io {

namespace {

using std::string_view_literals::operator""sv;

// Files that begin with a mark of their own, one of these.
struct Mark {
  std::size_t at;
  std::array<std::string_view, 4> any;  // empty ones do not count
  const char* what;
};
constexpr const char* kUnpack = "unpack it and load what is inside";
constexpr Mark kMarks[] = {
    {0,
     {"version https://git-lfs"sv, "version http://git-media"sv},
     "is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'"},
    {0, {"\x1f\x8b"sv}, "is compressed by gzip: {}"},
    {0, {"BZh"sv}, "is compressed by bzip2: {}"},
    {0, {"\xfd\x37zXZ"sv}, "is compressed by xz: {}"},
    {0, {"\x28\xb5\x2f\xfd"sv}, "is compressed by zstd: {}"},
    {0, {"7z\xbc\xaf\x27\x1c"sv}, "is a 7z archive: {}"},
    {0, {"Rar!"sv}, "is a RAR archive: {}"},
    {257, {"ustar"sv}, "is a tar archive: {}"},
    {0,
     {"\x89HDF\r\n\x1a\n"sv},
     "is an HDF5 file (Keras, h5py): save its arrays as .npz or safetensors"},
    {4, {"TFL3"sv}, "is a TensorFlow Lite model: save its weights as .npz or safetensors"},
    {0,
     {"7767517\n"sv, "7767517\r\n"sv},
     "is ncnn's .param, a description of layers; the weights are in its .bin"},
    {0, {"\xdd\x85\x76\x00"sv}, "is ncnn's binary .param; the weights are in its .bin"},
    {0,
     {"\x47\x6b\x30\x01"sv},
     "is ncnn's .bin, weights without names or shapes: load the model that it was converted from"},
    {0,
     {"lmgg"sv, "tjgg"sv, "fmgg"sv, "algg"sv},
     "is in a format of llama.cpp's before GGUF: convert it to GGUF"},
    {0, {"PAR1"sv}, "is a Parquet table"},
    {0, {"ARROW1"sv}, "is an Arrow table"},
    {0, {"MATLAB 5.0"sv}, "is a MATLAB file: scipy.io.loadmat and numpy.savez make an .npz of it"},
    {0, {"\x89PNG"sv}, "is a PNG image"},
    {0, {"\xff\xd8\xff"sv}, "is a JPEG image"},
    {0, {"%PDF"sv}, "is a PDF document"},
    {0, {"\x7f\x45LF"sv}, "is a program or a library"},
    {0, {"SQLite format 3"sv}, "is an SQLite database"},
};

bool has(const Mark& mark, std::string_view all) {
  return std::any_of(mark.any.begin(), mark.any.end(), [&](std::string_view bytes) {
    return !bytes.empty() && all.size() >= mark.at && all.substr(mark.at).starts_with(bytes);
  });
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

bool is_text(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || u == 0x7f;
  });
}

std::string describe_json(std::string_view text) {
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded() || !json.is_object()) return "is JSON text, not weights";
  std::string keys;
  int n = 0;
  for (const auto& [key, value] : json.items()) {
    if (++n > 4) break;
    keys += (keys.empty() ? "" : ", ") + escaped(key, 30);
  }
  return fmt::format("is JSON, a configuration without weights (its keys: {}{})", keys,
                     json.size() > 4 ? ", …" : "");
}

std::string describe_text(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (begin == text.npos) return "holds blanks alone";
  const std::string_view rest = text.substr(begin);
  if (starts_with_word(rest, "<!doctype html") || starts_with_word(rest, "<html") ||
      starts_with_word(rest, "<head"))
    return "is an HTML page, as a download that needs a login or failed leaves: fetch it again";
  if (starts_with_word(rest, "<?xml")) return "is XML, not weights";
  return fmt::format("is text, not weights; it begins with '{}'",
                     escaped(rest.substr(0, rest.find_first_of("\r\n")), 40));
}

// Protocol buffers have no mark: ONNX starts with its version and the name of what wrote it.
bool looks_like_onnx(std::span<const std::uint8_t> b, const std::string& path) {
  const bool version = b.size() > 3 && b[0] == 0x08 && b[1] >= 1 && b[1] <= 20;
  return version && (path.ends_with(".onnx") || b[2] == 0x12 || b[2] == 0x3a || b[2] == 0x42);
}

}  // namespace

std::string describe_other(std::span<const std::uint8_t> bytes, const std::string& path) {
  if (bytes.empty()) return "is empty, too small for any format";
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Mark& mark : kMarks)
    if (has(mark, all)) return fmt::format(fmt::runtime(mark.what), kUnpack);
  if (looks_like_onnx(bytes, path)) return "is an ONNX model, a graph with weights";
  constexpr std::size_t kLook = 512, kMaxJson = 1 << 20;
  if (!is_text(all.substr(0, kLook))) {
    if (path.ends_with(".pb")) return "is a protocol buffer (TensorFlow's graph?)";
    return "";
  }
  const std::size_t begin = all.find_first_not_of(" \t\r\n");
  const bool json = begin != all.npos && (all[begin] == '{' || all[begin] == '[');
  return json && all.size() <= kMaxJson ? describe_json(all) : describe_text(all);
}

}  // namespace lilith::io
