#pragma once
#include <functional>
#include <string>
#include <vector>

#include "lilith/data/dataset.h"

namespace lilith {

/// Reads a PNG or JPEG file: u8 [C, H, W], C = 1 (grey), 2 (grey, alpha), 3 or 4; deeper samples
/// are cut to 8 bits, palettes become colours. Errors: no such file, another format, a broken file.
/// Ref: torchvision.io.read_image.
Tensor read_image(const std::string& path, SourceLocation loc = SourceLocation::current());
/// The same from bytes in memory; `name` stands in errors.
Tensor decode_image(const std::vector<std::uint8_t>& bytes, const std::string& name = "image",
                    SourceLocation loc = SourceLocation::current());
/// Writes image [C, H, W] or [H, W] as PNG or JPEG, by the path's end (.png, .jpg, .jpeg). u8, or
/// floating in [0, 1], which is rounded to 8 bits. quality: of JPEG, 1 to 100. Errors: other
/// shapes, ends and numbers of channels (JPEG: 1 or 3). Ref: torchvision.utils.save_image.
void write_image(const Tensor& image, const std::string& path, Int quality = 95,
                 SourceLocation loc = SourceLocation::current());

namespace data {

struct ImageFolderOptions {
  detail::Named named = {};
  /// What a row is made of: u8 [3, H, W] -> f32 of one shape for all. None: scaled to [0, 1]; all
  /// images are then of one size.
  std::function<Tensor(const Tensor& image)> transform = {};
};
/// Images by folder: `root/cat/1.jpg` is of class "cat". x f32 [3, H, W], y i64, classes in the
/// order of their names. Images are decoded as they are read; grey ones have three channels, alpha
/// goes away. Errors: no folder, none with an image; where it is read, a broken image, one of
/// another size. Ref: torchvision.datasets.ImageFolder.
class ImageFolder : public data::Dataset<2> {
 public:
  explicit ImageFolder(const std::string& root, const ImageFolderOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
  const std::vector<std::string>& classes() const { return files_->classes; }
  /// Path and class of each row.
  const std::vector<std::pair<std::string, std::int64_t>>& samples() const {
    return files_->samples;
  }

  /// What was found under the root.
  struct Files {
    std::vector<std::string> classes;
    std::vector<std::pair<std::string, std::int64_t>> samples;
  };

 private:
  ImageFolder(std::shared_ptr<const Files> files, const ImageFolderOptions& options,
              SourceLocation loc);
  std::shared_ptr<const Files> files_;
};

}  // namespace data
}  // namespace lilith
