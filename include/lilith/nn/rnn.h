#pragma once
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "lilith/nn/packed_sequence.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

struct RNNOptions {
  Int num_layers = 1;
  std::string_view nonlinearity = "tanh";  // or "relu"
  bool bias = true;
  bool batch_first = false;  // x and output are [N, T, …] instead of [T, N, …]
  Real dropout = 0;          // on the output of each layer but the last, in training
  bool bidirectional = false;
  DType dtype = DType::F32;
};
struct GRUOptions {
  Int num_layers = 1;
  bool bias = true;
  bool batch_first = false;
  Real dropout = 0;
  bool bidirectional = false;
  DType dtype = DType::F32;
};
struct LSTMOptions {
  Int num_layers = 1;
  bool bias = true;
  bool batch_first = false;
  Real dropout = 0;
  bool bidirectional = false;
  Int proj_size = 0;  // > 0: h is projected to this size
  DType dtype = DType::F32;
};

/// output [T, N, D H] (D: directions), state: h of the last step, [layers D, N, H].
struct RNNResult {
  Tensor output, state;
};
struct LSTMState {
  Tensor h, c;
};
struct LSTMResult {
  Tensor output;
  LSTMState state;
};
/// Of rows of different lengths: the state is that of each row's last step, which for the backward
/// direction is its first one.
struct PackedRNNResult {
  PackedSequence output;
  Tensor state;
};
struct PackedLSTMResult {
  PackedSequence output;
  LSTMState state;
};

namespace detail {

/// What RNN, GRU and LSTM share: weights named "weight_ih_l0", "bias_hh_l1_reverse", … as
/// PyTorch's.
class Recurrent {
 public:
  struct Weights {
    Tensor weight_ih;         // [gates H, input]
    Tensor weight_hh;         // [gates H, H or proj_size]
    Tensor bias_ih, bias_hh;  // [gates H]
    Tensor weight_hr;         // [proj_size, H]
  };
  struct Config {
    std::int64_t input_size, hidden_size, num_layers, proj_size;
    bool bias, batch_first, bidirectional;
    double dropout;
    DType dtype;
  };
  Recurrent(const char* name, std::int64_t gates, const Config& config, Loc loc);

  /// One entry for each layer and direction: layer * directions + direction.
  std::vector<Weights> weights;
  std::int64_t input_size, hidden_size, num_layers, proj_size;
  bool batch_first, bidirectional;
  double dropout;
  bool training = true;

  std::int64_t directions() const { return bidirectional ? 2 : 1; }
  /// Size of h.
  std::int64_t output_size() const { return proj_size > 0 ? proj_size : hidden_size; }
  /// Zeros [layers D, N, size].
  Tensor zero_state(std::int64_t batch, std::int64_t size) const;
  /// Draws what a new one starts with. Ref: torch.nn.RNNBase.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

 protected:
  /// One step: gates of x [N, gates H] and the state, which it replaces. c is undefined but for
  /// LSTM.
  using Cell = void (*)(const Tensor& gates, const Weights& w, Tensor& h, Tensor& c);
  LSTMResult run(const char* name, Cell cell, const Tensor& x, const LSTMState& state,
                 bool has_c) const;
  PackedLSTMResult run(const char* name, Cell cell, const PackedSequence& x, const LSTMState& state,
                       bool has_c) const;
  void visit_as(const TypeInfo& type, Visitor& v, bool* relu = nullptr);

 private:
  /// What is given for x [T, N, C], or zeros. Errors: other shapes.
  LSTMState start(const char* name, const Tensor& x, const LSTMState& given, bool has_c) const;
  /// x [T, N, C]; within: bool [T, N, 1], or undefined: elsewhere a row's state stays as it is.
  LSTMResult run_steps(Cell cell, const Tensor& x, const Tensor& within,
                       const LSTMState& start) const;
};

/// How GRU and LSTM are made.
template <class Options>
class GatedRecurrent : public Recurrent {
 public:
  GatedRecurrent(Int input_size, Int hidden_size, const Options& options = {},
                 SourceLocation loc = SourceLocation::current());
  template <detail::AnyNumber N>
  GatedRecurrent(Int input_size, Int hidden_size, N num_layers, const Options& options,
                 SourceLocation loc = SourceLocation::current())
      : GatedRecurrent(
            input_size, hidden_size,
            detail::with_first(options, &Options::num_layers, num_layers, "num_layers", loc), loc) {
  }
};
template <>
GatedRecurrent<GRUOptions>::GatedRecurrent(Int, Int, const GRUOptions&, SourceLocation);
template <>
GatedRecurrent<LSTMOptions>::GatedRecurrent(Int, Int, const LSTMOptions&, SourceLocation);

}  // namespace detail

