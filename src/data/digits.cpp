#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "data/byte_images.h"
#include "data/random.h"
#include "lilith/data.h"

namespace lilith::data {
namespace {

struct Point {
  float x, y;
};
using Stroke = std::vector<Point>;

constexpr int kSide = 28;

// Part of an ellipse around c, from angle a to b in turns (0 is right, 0.25 is down).
void arc(Stroke& s, Point c, float rx, float ry, float a, float b) {
  constexpr int kSteps = 12;
  for (int i = 0; i <= kSteps; ++i) {
    const float t = (a + (b - a) * static_cast<float>(i) / kSteps) * 2 * std::numbers::pi_v<float>;
    s.push_back({c.x + rx * std::cos(t), c.y + ry * std::sin(t)});
  }
}

// A quadratic Bezier curve from p to r that bends towards q.
void curve(Stroke& s, Point p, Point q, Point r) {
  constexpr int kSteps = 8;
  for (int i = 0; i <= kSteps; ++i) {
    const float t = static_cast<float>(i) / kSteps, u = 1 - t;
    s.push_back(
        {u * u * p.x + 2 * u * t * q.x + t * t * r.x, u * u * p.y + 2 * u * t * q.y + t * t * r.y});
  }
}

// The strokes of a digit in a box of [-0.5, 0.5] x [-1, 1], y down. Every digit has variants and
// proportions that vary, as hands do: a seven with a bar, an open four, a one with serifs.
class Hand {
 public:
  explicit Hand(HostRandom& random) : random_(random) {}

  std::vector<Stroke> draw(int digit) {
    switch (digit) {
      case 0:
        return zero();
      case 1:
        return one();
      case 2:
        return two();
      case 3:
        return three();
      case 4:
        return four();
      case 5:
        return five();
      case 6:
        return six(1);
      case 7:
        return seven();
      case 8:
        return eight();
      default:
        return nine();
    }
  }

 private:
  float vary(float centre, float spread) { return centre + spread * random_.uniform(-1, 1); }
  bool chance(float p) { return random_.uniform(0, 1) < p; }

  std::vector<Stroke> zero() {
    Stroke s;
    const float start = vary(0.75f, 0.08f);
    arc(s, {0, 0}, vary(0.5f, 0.1f), vary(0.95f, 0.08f), start, start + vary(-1.0f, 0.05f));
    return {s};
  }

  std::vector<Stroke> one() {
    const float lean = vary(0.0f, 0.12f);
    std::vector<Stroke> strokes{{{lean, -1}, {vary(0, 0.04f), 0}, {-lean, 1}}};
    if (chance(0.35f)) strokes.push_back({{vary(-0.32f, 0.08f), vary(-0.6f, 0.1f)}, {lean, -1}});
    if (chance(0.15f)) strokes.push_back({{-0.35f - lean, 1}, {0.35f - lean, vary(1, 0.05f)}});
    return strokes;
  }

  std::vector<Stroke> two() {
    Stroke s;
    const float r = vary(0.45f, 0.06f);
    arc(s, {0, -0.5f}, r, vary(0.48f, 0.06f), vary(0.52f, 0.05f), 1.08f);
    const Point foot{vary(-0.5f, 0.06f), vary(0.9f, 0.06f)};
    curve(s, s.back(), {vary(0.2f, 0.1f), 0.3f}, foot);
    if (chance(0.4f)) {
      arc(s, {foot.x + 0.12f, foot.y - 0.08f}, 0.14f, 0.12f, 0.45f, 1.2f);  // a loop at the foot
    }
    curve(s, s.back(), {0, vary(0.85f, 0.12f)}, {vary(0.55f, 0.08f), vary(0.92f, 0.08f)});
    return {s};
  }

  std::vector<Stroke> three() {
    Stroke s;
    const float waist = vary(-0.08f, 0.08f);
    if (chance(0.2f)) {
      s = {{-0.45f, -0.92f}, {vary(0.4f, 0.06f), -0.95f}, {vary(-0.02f, 0.06f), waist - 0.05f}};
    } else {
      arc(s, {-0.04f, (waist - 0.95f) / 2}, vary(0.42f, 0.06f), (waist + 0.95f) / 2,
          vary(0.58f, 0.04f), 1.2f);
      s.push_back({vary(-0.1f, 0.08f), waist});
    }
    arc(s, {-0.05f, (waist + 0.97f) / 2}, vary(0.5f, 0.07f), (0.97f - waist) / 2, 0.8f,
        vary(1.42f, 0.05f));
    return {s};
  }

  std::vector<Stroke> four() {
    const float bar = vary(0.25f, 0.1f), stem = vary(0.25f, 0.08f);
    Stroke corner{{chance(0.5f) ? vary(-0.35f, 0.1f) : stem - 0.05f, vary(-0.92f, 0.08f)},
                  {vary(-0.52f, 0.06f), bar},
                  {vary(0.55f, 0.08f), bar + vary(0, 0.06f)}};
    Stroke down{{stem + vary(0, 0.04f), corner[0].x > 0 ? -0.95f : vary(-0.55f, 0.35f)},
                {stem - vary(0.03f, 0.05f), 1}};
    return {corner, down};
  }

