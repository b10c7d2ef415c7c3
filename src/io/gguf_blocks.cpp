// The quantised blocks of GGUF, each expanded to f32 in the order of operations of its reference
// implementation, so that values agree to the bit. Ref: ggml-common.h and ggml-quants.c of
// https://github.com/ggml-org/ggml; https://github.com/ggml-org/llama.cpp/tree/master/gguf-py
#include "io/gguf_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "io/gguf_grids.h"
#include "lilith/dtype.h"

namespace lilith::io {

namespace {

using Bytes = const std::uint8_t*;

std::uint32_t u16(Bytes p) { return p[0] | static_cast<std::uint32_t>(p[1]) << 8; }
std::uint32_t u32(Bytes p) { return u16(p) | u16(p + 2) << 16; }
float half_of(std::uint32_t bits) {
  half h;
  h.bits = static_cast<std::uint16_t>(bits);
  return static_cast<float>(h);
}
float f16(Bytes p) { return half_of(u16(p)); }
float number(unsigned v) { return static_cast<float>(v); }
float number(int v) { return static_cast<float>(v); }
int signed_byte(std::uint8_t v) { return static_cast<std::int8_t>(v); }
// The i-th of `bits` bits each, from the lowest of byte 0 on; 8 is a multiple of `bits`.
unsigned field(Bytes p, unsigned i, unsigned bits) {
  const unsigned per_byte = 8 / bits;
  return static_cast<unsigned>(p[i / per_byte]) >> i % per_byte * bits & ((1u << bits) - 1);
}

// ---- Blocks of 32: d q, or d q + m, with 4, 5 or 8 bits an element. ----

// Low nibbles hold the first half of the elements, high ones the second.
unsigned nibble(Bytes p, unsigned j) { return j < 16 ? p[j] & 15u : p[j - 16] >> 4u; }

void q4_0(Bytes p, float* out) {
  const float d = f16(p);
  for (unsigned j = 0; j < 32; ++j) out[j] = d * number(static_cast<int>(nibble(p + 2, j)) - 8);
}
void q4_1(Bytes p, float* out) {
  const float d = f16(p), m = f16(p + 2);
  for (unsigned j = 0; j < 32; ++j) out[j] = d * number(nibble(p + 4, j)) + m;
}
void q5_0(Bytes p, float* out) {
  const float d = f16(p);
  for (unsigned j = 0; j < 32; ++j) {
    const unsigned q = nibble(p + 6, j) | field(p + 2, j, 1) << 4;
    out[j] = d * number(static_cast<int>(q) - 16);
  }
}
void q5_1(Bytes p, float* out) {
  const float d = f16(p), m = f16(p + 2);
  for (unsigned j = 0; j < 32; ++j)
    out[j] = d * number(nibble(p + 8, j) | field(p + 4, j, 1) << 4) + m;
}
void q8_0(Bytes p, float* out) {
  const float d = f16(p);
  for (int j = 0; j < 32; ++j) out[j] = number(signed_byte(p[2 + j])) * d;
}

// ---- K-quants: 256 elements in groups with scales of their own. ----

void q2_k(Bytes p, float* out) {
  const Bytes scales = p, qs = p + 16;
  const float d = f16(p + 80), minimum = f16(p + 82);
  for (unsigned e = 0; e < 256; ++e) {
    const unsigned scale = scales[e / 16], shift = e / 32 % 4 * 2;
    const unsigned q = static_cast<unsigned>(qs[e / 128 * 32 + e % 32]) >> shift & 3;
    out[e] = d * number(scale & 15) * number(q) - minimum * number(scale >> 4);
  }
}

void q3_k(Bytes p, float* out) {
  const Bytes high = p, qs = p + 32, scales = p + 96;
  const float d = f16(p + 108);
  float factor[16];
  for (unsigned i = 0; i < 16; ++i) {  // 4 low bits in bytes 0 to 7, 2 high ones in 8 to 11
    const unsigned low = i < 8 ? scales[i] & 15u : scales[i - 8] >> 4u;
    const unsigned top = static_cast<unsigned>(scales[8 + i % 4]) >> i / 4 * 2 & 3;
    factor[i] = d * number(static_cast<int>(low | top << 4) - 32);
  }
  for (unsigned e = 0; e < 256; ++e) {
    const unsigned low = static_cast<unsigned>(qs[e / 128 * 32 + e % 32]) >> e / 32 % 4 * 2 & 3;
    const bool kept = (high[e % 32] >> e / 32 & 1) != 0;  // a clear bit takes 4 away
    out[e] = factor[e / 16] * number(static_cast<int>(low) - (kept ? 0 : 4));
  }
}

// Scale and minimum of group g, 6 bits each: those of groups 4 to 7 are split.
struct ScaleMinimum {
  float scale, minimum;
};
ScaleMinimum scale_minimum(Bytes s, unsigned g) {
  if (g < 4) return {number(s[g] & 63u), number(s[g + 4] & 63u)};
  return {number((s[g + 4] & 15u) | (s[g - 4] >> 2u & 48u)),
          number(s[g + 4] >> 4u | (s[g] >> 2u & 48u))};
}

void q4_k(Bytes p, float* out) {
  const float d = f16(p), minimum = f16(p + 2);
  const Bytes scales = p + 4, qs = p + 16;
  for (unsigned g = 0; g < 8; ++g) {
    const ScaleMinimum s = scale_minimum(scales, g);
    const float factor = d * s.scale, offset = minimum * s.minimum;
    for (unsigned l = 0; l < 32; ++l) {
      const unsigned q = static_cast<unsigned>(qs[g / 2 * 32 + l]) >> g % 2 * 4 & 15;
      out[g * 32 + l] = factor * number(q) - offset;
    }
  }
}

void q5_k(Bytes p, float* out) {
  const float d = f16(p), minimum = f16(p + 2);
  const Bytes scales = p + 4, high = p + 16, qs = p + 48;
  for (unsigned g = 0; g < 8; ++g) {
    const ScaleMinimum s = scale_minimum(scales, g);
    const float factor = d * s.scale, offset = minimum * s.minimum;
    for (unsigned l = 0; l < 32; ++l) {
      const unsigned low = static_cast<unsigned>(qs[g / 2 * 32 + l]) >> g % 2 * 4 & 15;
      const unsigned top = static_cast<unsigned>(high[l]) >> g & 1;
      out[g * 32 + l] = factor * number(low | top << 4) - offset;
    }
  }
}

void q6_k(Bytes p, float* out) {
  const Bytes low = p, high = p + 128, scales = p + 192;
  const float d = f16(p + 208);
  for (unsigned e = 0; e < 256; ++e) {
    const unsigned half_block = e / 128, part = e / 32 % 4, l = e % 32;
    const unsigned bits =
        (static_cast<unsigned>(low[half_block * 64 + part % 2 * 32 + l]) >> part / 2 * 4 & 15) |
        (static_cast<unsigned>(high[half_block * 32 + l]) >> part * 2 & 3) << 4;
    out[e] = d * number(signed_byte(scales[e / 16])) * number(static_cast<int>(bits) - 32);
  }
}

void q8_k(Bytes p, float* out) {
  const float d = std::bit_cast<float>(u32(p));
  for (int j = 0; j < 256; ++j) out[j] = d * number(signed_byte(p[4 + j]));
}

// ---- Ternary numbers: five to a byte, a fixed-point fraction of 3^5; or two bits each. ----

int trit(std::uint8_t byte, unsigned power) {
  const auto shifted = static_cast<std::uint8_t>(byte * power);
  return (shifted * 3 >> 8) - 1;
}

void tq1_0(Bytes p, float* out) {
  constexpr unsigned kPowers[] = {1, 3, 9, 27, 81};
  const float d = f16(p + 52);
  const auto put = [&](Bytes from, unsigned count, unsigned powers) {
    for (unsigned n = 0; n < powers; ++n)
      for (unsigned l = 0; l < count; ++l) *out++ = d * number(trit(from[l], kPowers[n]));
  };
  put(p, 32, 5);
  put(p + 32, 16, 5);
  put(p + 48, 4, 4);
}
void tq2_0(Bytes p, float* out) {
  const float d = f16(p + 64);
  for (unsigned e = 0; e < 256; ++e) {
    const unsigned q = static_cast<unsigned>(p[e / 128 * 32 + e % 32]) >> e / 32 % 4 * 2 & 3;
    out[e] = d * number(static_cast<int>(q) - 1);
  }
}

// ---- Tables of values. ----

constexpr int kDoubledE2M1[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
constexpr int kNonLinear[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                              1,    13,   25,  38,  53,  69,  89,  113};

// Half of 2^(e - 127).
float half_of_power(unsigned e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}
// Half of an unsigned float of 4 and 3 bits; its NaN stands for 0.
float half_of_e4m3(unsigned x) {
  if (x == 0 || x == 0x7f) return 0;
  const unsigned exponent = x >> 3 & 15, mantissa = x & 7;
  const float value = exponent == 0
                          ? std::ldexp(number(mantissa), -9)
                          : std::ldexp(1 + number(mantissa) / 8, static_cast<int>(exponent) - 7);
  return value * 0.5f;
}

void mxfp4(Bytes p, float* out) {
  const float d = half_of_power(p[0]);
  for (unsigned j = 0; j < 32; ++j) out[j] = d * number(kDoubledE2M1[nibble(p + 1, j)]);
}
void nvfp4(Bytes p, float* out) {
  for (unsigned e = 0; e < 64; ++e) {
    const unsigned part = e / 16, j = e % 16;
    const unsigned byte = p[4 + part * 8 + j % 8];
    out[e] = half_of_e4m3(p[part]) * number(kDoubledE2M1[j < 8 ? byte & 15 : byte >> 4]);
  }
}
void iq4_nl(Bytes p, float* out) {
  const float d = f16(p);
  for (unsigned j = 0; j < 32; ++j) out[j] = d * number(kNonLinear[nibble(p + 2, j)]);
}
void iq4_xs(Bytes p, float* out) {
  const float d = f16(p);
  const unsigned high = u16(p + 2);
  for (unsigned g = 0; g < 8; ++g) {
    const unsigned scale = field(p + 4, g, 4) | (high >> 2 * g & 3) << 4;
    const float factor = d * number(static_cast<int>(scale) - 32);
    for (unsigned j = 0; j < 32; ++j)
      out[g * 32 + j] = factor * number(kNonLinear[nibble(p + 8 + g * 16, j)]);
  }
}

// ---- IQ: rows of a grid, with scales and signs. ----

// 7 bits of signs stand for 8: their number is even.
unsigned even_signs(unsigned seven) {
  return seven | (static_cast<unsigned>(std::popcount(seven)) & 1) << 7;
}
float sign(unsigned bits, unsigned i) { return (bits >> i & 1) != 0 ? -1.f : 1.f; }
void put_row(const float* row, unsigned width, float factor, unsigned signs, float* out) {
  for (unsigned i = 0; i < width; ++i) out[i] = factor * row[i] * sign(signs, i);
}

void iq2_xxs(Bytes p, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq2Xxs).data();
  const float d = f16(p);
  for (unsigned g = 0; g < 8; ++g) {
    const Bytes indices = p + 2 + g * 8;
    const std::uint32_t packed = u32(indices + 4);
    const float factor = d * (0.5f + number(packed >> 28)) * 0.25f;
    for (unsigned j = 0; j < 4; ++j, out += 8)
      put_row(grid + 8u * indices[j], 8, factor, even_signs(packed >> 7 * j & 127), out);
  }
}
void iq2_xs(Bytes p, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq2Xs).data();
  const float d = f16(p);
  for (unsigned i = 0; i < 32; ++i, out += 8) {
    const unsigned q = u16(p + 2 + 2 * i);
    const float factor = d * (0.5f + number(field(p + 66, i / 2, 4))) * 0.25f;
    put_row(grid + 8 * (q & 511), 8, factor, even_signs(q >> 9), out);
  }
}
void iq2_s(Bytes p, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq2S).data();
  const float d = f16(p);
  for (unsigned i = 0; i < 32; ++i, out += 8) {
    const unsigned row = p[2 + i] | field(p + 66, i, 2) << 8;
    const float factor = d * (0.5f + number(field(p + 74, i / 2, 4))) * 0.25f;
    put_row(grid + std::size_t{8} * row, 8, factor, p[34 + i], out);
  }
}
void iq3_xxs(Bytes p, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq3Xxs).data();
  const float d = f16(p);
  for (unsigned g = 0; g < 8; ++g) {
    const std::uint32_t packed = u32(p + 66 + 4 * g);
    const float factor = d * (0.5f + number(packed >> 28)) * 0.5f;
    for (unsigned j = 0; j < 8; ++j, out += 4)
      put_row(grid + 4u * p[2 + g * 8 + j], 4, factor,
              even_signs(packed >> j / 2 * 7 & 127) >> j % 2 * 4, out);
  }
}
void iq3_s(Bytes p, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq3S).data();
  const float d = f16(p);
  for (unsigned i = 0; i < 64; ++i, out += 4) {
    const unsigned row = p[2 + i] | field(p + 66, i, 1) << 8;
    const float factor = d * number(1 + 2 * field(p + 106, i / 8, 4));
    put_row(grid + std::size_t{4} * row, 4, factor, field(p + 74, i, 4), out);
  }
}
void put_shifted(unsigned row, float factor, bool down, float* out) {
  const float* grid = gguf_grid(GgufGrid::Iq1S).data() + std::size_t{8} * row;
  for (unsigned i = 0; i < 8; ++i) out[i] = factor * (grid[i] + (down ? -0.125f : 0.125f));
}
void iq1_s(Bytes p, float* out) {
  const float d = f16(p);
  for (unsigned i = 0; i < 32; ++i, out += 8) {
    const unsigned high = u16(p + 34 + i / 4 * 2);
    const float factor = d * number(2 * (high >> 12 & 7) + 1);
    put_shifted(p[2 + i] | (high >> i % 4 * 3 & 7) << 8, factor, (high & 0x8000) != 0, out);
  }
}
void iq1_m(Bytes p, float* out) {
  const Bytes scales = p + 48;
  unsigned bits = 0;  // d: the top 4 bits of four words
  for (unsigned k = 0; k < 4; ++k) bits |= u16(scales + 2 * k) >> 12 << 4 * k;
  const float d = half_of(bits);
  for (unsigned i = 0; i < 32; ++i, out += 8) {
    const unsigned high = field(p + 32, i, 4);
    const unsigned scale = u16(scales + i / 8 * 2) >> i / 2 % 4 * 3 & 7;
    put_shifted(p[i] | (high & 7) << 8, d * number(2 * scale + 1), (high & 8) != 0, out);
  }
}

