#include "lilith/nn/rnn.h"

#include "lilith/loops.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/shape.h"
#include "nn/default_init.h"
#include "nn/packed_sequence.h"
#include "ops/autocast.h"
#include "ops/half.h"

namespace lilith {

namespace {

using detail::Recurrent;
using ops::lowered, ops::narrowed, ops::widened;
using Cell = void (*)(const Tensor& gates, const Recurrent::Weights& w, Tensor& h, Tensor& c);

Recurrent::Weights lowered_weights(const Recurrent::Weights& w) {
  return {lowered(w.weight_ih), lowered(w.weight_hh), lowered(w.bias_ih), lowered(w.bias_hh),
          lowered(w.weight_hr)};
}

// What h adds to the gates, as composites compute with it.
Tensor from_state(const Tensor& h, const Recurrent::Weights& w) {
  return linear(widened(h), widened(w.weight_hh), widened(w.bias_hh));
}

void rnn_step(bool with_relu, const Tensor& gates, const Recurrent::Weights& w, Tensor& h) {
  const Tensor sum = widened(gates) + from_state(h, w);
  h = narrowed(with_relu ? relu(sum) : tanh(sum), gates.dtype());
}
void tanh_cell(const Tensor& gates, const Recurrent::Weights& w, Tensor& h, Tensor&) {
  rnn_step(false, gates, w, h);
}
void relu_cell(const Tensor& gates, const Recurrent::Weights& w, Tensor& h, Tensor&) {
  rnn_step(true, gates, w, h);
}

void gru_cell(const Tensor& gates, const Recurrent::Weights& w, Tensor& h, Tensor&) {
  const auto x = chunk(widened(gates), 3, -1), y = chunk(from_state(h, w), 3, -1);
  const Tensor r = sigmoid(x[0] + y[0]), z = sigmoid(x[1] + y[1]);
  const Tensor n = tanh(x[2] + r * y[2]);
  h = narrowed(n + z * (widened(h) - n), gates.dtype());
}

void lstm_cell(const Tensor& gates, const Recurrent::Weights& w, Tensor& h, Tensor& c) {
  const auto g = chunk(widened(gates) + from_state(h, w), 4, -1);
  const Tensor cell = sigmoid(g[1]) * widened(c) + sigmoid(g[0]) * tanh(g[2]);
  c = narrowed(cell, gates.dtype());
  h = narrowed(sigmoid(g[3]) * tanh(cell), gates.dtype());
  if (w.weight_hr.defined()) h = linear(h, w.weight_hr);
}

// The options, checked before weights are drawn.
template <class Options>
const Options& with_known_nonlinearity(const char* layer, const Options& o, Loc loc) {
  const LocScope scope(loc, layer);
  LILITH_CHECK(o.nonlinearity == "tanh" || o.nonlinearity == "relu",
               "{}: nonlinearity is '{}'; need 'tanh' or 'relu'.", layer, o.nonlinearity);
  return o;
}

// Of the steps' rows, or of one step: gates [T, N, gates H], and where they belong to the row, bool
// [T, N, 1], undefined where all do.
struct Steps {
  Tensor gates, within;
};

LSTMState next_state(Cell cell, const Steps& row, const Recurrent::Weights& w,
                     const LSTMState& now) {
  LSTMState next = now;
  cell(row.gates, w, next.h, next.c);
  if (!row.within.defined()) return next;
  const auto held = [&](const Tensor& after, const Tensor& before) {
    return where(row.within, after, before.to(after.dtype()));
  };
  return {held(next.h, now.h), now.c.defined() ? held(next.c, now.c) : Tensor()};
}

// h after each step; `s` becomes the state after the last one. A loop in the graph, but for a few
// steps, and for a state of another dtype, which the first step changes.
Tensor all_steps(Cell cell, const Steps& all, const Recurrent::Weights& w, bool reverse,
                 LSTMState& s) {
  constexpr std::int64_t kFew = 3;
  const std::int64_t steps = all.gates.size(0);
  const auto is_like_gates = [&](const Tensor& t) {
    return !t.defined() || t.dtype() == all.gates.dtype();
  };
  if (steps > kFew && is_like_gates(s.h) && is_like_gates(s.c)) {
    auto [last, outputs] = scan(
        [&](const LSTMState& now, const Steps& row) {
          const LSTMState next = next_state(cell, row, w, now);
          return std::pair(next, next.h);
        },
        s, all, {.reverse = reverse});
    s = last;
    return outputs;
  }
  std::vector<Tensor> outputs(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = reverse ? steps - 1 - i : i;
    const Tensor within = all.within.defined() ? select(all.within, 0, t) : Tensor();
    s = next_state(cell, {select(all.gates, 0, t), within}, w, s);
    outputs[static_cast<std::size_t>(t)] = s.h;
  }
  return stack(outputs);
}

Tensor zeros_beside(const Shape& shape, const Tensor& like) {
  return zeros(shape, {.dtype = like.dtype(), .device = like.device()});
}

}  // namespace

namespace detail {

Recurrent::Recurrent(const char* name, std::int64_t gates, const Config& c, Loc loc)
    : input_size(c.input_size),
      hidden_size(c.hidden_size),
      num_layers(c.num_layers),
      proj_size(c.proj_size),
      batch_first(c.batch_first),
      bidirectional(c.bidirectional),
      dropout(c.dropout) {
  LocScope scope(loc, name);
  LILITH_CHECK(input_size > 0 && hidden_size > 0 && num_layers > 0,
               "{}: input_size, hidden_size and num_layers must be positive; got {}, {} and {}.",
               name, input_size, hidden_size, num_layers);
  LILITH_CHECK(proj_size >= 0 && proj_size < hidden_size,
               "{}: proj_size must lie in [0, hidden_size); got {} of {}.", name, proj_size,
               hidden_size);
  LILITH_CHECK(dropout >= 0 && dropout <= 1, "{}: dropout must lie in [0, 1]; got {}.", name,
               dropout);
  const std::int64_t rows = gates * hidden_size;
  const auto draw = [&](const Shape& shape) {
    return detail::fan_in_uniform(shape, hidden_size, c.dtype);
  };
  for (std::int64_t layer = 0; layer < num_layers; ++layer)
    for (std::int64_t d = 0; d < directions(); ++d) {
      Weights& w = weights.emplace_back();
      w.weight_ih = draw({rows, layer == 0 ? input_size : directions() * output_size()});
      w.weight_hh = draw({rows, output_size()});
      if (c.bias) w.bias_ih = draw({rows});
      if (c.bias) w.bias_hh = draw({rows});
      if (proj_size > 0) w.weight_hr = draw({proj_size, hidden_size});
    }
}

void Recurrent::reset_parameters(SourceLocation loc) {
  const LocScope scope(loc);
  for (Weights& w : weights)
    reset_fan_in(hidden_size, {&w.weight_ih, &w.weight_hh, &w.bias_ih, &w.bias_hh, &w.weight_hr});
}

Tensor Recurrent::zero_state(std::int64_t batch, std::int64_t size) const {
  return zeros_beside({num_layers * directions(), batch, size}, weights[0].weight_ih);
}

LSTMState Recurrent::start(const char* name, const Tensor& x, const LSTMState& given,
                           bool has_c) const {
  const auto checked = [&](const Tensor& s, std::int64_t size, const char* what) {
    const Shape full{num_layers * directions(), x.size(1), size};
    if (!s.defined()) return zeros_beside(full, x);
    LILITH_CHECK(s.shape() == full, "{}: {} is {}; need {}.", name, what, s.aval().str(),
                 full.str());
    return lowered(s);
  };
  return {checked(given.h, output_size(), "h"),
          has_c ? checked(given.c, hidden_size, "c") : Tensor()};
}

LSTMResult Recurrent::run_steps(Cell cell, const Tensor& x, const Tensor& within,
                                const LSTMState& start) const {
  const bool has_c = start.c.defined();
  Tensor seq = x;
  std::vector<Tensor> last_h, last_c;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    std::vector<Tensor> sides;
    for (std::int64_t d = 0; d < directions(); ++d) {
      const std::int64_t k = layer * directions() + d;
      const Weights w = lowered_weights(weights[static_cast<std::size_t>(k)]);
      const AutocastOff inside;
      const Tensor gates = linear(seq, w.weight_ih, w.bias_ih);  // all steps at once
      LSTMState last{select(start.h, 0, k), has_c ? select(start.c, 0, k) : Tensor()};
      sides.push_back(all_steps(cell, {gates, within}, w, d == 1, last));
      last_h.push_back(last.h);
      if (has_c) last_c.push_back(last.c);
    }
    seq = sides.size() == 1 ? sides[0] : cat(sides, -1);
    if (layer + 1 < num_layers) seq = lilith::dropout(seq, dropout, training);
  }
  return {seq, {stack(last_h), has_c ? stack(last_c) : Tensor()}};
}

LSTMResult Recurrent::run(const char* name, Cell cell, const Tensor& given, const LSTMState& state,
                          bool has_c) const {
  const Tensor x = lowered(given);
  LILITH_CHECK((x.ndim() == 2 || x.ndim() == 3) && x.shape().back() == input_size,
               "{}: x is {}; need {} with {} features.", name, x.aval().str(),
               batch_first ? "[N,T,C]" : "[T,N,C]", input_size);
  const bool batched = x.ndim() == 3;
  const auto over_rows = [&](const Tensor& t) {
    return batched || !t.defined() ? t : unsqueeze(t, 1);
  };
  const auto as_given = [&](const Tensor& t) {
    return batched || !t.defined() ? t : squeeze(t, 1);
  };
  // seq: [T, N, C]
  const Tensor seq = batched && batch_first ? transpose(x, 0, 1) : over_rows(x);
  LILITH_CHECK(seq.size(0) > 0, "{}: x has no time step.", name);
  const LSTMResult out =
      run_steps(cell, seq, {}, start(name, seq, {over_rows(state.h), over_rows(state.c)}, has_c));
  return {batched && batch_first ? transpose(out.output, 0, 1) : as_given(out.output),
          {as_given(out.state.h), as_given(out.state.c)}};
}

// What is behind a row's end is cleared first: a NaN there, times a gradient of 0, would be one.
PackedLSTMResult Recurrent::run(const char* name, Cell cell, const PackedSequence& packed,
                                const LSTMState& state, bool has_c) const {
  const Tensor x = lowered(packed.padded);
  LILITH_CHECK(x.ndim() == 3 && x.shape().back() == input_size && x.size(0) > 0,
               "{}: the packed x is {}; need [T,N,C] with {} features.", name, x.aval().str(),
               input_size);
  const Tensor within = steps_within(name, {x, packed.lengths}), behind = logical_not(within);
  const LSTMResult out =
      run_steps(cell, masked_fill(x, behind, 0), within, start(name, x, state, has_c));
  return {{masked_fill(out.output, behind, 0), packed.lengths}, out.state};
}

void Recurrent::visit_as(const TypeInfo& type, Visitor& v, bool* relu) {
  v.begin(type);
  const auto field = [&](const std::string& name, auto& value) {
    v.enter(std::string_view(name));
    reflect::walk(value, v);
    v.leave();
  };
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto d = static_cast<std::size_t>(directions());
    const std::string suffix = fmt::format("_l{}{}", i / d, i % d == 1 ? "_reverse" : "");
    Weights& w = weights[i];
    field("weight_ih" + suffix, w.weight_ih);
    field("weight_hh" + suffix, w.weight_hh);
    field("bias_ih" + suffix, w.bias_ih);
    field("bias_hh" + suffix, w.bias_hh);
    field("weight_hr" + suffix, w.weight_hr);
  }
  field("input_size", input_size);
  field("hidden_size", hidden_size);
  field("num_layers", num_layers);
  field("proj_size", proj_size);
  field("batch_first", batch_first);
  field("bidirectional", bidirectional);
  field("dropout", dropout);
  field("training", training);
  if (relu != nullptr) field("relu", *relu);
  v.end();
}

}  // namespace detail