  std::vector<Stroke> five() {
    const float neck = vary(-0.12f, 0.08f);
    Stroke s{{vary(-0.32f, 0.06f), -0.92f}, {vary(-0.42f, 0.05f), neck}};
    arc(s, {-0.04f, (neck + 0.8f) / 2 + 0.05f}, vary(0.5f, 0.06f), (1.0f - neck) / 2, 0.66f,
        vary(1.4f, 0.06f));
    Stroke bar{{-0.34f, vary(-0.92f, 0.05f)}, {vary(0.42f, 0.1f), vary(-0.95f, 0.07f)}};
    return {s, bar};
  }

  // side 1: a six; a nine with a round tail is the same, turned by half a circle.
  std::vector<Stroke> six(float side) {
    Stroke s;
    const float top = vary(0.25f, 0.15f), belly = vary(0.42f, 0.08f);
    curve(s, {top, -0.97f}, {-0.45f, vary(-0.55f, 0.15f)}, {-vary(0.44f, 0.05f), 1 - belly});
    arc(s, {-0.02f, 1 - belly}, vary(0.44f, 0.06f), belly, 0.5f, vary(-0.52f, 0.06f));
    for (Point& p : s) p = {p.x * side, p.y * side};
    return {s};
  }

  std::vector<Stroke> seven() {
    const Point corner{vary(0.48f, 0.06f), vary(-0.9f, 0.06f)};
    Stroke s{{vary(-0.48f, 0.06f), vary(-0.88f, 0.08f)}, corner};
    curve(s, corner, {vary(0.1f, 0.12f), vary(0, 0.2f)}, {vary(-0.15f, 0.15f), 1});
    std::vector<Stroke> strokes{s};
    if (chance(0.3f))
      strokes.push_back(
          {{vary(-0.25f, 0.06f), vary(0.05f, 0.06f)}, {vary(0.38f, 0.06f), vary(0, 0.06f)}});
    return strokes;
  }

  std::vector<Stroke> eight() {
    const float waist = vary(-0.06f, 0.1f), rx = vary(0.4f, 0.07f), ry = (waist + 0.97f) / 2;
    Stroke s;
    arc(s, {0, waist - ry}, rx, ry, 0.25f, vary(1.22f, 0.04f));
    arc(s, {0, (waist + 0.97f) / 2}, vary(0.46f, 0.07f), (0.97f - waist) / 2, 0.75f,
        vary(-0.25f, 0.03f));
    return {s};
  }

  std::vector<Stroke> nine() {
    if (chance(0.25f)) return six(-1);
    const float belly = vary(0.45f, 0.07f), rx = vary(0.43f, 0.06f);
    Stroke s;
    arc(s, {0, -0.97f + belly}, rx, belly, vary(1.0f, 0.04f), vary(0.04f, 0.04f));
    if (chance(0.5f))
      s.push_back({vary(0.32f, 0.08f), 1});  // a straight tail
    else
      curve(s, s.back(), {rx + 0.02f, vary(0.7f, 0.2f)}, {vary(-0.15f, 0.2f), vary(0.95f, 0.06f)});
    return {s};
  }

  HostRandom& random_;
};

// A smooth displacement: random offsets at the corners of a coarse grid, blended between them.
class Elastic {
 public:
  Elastic(HostRandom& random, float strength) {
    for (auto& p : offsets_) p = {strength * random.bell(), strength * random.bell()};
  }
  Point operator()(Point p) const {
    const float gx = std::clamp((p.x + 0.75f) / 1.5f * (kGrid - 1), 0.0f, kGrid - 1.001f);
    const float gy = std::clamp((p.y + 1.2f) / 2.4f * (kGrid - 1), 0.0f, kGrid - 1.001f);
    const int ix = static_cast<int>(gx), iy = static_cast<int>(gy);
    const float fx = smooth(gx - static_cast<float>(ix)), fy = smooth(gy - static_cast<float>(iy));
    Point d{0, 0};
    for (int k = 0; k < 4; ++k) {
      const float w = (k & 1 ? fx : 1 - fx) * (k & 2 ? fy : 1 - fy);
      const Point& o = offsets_[static_cast<std::size_t>((iy + (k >> 1)) * kGrid + ix + (k & 1))];
      d = {d.x + w * o.x, d.y + w * o.y};
    }
    return {p.x + d.x, p.y + d.y};
  }

