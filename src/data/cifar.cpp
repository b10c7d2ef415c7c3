#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/quote.h"
#include "data/byte_images.h"
#include "data/folders.h"
#include "io/numpy_pickle.h"
#include "io/pickle.h"
#include "lilith/data.h"

// CIFAR's photographs, from the binary version of the files and from the one for Python.
namespace lilith::data {

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;
constexpr std::int64_t kPixels = 3 * 32 * 32;

// One of the two sets.
struct Cifar {
  const char* name;
  std::vector<std::string> folders;  // that torchvision and the archives make
  std::vector<std::string> files;    // without the binary version's ".bin"
  int labels;                        // bytes before the pixels; the last one is the class
  const char* key;                   // of the classes in Python's version
  int classes;
};

Cifar cifar10(Split split) {
  Cifar c{"CIFAR10", {"cifar-10-batches-py", "cifar-10-batches-bin"}, {"test_batch"}, 1, "labels",
          10};
  if (split == Split::Test) return c;
  c.files.clear();
  for (int i = 1; i <= 5; ++i) c.files.push_back("data_batch_" + std::to_string(i));
  return c;
}
Cifar cifar100(Split split) {
  return {"CIFAR100",
          {"cifar-100-python", "cifar-100-binary"},
          {split == Split::Train ? "train" : "test"},
          2,
          "fine_labels",
          100};
}

class Reader {
 public:
  explicit Reader(const Cifar& of) : of_(of) {}

  DataSourcePtr read(const std::string& dir) {
    const auto first = file_in(of_.name, dir, of_.folders, {of_.files[0], of_.files[0] + ".bin"});
    const fs::path root = first ? first->parent_path() : fs::path(dir);
    for (const std::string& file : of_.files) {
      const fs::path plain = root / file, binary = root / (file + ".bin");
      const bool is_binary = is_file(binary);
      LILITH_CHECK(is_binary || is_file(plain), "{}: {} has neither {} nor {}.bin", of_.name,
                   shown(root.string()), file, file);
      const std::string path = (is_binary ? binary : plain).string();
      const Bytes bytes = read_file(of_.name, path);
      const std::size_t before = classes_.size();
      is_binary ? add_records(bytes, path) : add_pickle(bytes, path);
      check_labels(of_.name, path, std::span(classes_).subspan(before), of_.classes);
    }
    return std::make_shared<ByteImages>(std::move(pixels_), std::move(classes_), Shape{3, 32, 32});
  }

 private:
  void add_records(const Bytes& bytes, const std::string& path) {
    const auto record = static_cast<std::size_t>(of_.labels + kPixels);
    LILITH_CHECK(!bytes.empty() && bytes.size() % record == 0,
                 "{}: {} has {} bytes; need a multiple of {}", of_.name, shown(path), bytes.size(),
                 record);
    for (std::size_t at = 0; at < bytes.size(); at += record) {
      const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at) + of_.labels;
      classes_.push_back(*(first - 1));
      pixels_.insert(pixels_.end(), first, first + kPixels);
    }
  }

  // {"data": u8 [N, 3072], "labels": [N integers], …}; the keys are Python 2's str.
  void add_pickle(const Bytes& bytes, const std::string& path) {
    const io::Pickle pickle = io::parse_pickle(bytes, path);
    const io::PickleValue *data = find(pickle, "data"), *classes = find(pickle, of_.key);
    LILITH_CHECK(data && io::is_numpy_array(*data) && classes && classes->is_sequence(),
                 "{}: {} is no batch of the data set: it has no array 'data' or no list '{}'",
                 of_.name, shown(path), of_.key);
    const std::string key = "data";
    const Tensor pixels = io::numpy_array(*data, {path, key});
    const auto n = static_cast<std::int64_t>(classes->items.size());
    LILITH_CHECK(pixels.dtype() == DType::U8 && pixels.shape() == Shape({n, kPixels}),
                 "{}: {} has pixels {} and {} classes; need u8[N,{}] and N", of_.name, shown(path),
                 pixels.aval().str(), n, kPixels);
    const auto* from = static_cast<const std::uint8_t*>(pixels.raw_data());
    pixels_.insert(pixels_.end(), from, from + pixels.numel());
    for (const io::PicklePtr c : classes->items) {
      LILITH_CHECK(c->is(io::PickleValue::Kind::Int) && c->integer >= 0 && c->integer < 256,
                   "{}: {}: a class is {}", of_.name, shown(path), io::pickle_repr(*c));
      classes_.push_back(static_cast<std::uint8_t>(c->integer));
    }
  }
  static const io::PickleValue* find(const io::Pickle& pickle, std::string_view key) {
    const io::PickleValue& dict = *pickle.root;
    if (!dict.is(io::PickleValue::Kind::Dict)) return nullptr;
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
      if (dict.items[i]->text == key) return dict.items[i + 1];
    return nullptr;
  }

  const Cifar& of_;
  Bytes pixels_, classes_;
};

DataSourcePtr read(const Cifar& of, const std::string& dir, SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  return Reader(of).read(dir);
}

}  // namespace

CIFAR10::CIFAR10(const std::string& dir, Part part, SourceLocation loc)
    : data::Dataset<2>(read(cifar10(part.split), dir, loc), loc) {}
CIFAR100::CIFAR100(const std::string& dir, Part part, SourceLocation loc)
    : data::Dataset<2>(read(cifar100(part.split), dir, loc), loc) {}

}  // namespace lilith::data