RNN::RNN(Int input_size, Int hidden_size, const RNNOptions& o, SourceLocation loc)
    : Recurrent("RNN", 1,
                {input_size, hidden_size, with_known_nonlinearity("RNN", o, loc).num_layers, 0,
                 o.bias, o.batch_first, o.bidirectional, o.dropout, o.dtype},
                loc),
      relu(o.nonlinearity == "relu") {}
RNNResult RNN::operator()(const Tensor& x, const Tensor& state, SourceLocation loc) const {
  LocScope scope(loc);
  LSTMResult r = run("RNN", relu ? relu_cell : tanh_cell, x, {state, {}}, false);
  return {r.output, r.state.h};
}
PackedRNNResult RNN::operator()(const PackedSequence& x, const Tensor& state,
                                SourceLocation loc) const {
  LocScope scope(loc);
  PackedLSTMResult r = run("RNN", relu ? relu_cell : tanh_cell, x, {state, {}}, false);
  return {r.output, r.state.h};
}
void RNN::visit_fields(Visitor& v) { visit_as(reflect::type_info<RNN>, v, &relu); }

template <>
detail::GatedRecurrent<GRUOptions>::GatedRecurrent(Int input_size, Int hidden_size,
                                                   const GRUOptions& o, SourceLocation loc)
    : Recurrent("GRU", 3,
                {input_size, hidden_size, o.num_layers, 0, o.bias, o.batch_first, o.bidirectional,
                 o.dropout, o.dtype},
                loc) {}
