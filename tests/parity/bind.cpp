#include "parity/bind.h"

#include "parity/modules.h"

namespace lilith::parity {

Table bindings() {
  Table table;
  bind_elementwise(table);
  bind_reductions(table);
  bind_shapes(table);
  bind_linalg(table);
  bind_creation(table);
  bind_nn(table);
  bind_resampling(table);
  bind_spatial(table);
  bind_losses(table);
  bind_composites(table);
  bind_decompositions(table);
  bind_fft(table);
  bind_special(table);
  bind_sorting(table);
  bind_variants(table);
  bind_masked(table);
  bind_activation_modules(table);
  bind_shape_modules(table);
  bind_pool_modules(table);
  bind_weighted_modules(table);
  bind_norm_modules(table);
  bind_recurrent_modules(table);
  bind_transformer_modules(table);
  bind_loss_modules(table);
  return table;
}

}  // namespace lilith::parity
