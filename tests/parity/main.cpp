// Runs every golden sample in f64 and in f32 and compares values and gradients with PyTorch's.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <set>

#include "core/device_kinds.h"
#include "ir/node.h"
#include "ir/reference.h"
#include "parity/bind.h"
#include "parity/compare.h"
#include "parity/gradients.h"
#include "parity/jobs.h"
#include "parity/optimizers.h"
#include "parity/orders.h"
#include "parity/signs.h"
#include "support/project_root.h"

namespace lilith::parity {
namespace {

struct Options {
  std::string op;          // this operator alone
  bool reference = false;  // by the reference interpreter, f64 alone
  bool verbose = false;
  Device device = {};  // where the operands lie
};

/// A value of the reference interpreter as a leaf of that dtype (floating ones as f64).
Tensor leaf_of(const RefTensor& r) {
  const Stored wide{r.floating() ? DType::F64 : DType::I64, r.aval.shape,
                    r.floating() ? reinterpret_cast<const char*>(r.f.data())
                                 : reinterpret_cast<const char*>(r.i.data())};
  return wide.leaf(r.floating() ? DType::F64 : r.aval.dtype);
}

/// Evaluates all of them in one program. Undefined ones stay so.
void evaluate(std::vector<Tensor>& values, const Options& options) {
  std::vector<Tensor> defined;
  for (const Tensor& t : values) {
    if (t.defined()) defined.push_back(t);
  }
  if (!options.reference) {
    ir::eval_hooks().eval(defined);
    return;
  }
  const std::vector<RefTensor> results = ir::interpret(Graph({}, defined), {});
  std::size_t k = 0;
  for (Tensor& t : values) {
    if (!t.defined()) continue;
    t = leaf_of(results[k++]);
  }
}

/// Operators whose stored results say nothing, or say it less exactly, and why.
struct Caveat {
  const char* op;
  const char* reason;
  double gradient = 0, value = 0;  // how much they may be off, relatively
  double absolute = 0;             // of the value
  double narrow = 0;               // of the gradient in f32, absolutely
  bool skip_gradient = false;
  bool wide_alone = false;  // f64, not f32
  bool (*when)(const Sample&) = nullptr;
};
bool scales_by_frequency(const Sample& s) {
  return s.is_old && s.kwargs.value("scale_grad_by_freq", false);
}
bool is_full(const Sample& s) { return s.ctor_kwargs.value("full", false); }
bool has_weights(const Sample& s) {
  const auto given = [&](const char* name) {
    const auto it = s.kwargs.find(name);
    return it != s.kwargs.end() && !it->is_null();
  };
  return given("fweights") || given("aweights");
}
bool is_of_old(const Sample& s) { return s.is_old; }
constexpr char kBessel[] = "PyTorch's values are off by up to 1e-6, beside those of mpmath";
constexpr char kEdges[] = "in f32 what lies at the edge of a bin falls to either side";
constexpr Caveat kCaveats[] = {
    {.op = "sgn",
     .reason = "the stored gradient is uninitialised memory (denormals); it is 0 by definition",
     .skip_gradient = true},
    {.op = "nn.functional.hardsigmoid",
     .reason = "PyTorch multiplies by 1/6 rounded to f32",
     .gradient = 1e-7},
    {.op = "nn.functional.celu",
     .reason = "PyTorch divides by alpha rounded to f32",
     .gradient = 1e-7},
    {.op = "special.airy_ai",
     .reason = "PyTorch's values are off by up to 3e-6 between 2 and 3, beside those of mpmath",
     .absolute = 5e-6},
    {.op = "special.bessel_j0", .reason = kBessel, .gradient = 1e-5, .absolute = 1e-6},
    {.op = "special.bessel_j1", .reason = kBessel, .gradient = 1e-5, .absolute = 1e-6},
    {.op = "special.bessel_y0", .reason = kBessel, .gradient = 1e-5, .absolute = 1e-6},
    {.op = "special.bessel_y1", .reason = kBessel, .gradient = 1e-5, .absolute = 1e-6},
    {.op = "linalg.vector_norm",
     .reason = "PyTorch 1 rounds ord to f32",
     .gradient = 1e-6,
     .value = 1e-6,
     .when = is_of_old},
    {.op = "linalg.pinv__hermitian",
     .reason = "PyTorch reads a triangle, and its gradient's formula the whole matrix",
     .skip_gradient = true},
    {.op = "as_strided_scatter",
     .reason = "the stored gradient is uninitialised memory",
     .skip_gradient = true},
    {.op = "nn.functional.embedding_bag",
     .reason = "PyTorch 1 divides by how often another index is named",
     .skip_gradient = true,
     .when = scales_by_frequency},
    {.op = "nn.PoissonNLLLoss",
     .reason =
         "PyTorch's gradient for targets below 0, which Stirling's formula leaves out, is NaN",
     .skip_gradient = true,
     .when = is_full},
    {.op = "histc", .reason = kEdges, .wide_alone = true},
    {.op = "histogram", .reason = kEdges, .wide_alone = true},
    {.op = "histogramdd", .reason = kEdges, .wide_alone = true},
    {.op = "nn.functional.multi_head_attention_forward",
     .reason = "the gradient through the softmax cancels in f32",
     .narrow = 1e-4},
    {.op = "cov",
     .reason = "the gradient of weights cancels in f32",
     .narrow = 1e-3,
     .when = has_weights},
};
const Caveat* caveat_of(const Sample& sample) {
  for (const Caveat& c : kCaveats) {
    if (sample.op == c.op && (c.when == nullptr || c.when(sample))) return &c;
  }
  return nullptr;
}

/// Asks for f32 by dtype: values and gradients are no more exact than that.
bool computes_in_f32(const Sample& sample) {
  const auto it = sample.kwargs.find("dtype");
  return it != sample.kwargs.end() && it->is_object() && (*it)["dtype"] == "torch.float32";
}

/// A sample at one precision: what it computes, to be evaluated, and what that has to be.
struct Run {
  const Sample* sample;
  DType floating;
  std::vector<Tensor> values;  // results, then gradients
  std::vector<const Stored*> expected;
  std::vector<std::string> labels;
};

/// "out.0", or "out.1.0" of a nested result.
std::string key_of_out(const Sample& sample, std::size_t k) {
  return sample.outs[k].substr(sample.outs[k].rfind('/') + 1);
}

Run prepare(const Sample& sample, const GoldenFile& file, const Function& function, DType floating,
            const Options& options) {
  const Call call(sample, file, floating, options.device);
  Run run{&sample, floating, function(call), {}, {}};
  std::vector<Tensor>& values = run.values;
  turn_signs(sample, file, floating, values);
  put_in_order(sample, call, file, values);
  if (values.size() != sample.outs.size()) {
    throw std::runtime_error(
        fmt::format("{} results, expected {}", values.size(), sample.outs.size()));
  }
  std::vector<Tensor> outputs, cotangents, inputs;
  for (std::size_t k = 0; k < sample.outs.size(); ++k) {
    const auto it = sample.cot.find(key_of_out(sample, k));
    if (it == sample.cot.end()) continue;
    outputs.push_back(values[k]);
    const Tensor ct = file.at(it->get<std::string>()).tensor(floating).to(values[k].dtype());
    cotangents.push_back(ct.to(values[k].device()));
  }
  for (std::size_t k = 0; k < sample.outs.size(); ++k) {
    run.expected.push_back(&file.at(sample.outs[k]));
    run.labels.push_back(key_of_out(sample, k));
  }
  const Caveat* caveat = caveat_of(sample);
  for (const auto& [key, stored] : sample.grad.items()) {
    if (caveat != nullptr && caveat->skip_gradient) break;
    inputs.push_back(call.differentiable(key));
    run.expected.push_back(&file.at(stored.get<std::string>()));
    run.labels.push_back(key);
  }
  if (!inputs.empty()) {
    for (Tensor& g : gradients(outputs, cotangents, inputs)) values.push_back(std::move(g));
  }
  return run;
}

/// What differs in an evaluated sample; empty when it agrees.
std::string difference(const Run& run) {
  const Caveat* caveat = caveat_of(*run.sample);
  const bool narrow = run.floating == DType::F32 || computes_in_f32(*run.sample);
  if (caveat != nullptr && caveat->wide_alone && narrow) return "";
  for (std::size_t k = 0; k < run.values.size(); ++k) {
    Tolerance bound = narrow || run.expected[k]->dtype == DType::F32 ? kF32 : kF64;
    const bool of_gradient = k >= run.sample->outs.size();
    if (caveat != nullptr) {
      bound.relative = std::max(bound.relative, of_gradient ? caveat->gradient : caveat->value);
      bound.absolute = std::max(bound.absolute, caveat->absolute);
      if (of_gradient && narrow) bound.absolute = std::max(bound.absolute, caveat->narrow);
    }
    const std::string text = difference(run.values[k], *run.expected[k], bound);
    if (!text.empty()) return fmt::format("{} {}: {}", name(run.floating), run.labels[k], text);
  }
  return "";
}

/// The runs of an operator's samples, evaluated together: on a device the building of a program
/// costs more than all that it computes. Empty where one of them fails.
std::vector<Run> run_together(const std::vector<const Sample*>& samples, const GoldenFile& file,
                              const Function& function, const Options& options) {
  std::vector<Run> runs;
  std::vector<Tensor> values;
  try {
    for (const Sample* sample : samples)
      for (const DType floating : {DType::F64, DType::F32})
        runs.push_back(prepare(*sample, file, function, floating, options));
    for (const Run& run : runs) values.insert(values.end(), run.values.begin(), run.values.end());
    evaluate(values, options);
  } catch (const std::exception&) {
    return {};
  }
  return runs;
}

/// One sample by itself: its text is empty when it agrees.
std::string run_alone(const Sample& sample, const GoldenFile& file, const Function& function,
                      const Options& options) {
  for (const DType floating : {DType::F64, DType::F32}) {
    if (options.reference && floating == DType::F32) break;
    Run run = prepare(sample, file, function, floating, options);
    evaluate(run.values, options);
    if (const std::string text = difference(run); !text.empty()) return text;
  }
  return "";
}

void count_result(const Sample& sample, const std::string& text, const Options& options,
                  Count& count) {
  if (text.empty()) {
    ++count.passed;
    if (const Caveat* c = caveat_of(sample))
      count.reason = fmt::format("{}: {}", sample.name, c->reason);
    return;
  }
  if (count.failed++ == 0) count.reason = sample.name + ": " + text;
  if (options.verbose) fmt::print("  FAILED {}: {}\n", sample.name, text);
}

void run_sample(const Sample& sample, const GoldenFile& file, const Table& table,
                const Options& options, Count& count) {
  const auto it = table.find(sample.op);
  if (it == table.end()) {
    ++count.unsupported;
    count.reason = "no function";
    return;
  }
  std::string text;
  try {
    text = run_alone(sample, file, it->second, options);
  } catch (const Unsupported& e) {
    ++count.unsupported;
    if (count.failed == 0) count.reason = e.what();
    return;
  } catch (const std::exception& e) {
    text = e.what();
  }
  count_result(sample, text, options, count);
}

/// All samples of one operator.
Count run_op(const GoldenFile& file, const std::string& op, const Table& table,
             const Options& options) {
  Count count;
  std::vector<const Sample*> samples;
  for (const Sample& sample : file.samples())
    if (sample.op == op) samples.push_back(&sample);
  const auto function = table.find(op);
  if (options.device != cpu() && function != table.end()) {
    const std::vector<Run> runs = run_together(samples, file, function->second, options);
    for (std::size_t k = 0; k < runs.size(); k += 2) {
      const std::string wide = difference(runs[k]), narrow = difference(runs[k + 1]);
      count_result(*runs[k].sample, wide.empty() ? narrow : wide, options, count);
    }
    if (!runs.empty()) return count;
  }
  for (const Sample* sample : samples) run_sample(*sample, file, table, options, count);
  return count;
}

int num_samples(const GoldenFile& file, const std::string& op) {
  return static_cast<int>(std::count_if(file.samples().begin(), file.samples().end(),
                                        [&](const Sample& s) { return s.op == op; }));
}

std::vector<std::filesystem::path> golden_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(".safetensors") &&
        (file.starts_with("core_") || file.starts_with("nn_") || file.starts_with("modules"))) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The runs of optim.json and schedulers.json, on the host.
void add_training_jobs(const std::filesystem::path& folder, const Options& options,
                       std::map<std::string, Count>& counts, std::vector<Job>& jobs) {
  using Runs = Count (*)(const std::string&, const std::string&);
  const std::pair<const char*, Runs> files[] = {{"optim.json", run_optimizers},
                                                {"schedulers.json", run_schedulers}};
  for (const auto& [file, runs] : files) {
    const std::string path = (folder / file).string();
    if (options.device != cpu() || options.reference || !std::filesystem::exists(path)) continue;
    std::set<std::string> names;
    for (const Json& run : training_runs(path)) names.insert(name_of_run(run));
    for (const std::string& name : names) {
      if (!options.op.empty() && name != options.op) continue;
      jobs.push_back({[path, name, runs] { return runs(path, name); },
                      [&counts, name](std::optional<Count> count, const std::string& death) {
                        counts[name] = count ? *count : Count{0, 1, 0, death};
                      }});
    }
  }
}

int run_all(const std::filesystem::path& folder, const Options& options) {
  const Table table = bindings();
  std::map<std::string, Count> counts;
  std::vector<Job> jobs;
  std::deque<GoldenFile> files;
  for (const auto& path : golden_files(folder)) {
    const GoldenFile& file = files.emplace_back(path.string());
    std::set<std::string> seen;
    for (const Sample& sample : file.samples()) {
      if (!options.op.empty() && sample.op != options.op) continue;
      if (!seen.insert(sample.op).second) continue;
      jobs.push_back(
          {[&file, &table, &options, op = sample.op] { return run_op(file, op, table, options); },
           [&counts, &file, op = sample.op](std::optional<Count> count, const std::string& death) {
             counts[op] = count ? *count : Count{0, num_samples(file, op), 0, death};
           }});
    }
  }
  add_training_jobs(folder, options, counts, jobs);
  run_jobs(std::move(jobs), options.op.empty());
  Count total;
  for (const auto& [op, count] : counts) {
    fmt::print("{:<48} {:3} passed {:3} failed {:3} unsupported{}{}\n", op, count.passed,
               count.failed, count.unsupported, count.reason.empty() ? "" : "  ", count.reason);
    total.passed += count.passed;
    total.failed += count.failed;
    total.unsupported += count.unsupported;
  }
  fmt::print("parity: {} passed, {} failed, {} unsupported\n", total.passed, total.failed,
             total.unsupported);
  if (total.passed + total.failed == 0) fmt::print("parity: FAILED, nothing was compared\n");
  return total.failed == 0 && total.passed > 0 ? 0 : 1;
}

std::filesystem::path golden_folder() {
  if (const char* path = std::getenv("LILITH_GOLDEN")) return path;
  const char* shared = std::getenv("LILITH_SHARED");
  const std::filesystem::path root =
      shared != nullptr
          ? std::filesystem::path(shared)
          : std::filesystem::path(lilith::testing::project_root()).parent_path() / "shared";
  return root / "golden" / "torch";
}

}  // namespace
}  // namespace lilith::parity

int main(int argc, char** argv) {
  lilith::parity::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--reference") {
      options.reference = true;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (argument == "--op" && i + 1 < argc) {
      options.op = argv[++i];
    } else if (argument == "--device" && i + 1 < argc && lilith::find_device_name(argv[i + 1])) {
      // Not looked for: the children that run the samples look.
      options.device = *lilith::find_device_name(argv[++i]);
    } else {
      fmt::print(
          "usage: parity [--op NAME] [--device opencl:0] [--verbose] [--reference]\n"
          "Golden files: $LILITH_GOLDEN, else $LILITH_SHARED/golden/torch.\n");
      return argument == "--help" ? 0 : 2;
    }
  }
  const auto folder = lilith::parity::golden_folder();
  if (!std::filesystem::exists(folder)) {
    fmt::print("parity: SKIPPED, {} is absent; set LILITH_GOLDEN\n", folder.string());
    return 77;
  }
  return lilith::parity::run_all(folder, options);
}