RNNResult GRU::operator()(const Tensor& x, const Tensor& state, SourceLocation loc) const {
  LocScope scope(loc);
  LSTMResult r = run("GRU", gru_cell, x, {state, {}}, false);
  return {r.output, r.state.h};
}
PackedRNNResult GRU::operator()(const PackedSequence& x, const Tensor& state,
                                SourceLocation loc) const {
  LocScope scope(loc);
  PackedLSTMResult r = run("GRU", gru_cell, x, {state, {}}, false);
  return {r.output, r.state.h};
}

template <>
detail::GatedRecurrent<LSTMOptions>::GatedRecurrent(Int input_size, Int hidden_size,
                                                    const LSTMOptions& o, SourceLocation loc)
    : Recurrent("LSTM", 4,
                {input_size, hidden_size, o.num_layers, o.proj_size, o.bias, o.batch_first,
                 o.bidirectional, o.dropout, o.dtype},
                loc) {}
LSTMResult LSTM::operator()(const Tensor& x, const LSTMState& state, SourceLocation loc) const {
  LocScope scope(loc);
  return run("LSTM", lstm_cell, x, state, true);
}
PackedLSTMResult LSTM::operator()(const PackedSequence& x, const LSTMState& state,
                                  SourceLocation loc) const {
  LocScope scope(loc);
  return run("LSTM", lstm_cell, x, state, true);
}

