#pragma once
#include <cairo/cairo-pdf.h>
#include <cairo/cairo-svg.h>

namespace lilith::train {

/// The functions of Cairo that pictures use, found at run time. Ref: cairographics.org/manual.
struct Cairo {
  decltype(&cairo_image_surface_create) image_surface_create;
  decltype(&cairo_image_surface_create_for_data) image_surface_create_for_data;
  decltype(&cairo_image_surface_get_data) image_surface_get_data;
  decltype(&cairo_image_surface_get_stride) image_surface_get_stride;
  decltype(&cairo_svg_surface_create) svg_surface_create;
  decltype(&cairo_pdf_surface_create) pdf_surface_create;
  decltype(&cairo_surface_write_to_png) surface_write_to_png;
  decltype(&cairo_surface_flush) surface_flush;
  decltype(&cairo_surface_finish) surface_finish;
  decltype(&cairo_surface_status) surface_status;
  decltype(&cairo_surface_destroy) surface_destroy;
  decltype(&cairo_status_to_string) status_to_string;
  decltype(&cairo_create) create;
  decltype(&cairo_destroy) destroy;
  decltype(&cairo_status) status;
  decltype(&cairo_save) save;
  decltype(&cairo_restore) restore;
  decltype(&cairo_set_source_rgb) set_source_rgb;
  decltype(&cairo_set_source_surface) set_source_surface;
  decltype(&cairo_paint) paint;
  decltype(&cairo_rectangle) rectangle;
  decltype(&cairo_arc) arc;
  decltype(&cairo_fill) fill;
  decltype(&cairo_move_to) move_to;
  decltype(&cairo_line_to) line_to;
  decltype(&cairo_set_line_width) set_line_width;
  decltype(&cairo_set_line_join) set_line_join;
  decltype(&cairo_stroke) stroke;
  decltype(&cairo_rotate) rotate;
  decltype(&cairo_translate) translate;
  decltype(&cairo_select_font_face) select_font_face;
  decltype(&cairo_set_font_size) set_font_size;
  decltype(&cairo_text_extents) text_extents;
  decltype(&cairo_show_text) show_text;
};

/// Error where this machine has no Cairo.
const Cairo& cairo();

}  // namespace lilith::train
