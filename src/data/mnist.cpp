#include <filesystem>

#include "core/quote.h"
#include "data/byte_images.h"
#include "lilith/data.h"

namespace lilith::data {
namespace {

constexpr std::size_t kShown = 1000;  // bytes of a path in a message

std::string find_file(const std::string& dir, const std::string& stem) {
  namespace fs = std::filesystem;
  LILITH_CHECK(fs::is_directory(dir), "MNIST: {} is not a folder", escaped(dir, kShown));
  // Some mirrors spell the name with a dot: train-images.idx3-ubyte.
  std::string dotted = stem;
  dotted[dotted.rfind("-idx")] = '.';
  for (const std::string& name : {stem, stem + ".gz", dotted, dotted + ".gz"}) {
    const fs::path path = fs::path(dir) / name;
    if (fs::is_regular_file(path)) return path.string();
  }
  fail("MNIST: {} has neither {} nor {}.gz", escaped(dir, kShown), stem, stem);
}

DataSourcePtr load_mnist(const std::string& dir, Split split) {
  const std::string prefix = split == Split::Train ? "train" : "t10k";
  const std::string image_path = find_file(dir, prefix + "-images-idx3-ubyte");
  const std::string label_path = find_file(dir, prefix + "-labels-idx1-ubyte");
  IdxFile images = read_idx(image_path);
  IdxFile labels = read_idx(label_path);
  const std::string shown_images = escaped(image_path, kShown),
                    shown_labels = escaped(label_path, kShown);
  LILITH_CHECK(images.dtype == DType::U8 && images.shape.rank() == 3,
               "MNIST: {}: wrong magic: {} with {} dimensions; images are u8 with 3 (magic 2051)",
               shown_images, name(images.dtype), images.shape.rank());
  LILITH_CHECK(images.shape[1] == 28 && images.shape[2] == 28,
               "MNIST: {}: images of {}x{}; need 28x28", shown_images, images.shape[1],
               images.shape[2]);
  LILITH_CHECK(labels.dtype == DType::U8 && labels.shape.rank() == 1,
               "MNIST: {}: wrong magic: {} with {} dimensions; labels are u8 with 1 (magic 2049)",
               shown_labels, name(labels.dtype), labels.shape.rank());
  LILITH_CHECK(images.shape[0] == labels.shape[0], "MNIST: {} images in {}, but {} labels in {}",
               images.shape[0], shown_images, labels.shape[0], shown_labels);
  for (std::size_t i = 0; i < labels.bytes.size(); ++i) {
    LILITH_CHECK(labels.bytes[i] <= 9, "MNIST: {}: label {} at row {}; labels are 0 to 9",
                 shown_labels, labels.bytes[i], i);
  }
  return std::make_shared<ByteImages>(std::move(images.bytes), std::move(labels.bytes),
                                      Shape{1, 28, 28});
}

}  // namespace

MNIST::MNIST(const std::string& dir, Part part, SourceLocation loc)
    : data::Dataset<2>((static_cast<void>(LocScope(loc, nullptr)), load_mnist(dir, part.split)),
                       loc) {}

}  // namespace lilith::data
