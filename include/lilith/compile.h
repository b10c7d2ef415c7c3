#pragma once
#include <cstdint>
#include <vector>

#include "lilith/graph.h"
#include "lilith/model.h"

namespace lilith {

/// Computes tensors and models: everything pending in them, as one program. What they reach and is still
/// held elsewhere is stored by the same program. Error inside a traced function.
template <class... M>
void eval(const M&... tensors_or_models);
/// Outside of a trace, evaluates every pending tensor of the models (parameters, buffers, optimiser state)
/// as one program; inside one, does nothing.
template <class... M>
void eval_pending(const M&... models);
/// True while a function is traced by compile or trace: values cannot be asked for.
bool tracing();

/// Counters of this process, for tests and tuning.
struct CacheStats {
  std::int64_t compiled = 0;  // programs compiled
  std::int64_t hits = 0;      // lazy evaluations and calls that found their program
  std::int64_t runs = 0;      // programs run
  std::int64_t donated = 0;   // inputs whose memory was given to a program
  std::int64_t traces = 0;    // functions traced by compile
};
CacheStats cache_stats();
/// Forgets the programs of lazy evaluation.
void clear_program_cache();

namespace detail {
void eval_models(const ModelRef* models, std::size_t n);
void eval_pending_models(const ModelRef* models, std::size_t n);
}  // namespace detail

template <class... M>
void eval(const M&... tensors_or_models) {
  const ModelRef refs[] = {ModelRef(tensors_or_models)...};
  detail::eval_models(refs, sizeof...(M));
}
template <class... M>
void eval_pending(const M&... models) {
  const ModelRef refs[] = {ModelRef(models)...};
  detail::eval_pending_models(refs, sizeof...(M));
}

}  // namespace lilith