 private:
  static constexpr int kGrid = 4;
  static float smooth(float t) { return t * t * (3 - 2 * t); }
  std::array<Point, kGrid * kGrid> offsets_;
};

// Rotation, slant, scale and place: from the digit's box to pixels.
struct Affine {
  float a, b, c, d, tx, ty;
  explicit Affine(HostRandom& random) {
    const float angle = 0.16f * random.bell(), slant = 0.22f * random.bell() + 0.08f;
    const float sx = 7.8f * (1 + 0.16f * random.bell()), sy = 8.6f * (1 + 0.11f * random.bell());
    const float cosine = std::cos(angle), sine = std::sin(angle);
    // y is down, so a positive slant moves the top to the right.
    a = cosine * sx;
    b = -cosine * slant * sy - sine * sy;
    c = sine * sx;
    d = -sine * slant * sy + cosine * sy;
    tx = kSide / 2.0f + 1.1f * random.bell();
    ty = kSide / 2.0f + 0.9f * random.bell();
  }
  Point operator()(Point p) const { return {a * p.x + b * p.y + tx, c * p.x + d * p.y + ty}; }
};

float distance_squared(Point p, Point a, Point b) {
  const float dx = b.x - a.x, dy = b.y - a.y, px = p.x - a.x, py = p.y - a.y;
  const float length = dx * dx + dy * dy;
  const float t = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0f, 1.0f) : 0.0f;
  const float ex = px - t * dx, ey = py - t * dy;
  return ex * ex + ey * ey;
}

// Inks the pixels near a segment: full within `radius`, fading over one pixel at the rim.
void ink_segment(float* canvas, Point a, Point b, float radius, float pressure) {
  const float reach = radius + 0.5f;
  const auto low = [&](float v) { return std::max(0, static_cast<int>(std::floor(v - reach))); };
  const auto high = [&](float v) {
    return std::min(kSide - 1, static_cast<int>(std::ceil(v + reach)));
  };
  for (int y = low(std::min(a.y, b.y)); y <= high(std::max(a.y, b.y)); ++y) {
    for (int x = low(std::min(a.x, b.x)); x <= high(std::max(a.x, b.x)); ++x) {
      const Point centre{static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f};
      const float distance = std::sqrt(distance_squared(centre, a, b));
      const float cover = std::clamp(reach - distance, 0.0f, 1.0f) * pressure;
      float& pixel = canvas[y * kSide + x];
      pixel = std::max(pixel, cover);
    }
  }
}

void draw_digit(int digit, HostRandom& random, std::uint8_t* pixels) {
  Hand hand(random);
  const auto strokes = hand.draw(digit);
  const Elastic elastic(random, 0.115f);
  const Affine affine(random);
  const float radius = std::clamp(1.15f + 0.35f * random.bell(), 0.55f, 2.1f);
  const float thinning = 0.25f * random.bell(), pressure = random.uniform(0.85f, 1.0f);
  float canvas[kSide * kSide] = {};
  for (const Stroke& stroke : strokes) {
    for (std::size_t i = 0; i + 1 < stroke.size(); ++i) {
      // The pen gets thinner or thicker along the stroke; long lines are cut so that the warp can
      // bend them.
      constexpr int kCuts = 3;
      for (int k = 0; k < kCuts; ++k) {
        const auto at = [&](int j) {
          const float t = static_cast<float>(j) / kCuts;
          const Point &p = stroke[i], &q = stroke[i + 1];
          return affine(elastic({p.x + t * (q.x - p.x), p.y + t * (q.y - p.y)}));
        };
        const float along =
            (static_cast<float>(i) + 0.5f) / static_cast<float>(stroke.size()) - 0.5f;
        ink_segment(canvas, at(k), at(k + 1), std::max(0.5f, radius + thinning * along), pressure);
      }
    }
  }
  for (int i = 0; i < kSide * kSide; ++i)
    pixels[i] = static_cast<std::uint8_t>(canvas[i] * 255.0f + 0.5f);
}

DataSourcePtr draw_digits(Split split, const DigitsOptions& options) {
  LILITH_CHECK(options.size >= 0, "Digits: size is {}; need at least 0", options.size);
  const auto n = static_cast<std::size_t>(options.size);
  std::vector<std::uint8_t> pixels(n * kSide * kSide), labels(n);
  for (std::size_t i = 0; i < n; ++i) {
    // A stream for each image, even for training and odd for testing: no image depends on how many
    // there are.
    HostRandom random(options.seed, 2 * i + (split == Split::Test ? 1 : 0));
    labels[i] = static_cast<std::uint8_t>(random.below(10));
    draw_digit(labels[i], random, pixels.data() + i * kSide * kSide);
  }
  return std::make_shared<ByteImages>(std::move(pixels), std::move(labels), Shape{1, kSide, kSide});
}

}  // namespace

Digits::Digits(Split split, const DigitsOptions& options, SourceLocation loc)
    : data::Dataset<2>((static_cast<void>(LocScope(loc, nullptr)), draw_digits(split, options)),
                       loc) {}

}  // namespace lilith::data
