#include <algorithm>
#include <cctype>
#include <filesystem>

#include "lilith/ops/create.h"
#include "lilith/plot.h"
#include "train/canvas.h"

namespace lilith {
namespace {

using train::Cairo, train::cairo, train::Canvas, detail::Drawing;

/// A surface that ends with its scope.
class Surface {
 public:
  explicit Surface(cairo_surface_t* surface) : c_(cairo()), at_(surface) {}
  ~Surface() { c_.surface_destroy(at_); }
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;

  cairo_surface_t* get() const { return at_; }
  /// What went wrong, if anything.
  cairo_status_t draw(const Drawing& drawing) const {
    if (const auto status = c_.surface_status(at_)) return status;
    Canvas canvas(at_);
    canvas.fill(0, 0, drawing.width, drawing.height, {255, 255, 255});
    drawing.draw(canvas);
    return canvas.status();
  }
  cairo_status_t finish() const {
    c_.surface_finish(at_);
    return c_.surface_status(at_);
  }

 private:
  const Cairo& c_;
  cairo_surface_t* const at_;
};

cairo_surface_t* image_surface(const Drawing& d) {
  return cairo().image_surface_create(CAIRO_FORMAT_RGB24, d.width, d.height);
}

std::string extension_of(const std::string& path) {
  std::string end = std::filesystem::path(path).extension().string();
  std::ranges::transform(end, end.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end;
}

}  // namespace

int detail::Picture::width() const { return drawing_->width; }
int detail::Picture::height() const { return drawing_->height; }

void detail::Picture::save(const std::string& path, SourceLocation loc) const {
  const LocScope scope(loc, nullptr);
  const Cairo& c = cairo();
  const Drawing& d = *drawing_;
  const std::string end = extension_of(path);
  LILITH_CHECK(end == ".png" || end == ".svg" || end == ".pdf",
               "save: {} is no picture; need a name that ends in .png, .svg or .pdf", path);
  const Surface surface(end == ".svg"   ? c.svg_surface_create(path.c_str(), d.width, d.height)
                        : end == ".pdf" ? c.pdf_surface_create(path.c_str(), d.width, d.height)
                                        : image_surface(d));
  cairo_status_t status = surface.draw(d);
  if (status == CAIRO_STATUS_SUCCESS)
    status = end == ".png" ? c.surface_write_to_png(surface.get(), path.c_str()) : surface.finish();
  LILITH_CHECK(status == CAIRO_STATUS_SUCCESS, "save: cannot write {}: {}", path,
               c.status_to_string(status));
}

Tensor detail::Picture::pixels(SourceLocation loc) const {
  const LocScope scope(loc, nullptr);
  const Cairo& c = cairo();
  const Drawing& d = *drawing_;
  const Surface surface(image_surface(d));
  const cairo_status_t status = surface.draw(d);
  LILITH_CHECK(status == CAIRO_STATUS_SUCCESS, "pixels: {}", c.status_to_string(status));
  c.surface_flush(surface.get());
  const unsigned char* const from = c.image_surface_get_data(surface.get());
  const auto stride = static_cast<std::size_t>(c.image_surface_get_stride(surface.get()));
  const auto width = static_cast<std::size_t>(d.width), height = static_cast<std::size_t>(d.height);
  std::vector<std::uint8_t> out(3 * width * height);
  for (std::size_t y = 0; y < height; ++y) {
    const auto* row = reinterpret_cast<const std::uint32_t*>(from + y * stride);
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t channel = 0; channel < 3; ++channel)
        out[(channel * height + y) * width + x] =
            static_cast<std::uint8_t>(row[x] >> (16 - 8 * channel));
  }
  return from_data(out.data(), {3, d.height, d.width});
}

}  // namespace lilith
