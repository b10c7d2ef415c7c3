#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/canonical.h"
#include "eval/retrace.h"
#include "lilith/compile.h"

namespace lilith::driver {

/// A traced function read the number of a Hyper: the trace holds for that value alone.
void note_hyper_read(const Hyper& h);

/// The tensors and run-time numbers of arguments, and a key of all that is static. Allocates
/// nothing once its vectors have grown.
class Signature final : public Visitor {
 public:
  void read(std::span<const detail::ArgRef> args);

  Key key;
  std::vector<Tensor*> slots;
  std::vector<char> writable;  // per slot
  std::vector<Hyper*> hypers;
  std::vector<std::size_t> first;  // per argument: its first slot
  std::vector<std::size_t> ties;   // per slot: the first that it is tied to; empty: none are

  bool tied(std::size_t a, std::size_t b) const {
    return a == b || (!ties.empty() && ties.at(a) == ties.at(b));
  }
  /// False for a slot that is one input with an earlier one.
  bool is_first(std::size_t k) const { return ties.empty() || ties.at(k) == k; }
  /// The number of slots that are one input with slot k, itself too.
  int holders(std::size_t k) const { return ties.empty() ? 1 : holders_[ties[k]]; }

  void parameter(Tensor& t) override {
    tagged_ = tagged_ || t.tie_tag().tagged();
    slot(t, 1);
  }
  void buffer(Buffer& t) override { slot(t, 3); }
  void hyper(Hyper& h) override;
  void flag(bool& b) override { key.add(b ? 5 : 6); }
  void integer(std::int64_t i) override { key.add(static_cast<std::uint64_t>(i)); }
  void real(double d) override;
  void text(std::string_view s) override;
  void structure(std::int64_t n) override { key.add(static_cast<std::uint64_t>(n)); }
  void begin(const TypeInfo& type) override { key.add(reinterpret_cast<std::uintptr_t>(&type)); }

 private:
  void slot(Tensor& t, std::uint64_t tag);
  void find_ties(std::size_t from);
  void number_ties();
  bool writable_now_ = false, tagged_ = false;
  std::vector<char> parameter_;  // per slot: no buffer
  std::vector<int> holders_;     // per slot that others are tied to, where there are ties
};

/// One run of a user's function on tracers: arguments that can be written are substituted in place
/// and put back by `restore`, others are substituted in copies.
class Session {
 public:
  Session(std::span<const detail::ArgRef> args, const char* what, bool trace_hypers);
  ~Session();
  Session(const Session&) = delete;

  /// Calls the function, and checks that it changed nothing static.
  std::unique_ptr<detail::ResultBox> run(const detail::TraceFunction& f);
  /// Substitutes in the copy of argument `arg`.
  void substitute(std::size_t arg, ModelRef copy);
  /// Gives the arguments their values back.
  void restore();

  struct Guard {
    std::size_t hyper;
    double value;
  };
  const Signature& signature() const { return before_; }
  const std::vector<Tensor>& parameters() const { return parameters_; }
  const std::vector<Tensor>& hyper_parameters() const { return hypers_; }
  /// Keys of random draws, hidden inputs: one per draw, in order.
  const std::vector<Tensor>& keys() const { return keys_; }
  /// Whose numbers they are; none: the process's.
  const std::vector<std::optional<RandomGenerator>>& key_sources() const { return key_sources_; }
  const std::vector<Guard>& guards() const { return guards_; }
  /// An object inside an argument.
  struct Place {
    std::size_t arg;
    std::ptrdiff_t offset;
  };
  /// A rule for later calls, by the places of its objects and the slots of its fields.
  struct Binding {
    Place owner, model;
    std::vector<std::size_t> slots;
    std::shared_ptr<const CallRule> rule;
  };
  const std::vector<Binding>& bindings() const { return bindings_; }
  /// Slots that the function assigned, in order.
  std::vector<std::size_t> changed() const;
  /// The parameters that somebody still refers to after everything of the trace is gone.
  bool escaped() const;

 private:
  friend void note_hyper_read(const Hyper& h);
  friend Tensor before_trace(const Tensor& field);
  friend void bind_calls(const void* owner, const void* model, const std::vector<Tensor*>& fields,
                         std::shared_ptr<const CallRule> rule);
  std::optional<Place> place_of(const void* object) const;
  std::optional<std::size_t> slot_of(const Tensor& field) const;
  void check_static() const;
  Tensor add_key();

  std::span<const detail::ArgRef> args_;
  const char* what_;
  Signature before_;
  std::vector<std::string> paths_, facts_;
  std::vector<Tensor> parameters_, originals_, hypers_, keys_;
  std::vector<std::optional<RandomGenerator>> key_sources_;
  std::vector<Guard> guards_;
  std::vector<Binding> bindings_;
  Session* outer_;
  bool trace_hypers_, substituted_ = false;
};

}  // namespace lilith::driver
