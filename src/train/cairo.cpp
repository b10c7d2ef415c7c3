#include "train/cairo.h"

#include "lilith/error.h"
#include "runtime/shared_library.h"

namespace lilith::train {
namespace {

struct Found {
  runtime::SharedLibrary library;
  Cairo api;

  Found() {
    if (!library.open("libcairo.so.2")) return;
#define FIND(name) library.find(&api.name, "cairo_" #name)
    FIND(image_surface_create);
    FIND(image_surface_create_for_data);
    FIND(image_surface_get_data);
    FIND(image_surface_get_stride);
    FIND(svg_surface_create);
    FIND(pdf_surface_create);
    FIND(surface_write_to_png);
    FIND(surface_flush);
    FIND(surface_finish);
    FIND(surface_status);
    FIND(surface_destroy);
    FIND(status_to_string);
    FIND(create);
    FIND(destroy);
    FIND(status);
    FIND(save);
    FIND(restore);
    FIND(set_source_rgb);
    FIND(set_source_surface);
    FIND(paint);
    FIND(rectangle);
    FIND(arc);
    FIND(fill);
    FIND(move_to);
    FIND(line_to);
    FIND(set_line_width);
    FIND(set_line_join);
    FIND(stroke);
    FIND(rotate);
    FIND(translate);
    FIND(select_font_face);
    FIND(set_font_size);
    FIND(text_extents);
    FIND(show_text);
#undef FIND
  }
};

}  // namespace

const Cairo& cairo() {
  static const Found found;
  LILITH_CHECK(found.library.is_open(),
               "plots are drawn by Cairo, which is not found: {}; Debian has it in libcairo2",
               found.library.error());
  LILITH_CHECK(found.library.missing() == nullptr, "plots: this Cairo has no {}",
               found.library.missing());
  return found.api;
}

}  // namespace lilith::train
