#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

std::vector<Tensor> resampled(const Call& c, Interpolation mode, int first, bool align_corners) {
  InterpolateOptions o{.mode = mode,
                       .align_corners = align_corners,
                       .recompute_scale_factor = c.flag(5, "recompute_scale_factor", false)};
  const int second = first < 0 ? -1 : first + 1;
  if (c.has(first, "size")) o.size = c.longs(first, "size");
  if (c.is_list(second, "scale_factor")) {
    o.scale_factor = c.json(second, "scale_factor").get<std::vector<double>>();
  } else if (c.has(second, "scale_factor")) {
    o.scale_factor = {c.real(second, "scale_factor", 1)};
  }
  return one(interpolate(c.operand(0), o));
}

}  // namespace

void bind_resampling(Table& t) {
  for (const auto& [name, mode] :
       {std::pair<const char*, Interpolation>{"nearest", Interpolation::Nearest},
        {"linear", Interpolation::Linear},
        {"bilinear", Interpolation::Bilinear},
        {"bicubic", Interpolation::Bicubic},
        {"trilinear", Interpolation::Trilinear},
        {"area", Interpolation::Area},
        {"nearest-exact", Interpolation::NearestExact}}) {
    t[std::string("nn.functional.interpolate__") + name] = [mode = mode](const Call& c) {
      return resampled(c, mode, 1, c.flag(4, "align_corners", false));
    };
  }
  t["nn.functional.upsample_nearest"] = [](const Call& c) {
    return resampled(c, Interpolation::Nearest, -1, false);
  };
  t["nn.functional.upsample_bilinear"] = [](const Call& c) {
    return resampled(c, Interpolation::Bilinear, -1, true);
  };
}

}  // namespace lilith::parity
