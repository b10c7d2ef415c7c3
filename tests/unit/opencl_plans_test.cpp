// Programs on an OpenCL device: the kernels of whole plans, one launch after another.
#include "support/opencl_plans.h"
#include "lilith/transforms.h"
#include "support/random_graph.h"
#include "support/random_net.h"

namespace lilith::testing {
namespace {

using Tensors = std::vector<Tensor>;

Aval f32(const Shape& s) { return {s, DType::F32}; }
Aval i64(const Shape& s) { return {s, DType::I64}; }
constexpr Form kForms[] = {Form::Tasks, Form::Blocks};

/// p, m and v after a step of Adam.
void adam(Tensors* out, const Tensor& p, const Tensor& g, const Tensor& m, const Tensor& v) {
  const Tensor m1 = m * 0.9 + g * 0.1, v1 = v * v * 0.999 + g * g * 0.001;
  out->push_back(p - 1e-3 * (m1 / 0.271) / (sqrt(v1 / 0.002997) + 1e-8));
  out->push_back(m1);
  out->push_back(v1);
}

PlanCase conv_step(Form form) {
  // x, labels, then the weights with their moments
  const Shape shapes[] = {{4, 1, 3, 3}, {4}, {6, 4, 3, 3}, {6}, {10, 24}, {10}};
  std::vector<Aval> avals{f32({3, 1, 8, 8}), i64({3})};
  for (const Shape& s : shapes) avals.insert(avals.end(), 3, f32(s));
  return plan_case("conv step", form, avals, [](const Tensors& in) {
    const auto loss = [&](Tensor w1, Tensor b1, Tensor w2, Tensor b2, Tensor w3, Tensor b3) {
      Tensor y = max_pool2d(relu(conv2d(in[0], w1, b1, 1, 1)), 2);
      y = max_pool2d(relu(conv2d(y, w2, b2, 1, 1)), 2).flatten(1);
      return cross_entropy_loss(linear(y, w3, b3), in[1]);
    };
    auto [value, g] = grad<0, 1, 2, 3, 4, 5>(loss, in[2], in[5], in[8], in[11], in[14], in[17]);
    Tensors out{value};
    const auto& [g0, g1, g2, g3, g4, g5] = g;
    std::size_t at = 2;
    for (const Tensor& one : {g0, g1, g2, g3, g4, g5}) {
      adam(&out, in[at], one, in[at + 1], in[at + 2]);
      at += 3;
    }
    return out;
  });
}

PlanCase lstm_step(Form form) {
  const std::int64_t n = 3, d = 5, h = 6;
  return plan_case(
      "lstm step", form,
      {f32({n, 3, d}), f32({4 * h, d}), f32({4 * h, h}), f32({4 * h}), f32({n, h})},
      [=](const Tensors& in) {
        const auto f = [&](Tensor w, Tensor u, Tensor b) {
          Tensor hidden = in[4], cell = tanh(in[4]), total;
          for (std::int64_t t = 0; t < 3; ++t) {
            const Tensor gates =
                linear(in[0].slice(1, t, t + 1).reshape({n, d}), w, b) + linear(hidden, u);
            const auto gate = [&](std::int64_t k) { return gates.slice(1, k * h, (k + 1) * h); };
            cell = sigmoid(gate(1)) * cell + sigmoid(gate(0)) * tanh(gate(2));
            hidden = sigmoid(gate(3)) * tanh(cell);
          }
          return (hidden * hidden).sum();
        };
        auto [value, g] = grad<0, 1, 2>(f, in[1], in[2], in[3]);
        return Tensors{value, std::get<0>(g), std::get<1>(g), std::get<2>(g)};
      });
}

PlanCase rows(Form form) {
  return plan_case("softmax and layer norm", form,
                   {f32({2, 5, 33}), f32({33}), f32({33}), f32({2, 5, 5})}, [](const Tensors& in) {
                     const auto f = [&](Tensor x, Tensor w, Tensor b) {
                       const Tensor y = layer_norm(x, {33}, w, b);
                       const Tensor s = softmax(matmul(y, y.transpose(1, 2)) * 0.17 + in[3], -1);
                       return (log_softmax(gelu(matmul(s, x)), 2) * y).mean();
                     };
                     auto [value, g] = grad<0, 1, 2>(f, in[0], in[1], in[2]);
                     return Tensors{value, std::get<0>(g), std::get<1>(g), std::get<2>(g)};
                   });
}

PlanCase indices(Form form) {
  return plan_case(
      "indices", form, {f32({10, 7}), i64({6, 5}), f32({12, 400})}, [](const Tensors& in) {
        const auto f = [&](Tensor w) {
          const Tensor rows = gather(w, 0, broadcast_to(in[1].slice(1, 0, 1), {6, 7}));
          return (rows * rows).sum() + max_pool2d(w.reshape({1, 1, 10, 7}), 3, 2, 1).sum();
        };
        const Tensor g = std::get<1>(grad(f, in[0]));
        return Tensors{g, argmax(in[2], 1), argmax(in[2], 0), cumsum(in[2], 0),
                       scatter_add(in[0], 0, broadcast_to(in[1].slice(1, 1, 2), {6, 7}),
                                   in[0].slice(0, 0, 6))};
      });
}

// Lists of an index that pass through shared memory, and indices that do not.
PlanCase scatters(Form form) {
  return plan_case("scatters", form,
                   {f32({10, 7}), i64({150}), f32({150, 7}), i64({7, 40}), {{7, 10}, DType::BF16}},
                   [](const Tensors& in) {
                     const Tensor to = broadcast_to(in[1].reshape({150, 1}), {150, 7});
                     const Tensor added = cast(in[2].slice(0, 0, 40).transpose(0, 1), DType::BF16);
                     return Tensors{scatter_add(in[0], 0, to, in[2]),
                                    argmin(in[2].slice(0, 0, 50), 0),
                                    scatter_add(in[4], 1, in[3], added), argmax(in[2] * 0.5, 1)};
                   });
}

PlanCase sparse_lists(Form form) {
  return plan_case("sparse lists", form, {f32({1, 24, 12, 12}), f32({17, 24, 3, 3})},
                   [](const Tensors& in) {
                     const auto f = [](Tensor x, Tensor w) {
                       return max_pool2d(relu(conv2d(x * 0.5, w, {}, 1, 1)), 2).sum();
                     };
                     auto [value, g] = grad<0, 1>(f, in[0], in[1]);
                     return Tensors{value, std::get<0>(g), std::get<1>(g)};
                   });
}

PlanCase halves(DType d, Form form) {
  return plan_case("halves", form, {{{6, 20}, d}, {{9, 20}, d}, {{9}, d}}, [](const Tensors& in) {
    const auto f = [&](Tensor x, Tensor w, Tensor b) {
      return (softmax(tanh(linear(x, w, b)), 1) * sigmoid(linear(x * 3.0, w))).sum();
    };
    auto [value, g] = grad<0, 1, 2>(f, in[0], in[1], in[2]);
    return Tensors{value, std::get<0>(g), std::get<1>(g), std::get<2>(g)};
  });
}

PlanCase functions(DType d, Form form) {
  return plan_case("functions", form, {{{50}, d}, {{50}, d}}, [](const Tensors& in) {
    const Tensor &x = in[0], &y = in[1];
    return Tensors{exp(x) + log(abs(y)),
                   sin(x * 100.0) * cos(y),
                   tan(x),
                   erf(x),
                   lgamma(abs(x) + 0.1),
                   digamma(y),
                   pow(abs(x), y),
                   atan2(x, y),
                   asinh(x),
                   expm1(x) + log1p(abs(y)),
                   floor_divide(x, y),
                   fmod(x, y),
                   sinh(x) - cosh(y)};
  });
}

TEST(OpenClPlans, TrainingSteps) {
  NEEDS_OPENCL;
  std::vector<PlanCase> all;
  for (const Form form : kForms) {
    all.push_back(conv_step(form));
    all.push_back(lstm_step(form));
  }
  check_plans(all);
}

TEST(OpenClPlans, RowsIndicesAndSparseLists) {
  NEEDS_OPENCL;
  std::vector<PlanCase> all;
  for (const Form form : kForms) {
    all.push_back(rows(form));
    all.push_back(indices(form));
    all.push_back(scatters(form));
  }
  all.push_back(sparse_lists(Form::Tasks));
  EXPECT_NE(all.back().plan.str().find("sparse"), std::string::npos) << all.back().plan.str();
  check_plans(all);
}

TEST(OpenClPlans, HalvesAndFunctions) {
  NEEDS_OPENCL;
  std::vector<PlanCase> all;
  for (const Form form : kForms) {
    all.push_back(halves(DType::F16, form));
    all.push_back(halves(DType::BF16, form));
    all.push_back(functions(DType::F32, form));
    all.push_back(functions(DType::F64, form));
  }
  check_plans(all);
}

TEST(OpenClPlans, RandomGraphsAndNets) {
  NEEDS_OPENCL;
  std::vector<PlanCase> all;
  for (std::uint64_t seed : {1, 2, 3, 4}) {
    RandomGraph random(seed);
    const Graph g = random.make(12);
    for (const Form form : kForms)
      all.push_back(plan_case("random graph " + std::to_string(seed), form, g, random.values(g)));
  }
  for (std::uint64_t seed = 0; all.size() < 14; ++seed) {
    RandomNet net(seed, DType::F32);
    try {
      net.make();
    } catch (const InternalError&) {
      throw;
    } catch (const Error&) {
      continue;  // layers that do not fit
    }
    std::vector<ir::NodeImpl*> roots;
    for (const Tensor& t : net.outputs) roots.push_back(t.node());
    const Graph g = driver::copy_graph(driver::canonicalise(roots), net.params);
    for (const Form form : kForms)
      all.push_back(plan_case("random net " + std::to_string(seed), form, g, net.values));
  }
  check_plans(all);
}

}  // namespace
}  // namespace lilith::testing
