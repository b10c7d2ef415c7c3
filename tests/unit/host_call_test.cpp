#include "ir/host_call.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/env.h"
#include "eval/compiled_program.h"
#include "ir/node.h"
#include "ir/op_registry.h"
#include "ir/reference.h"
#include "lilith/lilith.h"
#include "support/on_opencl.h"

// Ops of class Call: functions of the host in graphs, plans and loops.
namespace lilith {
namespace {

// By element of type T: of the whole value a factor times itself, and the least; it refuses zeros.
template <class T>
void scale_all(CallCtx& c) {
  const std::int64_t n = c.in_avals[0].numel();
  const T* x = c.input<T>(0);
  const T factor = static_cast<T>(c.attrs.real("factor"));
  T least = x[0];
  for (std::int64_t k = 0; k < n; ++k) {
    if (x[k] == 0) throw CallError(fmt::format("element {} is 0; need others", k));
    c.output<T>(0)[k] = factor * x[k];
    least = std::min(least, x[k]);
  }
  *c.output<T>(1) = least;
}

const OpDef& scaled_op() {
  static const OpDef& op = register_builtin(
      {.name = "test_scaled",
       .arity = 1,
       .cls = OpClass::Call,
       .infer = [](const InferCtx& c) { return ir::aval_of_all(c); },
       .vjp =
           [](const VjpCtx& c, const Tensor&) {
             std::vector<Tensor> cts(1);
             if (c.cts[0].defined()) cts[0] = c.cts[0] * c.attrs.real("factor");
             if (c.cts[1].defined()) {
               const Tensor at = where(c.in[0] == ir::results_of(c.out)[1], c.cts[1], 0);
               cts[0] = cts[0].defined() ? cts[0] + at : at;
             }
             return cts;
           },
       .results =
           [](const InferCtx& c) {
             Aval least = c.in[0];
             least.shape = {};
             return std::vector{c.in[0], least};
           },
       .batch = [](const BatchCtx& c) -> std::vector<Tensor> { fail("{}: one by one", c.op); },
       .call =
           [](CallCtx& c) {
             c.in_avals[0].dtype == DType::F64 ? scale_all<double>(c) : scale_all<float>(c);
           }});
  return op;
}
[[maybe_unused]] const OpDef& registered = scaled_op();

std::vector<Tensor> scaled(const Arg& x, double factor = 2) {
  LocScope scope(x.loc());
  return ir::apply_call(scaled_op(), {x.tensor()}, {{"factor", factor}});
}

std::vector<float> floats(const Tensor& t) { return t.to(cpu()).to_vector<float>(); }

TEST(HostCall, LazilyWithAllOrSomeOfItsResults) {
  const Tensor x = tensor({3.0f, 1.0f, 2.0f});
  std::vector<Tensor> both = scaled(transpose(x.view({1, 3}), 0, 1) + 1);
  eval(both[0], both[1]);
  EXPECT_EQ(floats(both[0]), (std::vector<float>{8, 4, 6}));
  EXPECT_EQ(both[1].item<float>(), 2);
  EXPECT_EQ((scaled(x)[1] + 1).item<float>(), 2);
}

TEST(HostCall, InCompiledFunctionsAndTheirGradients) {
  const auto loss = [](const Tensor& x) {
    const std::vector<Tensor> both = scaled(x * 3, 5);
    return (both[0] * both[0]).sum() + both[1];
  };
  auto step = compile([&](const Tensor& x) { return grad(loss, x).second; });
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(floats(step(tensor({1.0f, 2.0f}))), (std::vector<float>{453, 900}));
}

TEST(HostCall, InLoops) {
  const auto f = [](const Tensor& x) {
    return scan(
               [](const Tensor& c, const Tensor& row) {
                 const std::vector<Tensor> both = scaled(c + row);
                 return std::pair(both[0], both[1]);
               },
               ones({2}), x)
        .ys.sum();
  };
  const Tensor x = tensor({1.0f, 2.0f, 3.0f, 5.0f}).view({2, 2});
  const auto [value, gradient] = grad(f, x);
  EXPECT_EQ(value.item<float>(), 2 + 7);
  EXPECT_EQ(floats(gradient), (std::vector<float>{3, 0, 1, 0}));
  const Tensor until = while_loop([](const Tensor& x) { return x.sum() < 100; },
                                  [](const Tensor& x) { return scaled(x)[0]; }, ones({2}));
  EXPECT_EQ(floats(until), (std::vector<float>{64, 64}));
}

TEST(HostCall, AFailureEndsTheRunAtTheUsersLine) {
  const Tensor x = tensor({1.0f, 0.0f});
  EXPECT_ERROR_HERE(eval(scaled(x + 0)[0]), "scaled: element 1 is 0; need others");
  const auto forever = [] {
    return while_loop([](const Tensor& x) { return x.sum() < 100; },
                      [](const Tensor& x) { return scaled(x)[0]; }, zeros({2}));
  };
  testing::expect_error_has([&] { forever().sum().item<float>(); }, "element 0 is 0");
  EXPECT_EQ(floats(scaled(x + 1)[0]), (std::vector<float>{4, 2}));
}

TEST(HostCall, AFailedStepLeavesItsStateAsItWas) {
  auto step = compile([](Tensor& state, const Tensor& x) {
    state = state + 1;
    return (scaled(x)[0] + state.sum()).sum();
  });
  Tensor state = zeros({3});
  eval(state);
  step(state, ones({2}));
  EXPECT_THROW(step(state, zeros({2})), Error);
  EXPECT_EQ(floats(state), (std::vector<float>{1, 1, 1}));
}

TEST(HostCall, InterpretedInDoublePrecision) {
  const Tensor x = tensor({0.1f, 0.3f});
  env::set("LILITH_EAGER", "1");
  const float least = scaled(x)[1].item<float>();
  env::set("LILITH_EAGER", "");
  EXPECT_EQ(least, 0.1f);
  const Tensor p = ir::make_parameter({{2}, DType::F32, cpu()}, 0, "x");
  RefTensor value(p.aval());
  value.f = {1, 1.0 / 3};
  EXPECT_EQ(ir::interpret(Graph({p}, {scaled(p, 3)[0]}), {value})[0].f[1], 1);
}

TEST(HostCall, PrintsParsesAndExplains) {
  const Tensor p = ir::make_parameter({{2}, DType::F32, cpu()}, 0, "x");
  const Graph g({p}, {scaled(p + 1, 3)[0]});
  g.verify();
  EXPECT_EQ(parse_graph(g.str(false)).str(false), g.str(false));
  auto f = compile([](const Tensor& x) { return scaled(x)[0]; });
  f(ones({2}));
  EXPECT_NE(explain(f).find("test_scaled -> %1 f32[2]"), std::string::npos) << explain(f);
}

TEST(HostCall, SavedProgramsFindTheirOpByName) {
  const Tensor p = ir::make_parameter({{2}, DType::F32, cpu()}, 0, "x");
  const Graph g({p}, {scaled(p + 1, 0.1)[0] + 1});
  ByteWriter out;
  std::string made_by;
  ASSERT_TRUE(Program::compile(g)->save(out, &made_by));
  const std::string bytes = out.take();
  ByteReader in(bytes);
  const std::shared_ptr<Program> again = restore_compiled_program(in, {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->may_fail());
  const StoragePtr x = Storage::allocate(8);
  std::ranges::fill_n(static_cast<float*>(x->data()), 2, 4.0f);
  StoragePtr result;
  again->run({&x, 1}, {}, {&result, 1});
  EXPECT_EQ(static_cast<float*>(result->data())[1], 1 + 0.1f * 5);
}

using HostCallOnOpenCl = testing::OnOpenCl;

TEST_F(HostCallOnOpenCl, ValuesAreCopiedToTheHostAndBack) {
  const auto loss = [](const Tensor& x) {
    const std::vector<Tensor> both = scaled(x + 1, 5);
    return (both[0] * both[0]).sum() + both[1];
  };
  const auto [value, gradient] = grad(loss, tensor({1.0f, 2.0f}).to(opencl(0)));
  EXPECT_EQ(value.device(), opencl(0));
  EXPECT_EQ(value.item<float>(), 327);
  EXPECT_EQ(floats(gradient), (std::vector<float>{101, 150}));
}

}  // namespace
}  // namespace lilith
