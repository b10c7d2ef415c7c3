#include "eval/dump_case.h"

#include <mutex>

#include "core/dump.h"
#include "ir/node.h"
#include "runtime/device_memory.h"

namespace lilith::driver {
namespace {

/// Writes the inputs of its first run, before it runs: what crashes leaves a whole case.
class DumpedProgram final : public Program {
 public:
  DumpedProgram(std::shared_ptr<Program> program, const Graph& g, std::string folder)
      : program_(std::move(program)), folder_(std::move(folder)) {
    for (const Tensor& t : g.inputs()) avals_.push_back(t.aval());
  }
  void run(std::span<const StoragePtr> inputs, std::span<const char> donated,
           std::span<StoragePtr> outputs) override {
    std::call_once(once_, [&] { write_inputs(inputs); });
    program_->run(inputs, donated, outputs);
  }
  ProgramStats stats() const override { return program_->stats(); }
  bool may_fail() const override { return program_->may_fail(); }
  const schedule::Plan* plan() const override { return program_->plan(); }

 private:
  void write_inputs(std::span<const StoragePtr> inputs) const {
    if (!write_tensors_hook()) throw InternalError("LILITH_DUMP: no file format is installed");
    std::vector<std::pair<std::string, Tensor>> tensors;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      // Borrowed: a storage that a file had lent could never be donated again.
      const StoragePtr host = runtime::on_host(inputs[k]);
      StoragePtr view = Storage::borrow(host->data(), host->bytes(), [host] {});
      const Aval aval{.shape = avals_[k].shape, .dtype = avals_[k].dtype};
      tensors.emplace_back(std::to_string(k), ir::make_data(aval, std::move(view)));
    }
    write_tensors_hook()(tensors, folder_ + "/inputs.safetensors");
  }

  std::shared_ptr<Program> program_;
  std::vector<Aval> avals_;
  std::string folder_;
  std::once_flag once_;
};

}  // namespace

WriteTensors& write_tensors_hook() {
  static WriteTensors hook = nullptr;
  return hook;
}

std::shared_ptr<Program> dump_case(
    const Graph& g, const std::function<std::shared_ptr<Program>(const Graph&)>& make) {
  const dump::Case files;
  dump::write_file(files.folder() + "/graph.txt", g.str());
  return std::make_shared<DumpedProgram>(make(g), g, files.folder());
}

}  // namespace lilith::driver
