#include "train/canvas.h"

#include <numbers>

namespace lilith::train {

void Canvas::set(Color color) {
  c_.set_source_rgb(at_, color.r / 255.0, color.g / 255.0, color.b / 255.0);
}

void Canvas::set(const Font& font) {
  c_.select_font_face(at_, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                      font.is_bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  c_.set_font_size(at_, font.size);
}

void Canvas::fill(double x, double y, double width, double height, Color color) {
  set(color);
  c_.rectangle(at_, x, y, width, height);
  c_.fill(at_);
}

void Canvas::dot(double x, double y, double radius, Color color) {
  set(color);
  c_.arc(at_, x, y, radius, 0, 2 * std::numbers::pi);
  c_.fill(at_);
}

void Canvas::line(const std::vector<std::pair<double, double>>& points, double thickness,
                  Color color) {
  if (points.size() < 2) return;
  set(color);
  c_.set_line_width(at_, thickness);
  c_.set_line_join(at_, CAIRO_LINE_JOIN_ROUND);
  c_.move_to(at_, points[0].first, points[0].second);
  for (const auto& [x, y] : points) c_.line_to(at_, x, y);
  c_.stroke(at_);
}

double Canvas::text_width(const std::string& text, const Font& font) {
  set(font);
  cairo_text_extents_t extents;
  c_.text_extents(at_, text.c_str(), &extents);
  return extents.x_advance;
}

void Canvas::text(double x, double y, const std::string& text, const Font& font, Align align,
                  Color color) {
  const double width = text_width(text, font);
  if (align == Align::Middle) x -= width / 2;
  if (align == Align::Right) x -= width;
  set(color);
  c_.move_to(at_, x, y);
  c_.show_text(at_, text.c_str());
}

void Canvas::text_up(double x, double y, const std::string& text, const Font& font, Color color) {
  c_.save(at_);
  c_.translate(at_, x, y);
  c_.rotate(at_, -std::numbers::pi / 2);
  this->text(0, 0, text, font, Align::Middle, color);
  c_.restore(at_);
}

void Canvas::image(const std::vector<std::uint32_t>& pixels, int width, int height) {
  // Cairo reads through a pointer that is not const.
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<std::uint32_t*>(pixels.data()));
  cairo_surface_t* const surface =
      c_.image_surface_create_for_data(bytes, CAIRO_FORMAT_RGB24, width, height, 4 * width);
  c_.set_source_surface(at_, surface, 0, 0);
  c_.paint(at_);
  c_.set_source_rgb(at_, 0, 0, 0);
  c_.surface_finish(surface);
  c_.surface_destroy(surface);
}

}  // namespace lilith::train
