#include "schedule/cpu/contraction/known_searches.h"

#include "core/bytes.h"

namespace lilith::schedule {

std::string search_key(const ContractionSpec& spec, const Target& target, DType dtype) {
  ByteWriter key;
  for (const Axis& x : spec.axes) {
    key.number(x.extent);
    key.number(x.a);
    key.number(x.b);
    key.number(x.out_dim);
    key.number(x.out_step);
    key.number(x.unit);
    key.number(x.strided);
    key.number(x.apart);
    key.number(x.varies);
    key.text(x.name);  // which operand it came from
  }
  for (const std::int64_t n :
       {spec.a_offset, spec.b_offset, std::int64_t{spec.in_rows}, std::int64_t{spec.fixed_layout},
        std::int64_t{spec.a_constant}, std::int64_t{spec.b_constant}, std::int64_t{spec.a_kept},
        std::int64_t{spec.b_kept}, static_cast<std::int64_t>(spec.a_dtype),
        static_cast<std::int64_t>(spec.b_dtype), static_cast<std::int64_t>(dtype),
        static_cast<std::int64_t>(target.isa), std::int64_t{target.vector_bytes},
        std::int64_t{target.vector_registers}, std::int64_t{target.threads}, target.l1_bytes,
        target.l2_bytes, std::int64_t{target.native}})
    key.number(n);
  key.text(target.cpu);
  return key.take();
}

}  // namespace lilith::schedule
