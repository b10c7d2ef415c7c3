#include "data/byte_images.h"
#include "data/folders.h"
#include "lilith/data.h"

namespace lilith::data {
namespace {

// In `dir`, or where torchvision puts the files of the set.
std::string find_file(const char* set, const std::string& dir, const std::string& stem) {
  // Some mirrors spell the name with a dot: train-images.idx3-ubyte.
  std::string dotted = stem;
  dotted[dotted.rfind("-idx")] = '.';
  const std::vector<std::string> names{stem, stem + ".gz", dotted, dotted + ".gz"};
  if (const auto path = file_in(set, dir, {std::string(set) + "/raw"}, names))
    return path->string();
  fail("{}: {} has neither {} nor {}.gz", set, shown(dir), stem, stem);
}

DataSourcePtr load_mnist(const char* set, const std::string& dir, Split split) {
  const std::string prefix = split == Split::Train ? "train" : "t10k";
  const std::string image_path = find_file(set, dir, prefix + "-images-idx3-ubyte");
  const std::string label_path = find_file(set, dir, prefix + "-labels-idx1-ubyte");
  IdxFile images = read_idx(image_path);
  IdxFile labels = read_idx(label_path);
  const std::string shown_images = shown(image_path), shown_labels = shown(label_path);
  LILITH_CHECK(images.dtype == DType::U8 && images.shape.rank() == 3,
               "{}: {}: wrong magic: {} with {} dimensions; images are u8 with 3 (magic 2051)", set,
               shown_images, name(images.dtype), images.shape.rank());
  LILITH_CHECK(images.shape[1] == 28 && images.shape[2] == 28,
               "{}: {}: images of {}x{}; need 28x28", set, shown_images, images.shape[1],
               images.shape[2]);
  LILITH_CHECK(labels.dtype == DType::U8 && labels.shape.rank() == 1,
               "{}: {}: wrong magic: {} with {} dimensions; labels are u8 with 1 (magic 2049)", set,
               shown_labels, name(labels.dtype), labels.shape.rank());
  LILITH_CHECK(images.shape[0] == labels.shape[0], "{}: {} images in {}, but {} labels in {}", set,
               images.shape[0], shown_images, labels.shape[0], shown_labels);
  check_labels(set, label_path, labels.bytes, 10);
  return std::make_shared<ByteImages>(std::move(images.bytes), std::move(labels.bytes),
                                      Shape{1, 28, 28});
}

}  // namespace

MNIST::MNIST(const char* set, const std::string& dir, Split split, SourceLocation loc)
    : data::Dataset<2>((static_cast<void>(LocScope(loc, nullptr)), load_mnist(set, dir, split)),
                       loc) {}
MNIST::MNIST(const std::string& dir, Part part, SourceLocation loc)
    : MNIST("MNIST", dir, part.split, loc) {}

}  // namespace lilith::data
