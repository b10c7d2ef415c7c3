#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "parity/call.h"

namespace lilith::parity {

/// A form of an operator for which Lilith has no function: the reason.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline std::vector<Tensor> one(Tensor t) { return {std::move(t)}; }
inline std::vector<Tensor> two(std::pair<Tensor, Tensor> p) { return {p.first, p.second}; }

using Unary = Tensor (*)(const Arg&);
using Binary = Tensor (*)(const Arg&, const Arg&);
inline void unary(Table& table, const std::string& name, Unary f) {
  table[name] = [f](const Call& c) { return one(f(c.operand(0))); };
}
inline void binary(Table& table, const std::string& name, Binary f) {
  table[name] = [f](const Call& c) { return one(f(c.operand(0), c.operand(1))); };
}

void bind_elementwise(Table& table);
void bind_reductions(Table& table);
void bind_shapes(Table& table);
void bind_linalg(Table& table);
void bind_creation(Table& table);
void bind_nn(Table& table);
void bind_resampling(Table& table);
void bind_spatial(Table& table);
void bind_losses(Table& table);
void bind_composites(Table& table);
void bind_decompositions(Table& table);
void bind_fft(Table& table);
void bind_special(Table& table);
void bind_sorting(Table& table);
void bind_variants(Table& table);
void bind_masked(Table& table);

}  // namespace lilith::parity
