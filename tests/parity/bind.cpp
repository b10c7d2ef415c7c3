#include "parity/bind.h"

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
  return table;
}

}  // namespace lilith::parity