constexpr GgufType kTypes[] = {
    {0, "F32", 1, 4},
    {1, "F16", 1, 2},
    {2, "Q4_0", 32, 18, q4_0, {0, -1}},
    {3, "Q4_1", 32, 20, q4_1, {0, 2}},
    {4, "Q4_2"},
    {5, "Q4_3"},
    {6, "Q5_0", 32, 22, q5_0},
    {7, "Q5_1", 32, 24, q5_1},
    {8, "Q8_0", 32, 34, q8_0, {0, -1}},
    {9, "Q8_1"},
    {10, "Q2_K", 256, 84, q2_k, {80, 82}},
    {11, "Q3_K", 256, 110, q3_k, {108, -1}},
    {12, "Q4_K", 256, 144, q4_k, {0, 2}},
    {13, "Q5_K", 256, 176, q5_k, {0, 2}},
    {14, "Q6_K", 256, 210, q6_k, {208, -1}},
    {15, "Q8_K", 256, 292, q8_k},
    {16, "IQ2_XXS", 256, 66, iq2_xxs},
    {17, "IQ2_XS", 256, 74, iq2_xs},
    {18, "IQ3_XXS", 256, 98, iq3_xxs},
    {19, "IQ1_S", 256, 50, iq1_s},
    {20, "IQ4_NL", 32, 18, iq4_nl, {0, -1}},
    {21, "IQ3_S", 256, 110, iq3_s},
    {22, "IQ2_S", 256, 82, iq2_s},
    {23, "IQ4_XS", 256, 136, iq4_xs},
    {24, "I8", 1, 1},
    {25, "I16", 1, 2},
    {26, "I32", 1, 4},
    {27, "I64", 1, 8},
    {28, "F64", 1, 8},
    {29, "IQ1_M", 256, 56, iq1_m},
    {30, "BF16", 1, 2},
    {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},
    {34, "TQ1_0", 256, 54, tq1_0, {52, -1}},
    {35, "TQ2_0", 256, 66, tq2_0, {64, -1}},
    {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"},
    {39, "MXFP4", 32, 17, mxfp4, {-1, -1}},
    {40, "NVFP4", 64, 36, nvfp4, {-1, -1}},
    {41, "Q1_0"},
};

// The value of a block that is farthest from 0.
float largest(const float* in) {
  float out = 0;
  for (int j = 0; j < 32; ++j)
    if (std::fabs(in[j]) > std::fabs(out)) out = in[j];
  return out;
}
void put_half(float v, std::uint8_t* to) {
  const half h(v);
  std::memcpy(to, &h.bits, 2);
}

}  // namespace

const GgufType* gguf_type(std::uint32_t id) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const GgufType& t) { return t.id == id; });
  return type == std::end(kTypes) ? nullptr : type;
}

void encode_q8_0(const float* in, std::uint8_t* block) {
  const float d = std::fabs(largest(in)) / 127, inverse = d == 0 ? 0 : 1 / d;
  put_half(d, block);
  for (int j = 0; j < 32; ++j)
    block[2 + j] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::round(in[j] * inverse)));
}

void encode_q4_0(const float* in, std::uint8_t* block) {
  const float d = largest(in) / -8, inverse = d == 0 ? 0 : 1 / d;
  put_half(d, block);
  const auto code = [&](float v) {
    return static_cast<unsigned>(std::clamp(static_cast<int>(v * inverse + 8.5f), 0, 15));
  };
  for (int j = 0; j < 16; ++j)
    block[2 + j] = static_cast<std::uint8_t>(code(in[j]) | code(in[j + 16]) << 4);
}

}  // namespace lilith::io
