// Single products, asked for a line at a time, so that a peer runs the same in turn
// (benchmarks/peers/products.py, which has the list): a line of JSON on standard input is a
// product, a line on standard output what it took.
#include <fmt/format.h>
#include <lilith/compile.h>
#include <lilith/ops.h>
#include <lilith/runtime.h>
#include <lilith/transforms.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/lilith/fma_peak.h"

namespace {

using namespace lilith;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using Function = std::function<Tensor(const Tensor&, const Tensor&)>;

/// A function of two operands, and their shapes as they lie in memory.
struct Product {
  Function f;
  Shape a, b;
};

Shape shape_of(const Json& sizes) { return Shape(sizes.get<std::vector<std::int64_t>>()); }

Product matmul_of(const Json& j) {
  const bool ta = j["ta"], tb = j["tb"];
  Shape a = shape_of(j["a"]), b = shape_of(j["b"]);
  const auto lying = [](Shape s, bool turned) {
    if (turned) std::swap(s[s.rank() - 1], s[s.rank() - 2]);
    return s;
  };
  return {[=](const Tensor& x, const Tensor& y) {
            return matmul(ta ? x.transpose(-1, -2) : x, tb ? y.transpose(-1, -2) : y);
          },
          lying(a, ta), lying(b, tb)};
}

/// Images lie channels last, as inside of a network.
Product conv_of(const Json& j) {
  const std::int64_t stride = j["stride"], padding = j["padding"], groups = j["groups"];
  const Shape x = shape_of(j["x"]), w = shape_of(j["w"]), y = shape_of(j["y"]);
  const auto last = [](const Shape& s) { return Shape{s[0], s[2], s[3], s[1]}; };
  const auto conv = [=](const Tensor& in, const Tensor& weight) {
    return conv2d(in.permute({0, 3, 1, 2}), weight, {}, stride, padding, 1, groups)
        .permute({0, 2, 3, 1});
  };
  const std::string pass = j["pass"];
  if (pass == "forward") return {conv, last(x), w};
  if (pass == "data") {
    return {[=](const Tensor& dy, const Tensor& weight) {
              return grad([&](const Tensor& in) { return (conv(in, weight) * dy).sum(); },
                          full(last(x), 0.1, {.dtype = dy.dtype()}))
                  .second;
            },
            last(y), w};
  }
  return {[=](const Tensor& in, const Tensor& dy) {
            return grad([&](const Tensor& weight) { return (conv(in, weight) * dy).sum(); },
                        full(w, 0.1, {.dtype = dy.dtype()}))
                .second;
          },
          last(x), last(y)};
}

/// Of calls that take two sets of operands in turn, the first two left out. A program of these
/// sizes alone: those before were others.
std::vector<double> times_of(const Product& p, DType dtype, double ms) {
  const auto f = compile(p.f, {.dynamic = false});
  const auto operand = [&](const Shape& s) { return randn(s).to(dtype); };
  const Tensor a[2] = {operand(p.a), operand(p.a)}, b[2] = {operand(p.b), operand(p.b)};
  eval(a[0], a[1], b[0], b[1]);
  std::vector<double> times;
  double sum = 0;
  for (std::size_t k = 0; k < 5 || sum < ms; ++k) {
    const auto start = Clock::now();
    f(a[k % 2], b[k % 2]).raw_data();
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (k < 2) continue;
    times.push_back(took);
    sum += took;
  }
  return times;
}

Json answer(const Json& j) {
  if (j["kind"] == "peak") return {{"gflops", cli::fma_peak_gflops(num_threads())}};
  const DType dtype = dtype_from_name(j.value("dtype", "f32"));
  const Product product = j["kind"] == "matmul" ? matmul_of(j) : conv_of(j);
  std::vector<double> times = times_of(product, dtype, j["ms"]);
  std::sort(times.begin(), times.end());
  return {{"min_ms", times.front()}, {"median_ms", times[times.size() / 2]}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times the products that standard input names, a line of JSON each."};
  int threads = 0;
  app.add_option("--threads", threads, "Threads to run on")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  if (threads > 0) set_num_threads(threads);
  for (std::string line; std::getline(std::cin, line);) {
    try {
      fmt::print("{}\n", answer(Json::parse(line)).dump());
    } catch (const std::exception& e) {
      fmt::print("{}\n", Json{{"error", e.what()}}.dump());
    }
    std::fflush(stdout);
  }
}
