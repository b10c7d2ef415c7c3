#include "lilith/ops.h"
#include "parity/bind.h"

// Fourier transforms: complex values are pairs in the last dimension.
namespace lilith::parity {
namespace {

std::optional<Int> maybe_int(const Call& c, int position, const std::string& name) {
  if (!c.has(position, name)) return {};
  return Int(c.integer(position, name));
}

}  // namespace

void bind_fft(Table& t) {
  using One = Tensor (*)(const Arg&, std::optional<Int>, Dim, FftNorm);
  const std::pair<const char*, One> ones[] = {{"fft", fft::fft},   {"ifft", fft::ifft},
                                              {"rfft", fft::rfft}, {"irfft", fft::irfft},
                                              {"hfft", fft::hfft}, {"ihfft", fft::ihfft}};
  for (const auto& [name, f] : ones) {
    t[std::string("fft.") + name] = [f = f](const Call& c) {
      return one(f(c.operand(0), maybe_int(c, 1, "n"), static_cast<int>(c.integer(2, "dim", -1)),
                   c.text(3, "norm", "backward")));
    };
  }
  using Several = Tensor (*)(const Arg&, const IntList&, const IntList&, FftNorm);
  const std::pair<const char*, Several> several[] = {
      {"fftn", fft::fftn},     {"ifftn", fft::ifftn}, {"rfftn", fft::rfftn},
      {"irfftn", fft::irfftn}, {"hfftn", fft::hfftn}, {"ihfftn", fft::ihfftn},
      {"fft2", fft::fft2},     {"ifft2", fft::ifft2}, {"rfft2", fft::rfft2},
      {"irfft2", fft::irfft2}, {"hfft2", fft::hfft2}, {"ihfft2", fft::ihfft2}};
  for (const auto& [name, f] : several) {
    const bool flat = std::string_view(name).ends_with("2");
    t[std::string("fft.") + name] = [f = f, flat](const Call& c) {
      return one(f(
          c.operand(0), c.longs(1, "s", {}),
          c.longs(2, "dim", flat ? std::vector<std::int64_t>{-2, -1} : std::vector<std::int64_t>{}),
          c.text(3, "norm", "backward")));
    };
  }
  t["fft.fftshift"] = [](const Call& c) {
    return one(fft::fftshift(c.operand(0), c.longs(1, "dim", {})));
  };
  t["fft.ifftshift"] = [](const Call& c) {
    return one(fft::ifftshift(c.operand(0), c.longs(1, "dim", {})));
  };
  t["stft"] = [](const Call& c) {
    return one(stft(c.operand(0), c.integer(1, "n_fft"),
                    {.hop_length = maybe_int(c, 2, "hop_length"),
                     .win_length = maybe_int(c, 3, "win_length"),
                     .window = c.maybe_tensor(4, "window"),
                     .center = c.flag(5, "center", true),
                     .pad_mode = c.text(6, "pad_mode", "reflect"),
                     .normalized = c.flag(7, "normalized", false),
                     .onesided = c.flag(8, "onesided", true)}));
  };
  t["istft"] = [](const Call& c) {
    std::optional<bool> onesided;
    if (c.has(7, "onesided")) onesided = c.flag(7, "onesided", true);
    return one(istft(c.operand(0), c.integer(1, "n_fft"),
                     {.hop_length = maybe_int(c, 2, "hop_length"),
                      .win_length = maybe_int(c, 3, "win_length"),
                      .window = c.maybe_tensor(4, "window"),
                      .center = c.flag(5, "center", true),
                      .normalized = c.flag(6, "normalized", false),
                      .onesided = onesided,
                      .length = maybe_int(c, 8, "length")}));
  };
}

}  // namespace lilith::parity
