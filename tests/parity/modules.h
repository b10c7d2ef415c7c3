#pragma once
#include "lilith/load_state.h"
#include "lilith/nn.h"
#include "parity/bind.h"

// Layers of torch.nn as functions of a sample: its constructor's arguments, its state, its inputs.
namespace lilith::parity {

/// A layer with the sample's state, in test mode as the producer's.
template <class L>
L loaded(const Call& c, L layer) {
  for_each_parameter(layer, [&](const std::string&, Tensor& t) { t = t.to(c.floating()); });
  for_each_buffer(layer, [&](const std::string&, Buffer& b) {
    if (is_floating(b.dtype())) b = b.to(c.floating());
  });
  load_state_dict(layer, c.state());
  test_mode(layer);
  for_each_parameter(layer, [&](const std::string& path, Tensor& t) { c.note_parameter(path, t); });
  return layer;
}

/// Its value at the sample's one input.
template <class L>
std::vector<Tensor> at_input(const Call& c, L layer) {
  L with_state = loaded(c, std::move(layer));
  return one(with_state(c.tensor(0, "input")));
}
template <class L>
std::vector<Tensor> at_two(const Call& c, L layer) {
  L with_state = loaded(c, std::move(layer));
  return one(with_state(c.tensor(0), c.tensor(1)));
}
template <class L>
std::vector<Tensor> at_three(const Call& c, L layer) {
  L with_state = loaded(c, std::move(layer));
  return one(with_state(c.tensor(0), c.tensor(1), c.tensor(2)));
}

/// A layer without arguments.
template <class L>
void plain(Table& table, const std::string& name) {
  table["nn." + name] = [](const Call& c) { return at_input(c, L{}); };
}

void bind_activation_modules(Table& table);
void bind_shape_modules(Table& table);
void bind_pool_modules(Table& table);
void bind_weighted_modules(Table& table);
void bind_norm_modules(Table& table);
void bind_recurrent_modules(Table& table);
void bind_transformer_modules(Table& table);
void bind_loss_modules(Table& table);

}  // namespace lilith::parity