/// Elman's network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh). x [T, N, input_size] (or [T,
/// input_size]), or a PackedSequence of that, whatever batch_first says; state [layers D, N,
/// hidden_size], zeros when undefined. All weights are uniform in ±1/sqrt(hidden_size). Errors:
/// sizes that do not fit. Ref: torch.nn.RNN.
class RNN : public detail::Recurrent {
 public:
  RNN(Int input_size, Int hidden_size, const RNNOptions& options = {},
      SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: RNN(10, 20, 2, "relu").
  template <detail::AnyNumber N>
  RNN(Int input_size, Int hidden_size, N num_layers, std::string_view nonlinearity = "tanh",
      bool bias = true, bool batch_first = false, Real dropout = 0, bool bidirectional = false,
      SourceLocation loc = SourceLocation::current())
      : RNN(input_size, hidden_size,
            {.num_layers = num_layers,
             .nonlinearity = nonlinearity,
             .bias = bias,
             .batch_first = batch_first,
             .dropout = dropout,
             .bidirectional = bidirectional},
            loc) {}
  template <detail::AnyNumber N>
  RNN(Int input_size, Int hidden_size, N num_layers, const RNNOptions& options,
      SourceLocation loc = SourceLocation::current())
      : RNN(input_size, hidden_size,
            detail::with_first(options, &RNNOptions::num_layers, num_layers, "num_layers", loc),
            loc) {}
  RNNResult operator()(const Tensor& x, const Tensor& state = {},
                       SourceLocation loc = SourceLocation::current()) const;
  PackedRNNResult operator()(const PackedSequence& x, const Tensor& state = {},
                             SourceLocation loc = SourceLocation::current()) const;
  bool relu = false;
  LILITH_CLASS
  void visit_fields(Visitor& v);
};

/// Gates r, z, n; n takes r times the hidden part with its bias. Cho et al., arXiv:1406.1078.
/// Ref: torch.nn.GRU.
class GRU : public detail::GatedRecurrent<GRUOptions> {
 public:
  using GatedRecurrent::GatedRecurrent;
  /// PyTorch's order: GRU(10, 20, 2).
  template <detail::AnyNumber N>
  GRU(Int input_size, Int hidden_size, N num_layers, bool bias = true, bool batch_first = false,
      Real dropout = 0, bool bidirectional = false, SourceLocation loc = SourceLocation::current())
      : GRU(input_size, hidden_size,
            {.num_layers = num_layers,
             .bias = bias,
             .batch_first = batch_first,
             .dropout = dropout,
             .bidirectional = bidirectional},
            loc) {}
  RNNResult operator()(const Tensor& x, const Tensor& state = {},
                       SourceLocation loc = SourceLocation::current()) const;
  PackedRNNResult operator()(const PackedSequence& x, const Tensor& state = {},
                             SourceLocation loc = SourceLocation::current()) const;
  LILITH_CLASS
  void visit_fields(Visitor& v) { visit_as(reflect::type_info<GRU>, v); }
};

/// Gates i, f, g, o. Hochreiter and Schmidhuber 1997. Ref: torch.nn.LSTM.
class LSTM : public detail::GatedRecurrent<LSTMOptions> {
 public:
  using GatedRecurrent::GatedRecurrent;
  /// PyTorch's order: LSTM(10, 20, 2).
  template <detail::AnyNumber N>
  LSTM(Int input_size, Int hidden_size, N num_layers, bool bias = true, bool batch_first = false,
       Real dropout = 0, bool bidirectional = false, Int proj_size = 0,
       SourceLocation loc = SourceLocation::current())
      : LSTM(input_size, hidden_size,
             {.num_layers = num_layers,
              .bias = bias,
              .batch_first = batch_first,
              .dropout = dropout,
              .bidirectional = bidirectional,
              .proj_size = proj_size},
             loc) {}
  LSTMResult operator()(const Tensor& x, const LSTMState& state = {},
                        SourceLocation loc = SourceLocation::current()) const;
  PackedLSTMResult operator()(const PackedSequence& x, const LSTMState& state = {},
                              SourceLocation loc = SourceLocation::current()) const;
  LILITH_CLASS
  void visit_fields(Visitor& v) { visit_as(reflect::type_info<LSTM>, v); }
};

/// Zeros, to start from with a batch of this size.
Tensor init_hidden(const RNN& rnn, Int batch, SourceLocation loc = SourceLocation::current());
Tensor init_hidden(const GRU& rnn, Int batch, SourceLocation loc = SourceLocation::current());
LSTMState init_hidden(const LSTM& rnn, Int batch, SourceLocation loc = SourceLocation::current());

struct CellOptions {
  bool bias = true;
  std::string_view nonlinearity = "tanh";  // RNNCell alone
  DType dtype = DType::F32;
};

namespace detail {
/// What the cells share: weights [gates H, …], uniform in ±1/sqrt(H). Errors: sizes below 1.
class Cell {
 public:
  Cell(const char* name, std::int64_t gates, Int input_size, Int hidden_size,
       const CellOptions& options, SourceLocation loc);
  /// Draws what a new one starts with. Ref: torch.nn.RNNCellBase.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());
  Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  LILITH_FIELDS(weight_ih, weight_hh, bias_ih, bias_hh)
};
/// What a cell is called, and how many gates it has.
struct GruGates {
  static constexpr const char* kName = "GRUCell";
  static constexpr std::int64_t kNumber = 3;
};
struct LstmGates {
  static constexpr const char* kName = "LSTMCell";
  static constexpr std::int64_t kNumber = 4;
};
/// How GRUCell and LSTMCell are made.
template <class Gates>
class GatedCell : public Cell {
 public:
  GatedCell(Int input_size, Int hidden_size, const CellOptions& options = {},
            SourceLocation loc = SourceLocation::current())
      : Cell(Gates::kName, Gates::kNumber, input_size, hidden_size, options, loc) {}
  /// PyTorch's order: GRUCell(10, 20, false).
  template <std::same_as<bool> B>
  GatedCell(Int input_size, Int hidden_size, B bias, SourceLocation loc = SourceLocation::current())
      : GatedCell(input_size, hidden_size, CellOptions{.bias = bias}, loc) {}
};
}  // namespace detail

/// One step of an RNN: x [N, input_size] or [input_size], h [N, hidden_size]. Ref:
/// torch.nn.RNNCell.
class RNNCell : public detail::Cell {
 public:
  RNNCell(Int input_size, Int hidden_size, const CellOptions& options = {},
          SourceLocation loc = SourceLocation::current());
  /// PyTorch's order: RNNCell(10, 20, true, "relu").
  template <std::same_as<bool> B>
  RNNCell(Int input_size, Int hidden_size, B bias, std::string_view nonlinearity = "tanh",
          SourceLocation loc = SourceLocation::current())
      : RNNCell(input_size, hidden_size, CellOptions{.bias = bias, .nonlinearity = nonlinearity},
                loc) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {},
                    SourceLocation loc = SourceLocation::current()) const;
  bool relu = false;
  LILITH_FIELDS(relu)
};
/// One step of a GRU. Ref: torch.nn.GRUCell.
class GRUCell : public detail::GatedCell<detail::GruGates> {
 public:
  using GatedCell::GatedCell;
  Tensor operator()(const Tensor& x, const Tensor& h = {},
                    SourceLocation loc = SourceLocation::current()) const;
};
/// One step of an LSTM. Ref: torch.nn.LSTMCell.
class LSTMCell : public detail::GatedCell<detail::LstmGates> {
 public:
  using GatedCell::GatedCell;
  LSTMState operator()(const Tensor& x, const LSTMState& state = {},
                       SourceLocation loc = SourceLocation::current()) const;
};

}  // namespace lilith
