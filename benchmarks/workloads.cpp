// Pieces of work of the kinds that programs are made of (the tables are in workloads/), each
// compiled and timed by itself: a line of JSON for a program. tools/compare_workloads runs two
// builds in turn and says what became faster, slower or different. Of the library only what users
// see is asked for, so that older states of it can be measured too.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "workloads/workload.h"

namespace {

using namespace lilith;
using bench::Tensors, bench::Workload;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/// A sum over results in which each place has a factor in [0.5, 1.5): many gradients sum to 0, and
/// elements that changed places would not be seen. norm: of all elements, what rounding of the sum
/// goes by.
struct Checksum {
  double sum = 0, squares = 0;
  bench::Random factors{5};

  void add(double x) {
    sum += x * (0.5 + static_cast<double>(factors.bits() >> 11) * 0x1p-53);
    squares += x * x;
  }
  template <class T>
  void add_all(const Tensor& t) {
    const T* p = t.data<T>();
    for (std::int64_t k = 0; k < t.numel(); ++k) add(static_cast<double>(p[k]));
  }
  void add(const Tensors& results) {
    for (const Tensor& t : results) {
      if (t.dtype() == DType::F32)
        add_all<float>(t);
      else if (t.dtype() == DType::I64)
        add_all<std::int64_t>(t);
      else
        add_all<double>(t.to(DType::F64));
    }
  }
  double norm() const { return std::sqrt(squares); }
};

/// A call, until its results are in memory.
double timed(const bench::Mode& mode, std::size_t set, Tensors* results) {
  const auto start = Clock::now();
  *results = mode.call(set);
  for (const Tensor& t : *results) t.raw_data();
  return ms_since(start);
}

Json measure(const std::string& name, const bench::Mode& mode, double ms) {
  constexpr std::size_t kLeast = 3, kMost = 20000;
  Checksum checksum;
  Tensors results;
  const double first_ms = timed(mode, 0, &results);
  checksum.add(results);
  timed(mode, 1, &results);  // of a training: after an update
  checksum.add(results);
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < kLeast || (ms_since(start) < ms && times.size() < kMost)) {
    results.clear();  // its memory is free again, as in a program's loop
    times.push_back(timed(mode, times.size() % 2, &results));
  }
  Json j;
  j["name"] = name;
  j["mode"] = mode.name;
  j["min_ms"] = *std::min_element(times.begin(), times.end());
  j["median_ms"] = median(times);
  j["runs"] = times.size();
  j["first_ms"] = first_ms;
  j["checksum"] = checksum.sum;
  j["norm"] = checksum.norm();
  return j;
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> all;
  for (const auto table :
       {bench::pointwise, bench::broadcasts, bench::reductions, bench::extremes,
        bench::normalisations, bench::losses, bench::products, bench::convolutions, bench::pools,
        bench::movements, bench::pieces, bench::indices, bench::orders, bench::attentions,
        bench::recurrences, bench::networks, bench::steps}) {
    for (Workload& w : table()) all.push_back(std::move(w));
  }
  return all;
}

/// False where it threw: the others are measured all the same.
bool run(const Workload& w, double ms) {
  std::string mode = "inputs";
  try {
    for (const bench::Mode& m : w.modes()) {
      mode = m.name;
      fmt::print("{}\n", measure(w.name, m, ms).dump());
      std::fflush(stdout);
    }
    return true;
  } catch (const std::exception& e) {
    fmt::print("{}\n", Json{{"name", w.name}, {"mode", mode}, {"error", e.what()}}.dump());
    std::fflush(stdout);
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Times single workloads, forward and with gradients.", "workloads"};
  double ms = 150;
  std::string filter;
  bool list = false;
  app.add_option("--ms", ms, "Milliseconds of runs for each program, at least three runs")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--filter", filter, "Only workloads in whose name this regular expression is");
  app.add_flag("--list", list, "The names alone");
  CLI11_PARSE(app, argc, argv);
  bool complete = true;
  try {
    const std::regex wanted(filter);
    for (const Workload& w : all_workloads()) {
      if (!std::regex_search(w.name, wanted)) continue;
      if (list)
        fmt::print("{}\n", w.name);
      else
        complete &= run(w, ms);
    }
  } catch (const std::exception& e) {
    fmt::print(stderr, "workloads: {}\n", e.what());
    return 1;
  }
  return complete ? 0 : 1;
}
