#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {

void bind_linalg(Table& t) {
  const std::pair<const char*, Binary> products[] = {
      {"matmul", matmul}, {"mm", mm},     {"bmm", bmm},     {"mv", mv},
      {"dot", dot},       {"vdot", vdot}, {"inner", inner}, {"outer", outer}};
  for (const auto& [name, f] : products) binary(t, name, f);
  using Fused = Tensor (*)(const Arg&, const Arg&, const Arg&, Real, Real);
  const std::pair<const char*, Fused> fused[] = {{"addmm", addmm},     {"addmm__decomposed", addmm},
                                                 {"addmv", addmv},     {"addr", addr},
                                                 {"baddbmm", baddbmm}, {"addbmm", addbmm}};
  for (const auto& [name, f] : fused) {
    t[name] = [f = f](const Call& c) {
      return one(f(c.operand(0), c.operand(1), c.operand(2), c.real(-1, "beta", 1),
                   c.real(-1, "alpha", 1)));
    };
  }
  t["tensordot"] = [](const Call& c) {
    const Json& dims = c.json(-1, "dims");
    if (dims.is_number()) return one(tensordot(c.operand(0), c.operand(1), dims.get<int>()));
    return one(tensordot(c.operand(0), c.operand(1), dims[0].get<std::vector<std::int64_t>>(),
                         dims[1].get<std::vector<std::int64_t>>()));
  };
  t["einsum"] = [](const Call& c) { return one(einsum(c.text(1, "equation", ""), c.tensors(0))); };
  t["cross"] = [](const Call& c) {
    return one(cross(c.operand(0), c.operand(1), static_cast<int>(c.integer(2, "dim", -1))));
  };
}

void bind_creation(Table& t) {
  const auto options = [](const Call& c) {
    return TensorOptions{.dtype = c.dtype(-1, "dtype", DType::F32)};
  };
  t["arange"] = [options](const Call& c) {
    const bool end_alone = c.num_positional() == 1 && !c.has(-1, "end");
    const Arg start = end_alone ? Arg(0) : c.operand(0), end = c.operand(end_alone ? 0 : 1, "end");
    const Arg step = c.has(2, "step") ? c.operand(2, "step") : Arg(1);
    return one(c.has(-1, "dtype") ? arange(start, end, step, options(c))
                                  : arange(start, end, step));
  };
  t["linspace"] = [options](const Call& c) {
    return one(linspace(c.operand(0), c.operand(1), c.integer(2, "steps"), options(c)));
  };
  t["logspace"] = [options](const Call& c) {
    return one(logspace(c.operand(0), c.operand(1), c.integer(2, "steps"), c.real(3, "base", 10),
                        options(c)));
  };
  t["eye"] = [options](const Call& c) {
    std::optional<std::int64_t> m;
    if (c.has(1, "m")) m = c.integer(1, "m");
    return one(eye(c.integer(0, "n"), m, options(c)));
  };
  t["zeros"] = [options](const Call& c) { return one(zeros(c.sizes(0, "size"), options(c))); };
  t["ones"] = [options](const Call& c) { return one(ones(c.sizes(0, "size"), options(c))); };
  const auto dtype = [](const Call& c) -> std::optional<DType> {
    if (!c.has(-1, "dtype")) return {};
    return c.dtype(-1, "dtype", DType::F32);
  };
  t["zeros_like"] = [dtype](const Call& c) { return one(zeros_like(c.operand(0), dtype(c))); };
  t["ones_like"] = [dtype](const Call& c) { return one(ones_like(c.operand(0), dtype(c))); };
  t["full_like"] = [dtype](const Call& c) {
    return one(full_like(c.operand(0), c.operand(1), dtype(c)));
  };
  for (const char* name : {"normal", "normal__number_mean"}) {
    t[name] = [](const Call&) -> std::vector<Tensor> {
      throw Unsupported("drawn by another generator than PyTorch's");
    };
  }
}

}  // namespace lilith::parity
