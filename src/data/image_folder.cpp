#include <algorithm>
#include <filesystem>

#include "data/folders.h"
#include "lilith/data/image.h"
#include "lilith/data/own.h"
#include "lilith/data/transforms.h"
#include "lilith/ops/create.h"

// Folders of images.
namespace lilith::data {

namespace {

namespace fs = std::filesystem;

bool is_image(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

std::shared_ptr<const ImageFolder::Files> files_in(const std::string& root) {
  check_folder("ImageFolder", root);
  auto files = std::make_shared<ImageFolder::Files>();
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory()) files->classes.push_back(entry.path().filename().string());
  std::sort(files->classes.begin(), files->classes.end());
  for (std::size_t c = 0; c < files->classes.size(); ++c) {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / files->classes[c]))
      if (entry.is_regular_file() && is_image(entry.path())) paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    LILITH_CHECK(!paths.empty(), "ImageFolder: there is no PNG or JPEG file in {}/{}", shown(root),
                 shown(files->classes[c]));
    for (std::string& path : paths)
      files->samples.emplace_back(std::move(path), static_cast<std::int64_t>(c));
  }
  LILITH_CHECK(!files->samples.empty(), "ImageFolder: {} has no folder of images", shown(root));
  return files;
}

// Three channels: grey repeated, alpha left out. On the host: images of any size may follow.
Tensor as_rgb(const Tensor& image) {
  const std::int64_t channels = image.size(0);
  if (channels == 3) return image;
  const auto area = static_cast<std::size_t>(image.size(1) * image.size(2));
  const auto* from = static_cast<const std::uint8_t*>(image.raw_data());
  std::vector<std::uint8_t> rgb(3 * area);
  for (std::size_t c = 0; c < 3; ++c)
    std::copy_n(from + (channels <= 2 ? 0 : c * area), area, rgb.data() + c * area);
  return lilith::detail::copy_from(rgb.data(), {3, image.size(1), image.size(2)}, DType::U8, {},
                                   {});
}

Tensor read_rgb(const std::string& path) {
  const LocScope scope(LocScope::current(), nullptr);
  return as_rgb(read_image(path));
}

DataSourcePtr images_of(std::shared_ptr<const ImageFolder::Files> files,
                        const ImageFolderOptions& options) {
  const auto rows = static_cast<std::int64_t>(files->samples.size());
  return from_rows(
      rows,
      [files = std::move(files), transform = options.transform](std::int64_t i) {
        const auto& [path, label] = files->samples[static_cast<std::size_t>(i)];
        const Tensor image = read_rgb(path);
        const Tensor x = transform ? transform(image) : transforms::ToFloat{}(image);
        return std::vector<Tensor>{x, scalar_row(label)};
      },
      2);
}

}  // namespace

ImageFolder::ImageFolder(const std::string& root, const ImageFolderOptions& options,
                         SourceLocation loc)
    : ImageFolder((static_cast<void>(LocScope(loc, nullptr)), files_in(root)), options, loc) {}
ImageFolder::ImageFolder(std::shared_ptr<const Files> files, const ImageFolderOptions& options,
                         SourceLocation loc)
    : data::Dataset<2>((static_cast<void>(LocScope(loc, nullptr)), images_of(files, options)), loc),
      files_(std::move(files)) {}

}  // namespace lilith::data