Tensor init_hidden(const RNN& rnn, Int batch, SourceLocation loc) {
  LocScope scope(loc);
  return rnn.zero_state(batch, rnn.hidden_size);
}
Tensor init_hidden(const GRU& rnn, Int batch, SourceLocation loc) {
  LocScope scope(loc);
  return rnn.zero_state(batch, rnn.hidden_size);
}
LSTMState init_hidden(const LSTM& rnn, Int batch, SourceLocation loc) {
  LocScope scope(loc);
  return {rnn.zero_state(batch, rnn.output_size()), rnn.zero_state(batch, rnn.hidden_size)};
}

namespace {

template <class C>
void step_cell(const C& cell, void (*f)(const Tensor&, const Recurrent::Weights&, Tensor&, Tensor&),
               const Tensor& given, Tensor& h, Tensor& c) {
  const Tensor x = lowered(given);
  h = lowered(h);
  c = lowered(c);
  Shape shape = x.shape();
  LILITH_CHECK(shape.rank() > 0 && shape.back() == cell.weight_ih.size(1),
               "{}: x is {}; need [N,C] or [C] with {} features.", reflect::type_info<C>.name,
               x.aval().str(), cell.weight_ih.size(1));
  shape[shape.rank() - 1] = cell.weight_hh.size(1);
  if (!h.defined()) h = zeros_beside(shape, x);
  if (!c.defined()) c = zeros_beside(shape, x);
  // A row short would be repeated over the batch.
  for (const Tensor* s : {&h, &c}) {
    LILITH_CHECK(s->shape() == shape, "{}: the state is {}; need {} for x {}.",
                 reflect::type_info<C>.name, s->aval().str(), shape.str(), x.aval().str());
  }
  const Recurrent::Weights w =
      lowered_weights({cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh, {}});
  const AutocastOff inside;
  f(linear(x, w.weight_ih, w.bias_ih), w, h, c);
}

}  // namespace

// A cell's scope is open while its weights are drawn.
detail::Cell::Cell(const char* name, std::int64_t gates, Int input_size, Int hidden_size,
                   const CellOptions& o, SourceLocation loc) {
  const LocScope scope(loc, name);
  LILITH_CHECK(input_size > 0 && hidden_size > 0,
               "{}: input_size and hidden_size must be positive; got {} and {}.", name, input_size,
               hidden_size);
  const std::int64_t rows = gates * hidden_size;
  weight_ih = detail::fan_in_uniform({rows, input_size}, hidden_size, o.dtype);
  weight_hh = detail::fan_in_uniform({rows, hidden_size}, hidden_size, o.dtype);
  if (!o.bias) return;
  bias_ih = detail::fan_in_uniform({rows}, hidden_size, o.dtype);
  bias_hh = detail::fan_in_uniform({rows}, hidden_size, o.dtype);
}

void detail::Cell::reset_parameters(SourceLocation loc) {
  const LocScope scope(loc);
  reset_fan_in(weight_hh.size(1), {&weight_ih, &weight_hh, &bias_ih, &bias_hh});
}

RNNCell::RNNCell(Int input_size, Int hidden_size, const CellOptions& options, SourceLocation loc)
    : Cell("RNNCell", 1, input_size, hidden_size, with_known_nonlinearity("RNNCell", options, loc),
           loc),
      relu(options.nonlinearity == "relu") {}
Tensor RNNCell::operator()(const Tensor& x, const Tensor& h, SourceLocation loc) const {
  LocScope scope(loc);
  Tensor out = h, unused;
  step_cell(*this, relu ? relu_cell : tanh_cell, x, out, unused);
  return out;
}

Tensor GRUCell::operator()(const Tensor& x, const Tensor& h, SourceLocation loc) const {
  LocScope scope(loc);
  Tensor out = h, unused;
  step_cell(*this, gru_cell, x, out, unused);
  return out;
}

LSTMState LSTMCell::operator()(const Tensor& x, const LSTMState& state, SourceLocation loc) const {
  LocScope scope(loc);
  LSTMState out = state;
  step_cell(*this, lstm_cell, x, out.h, out.c);
  return out;
}

}  // namespace lilith
