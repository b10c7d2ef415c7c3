#include <fmt/format.h>

#include "commands.h"
#include "lilith/io.h"

namespace lilith::cli {
namespace {

struct ConvertOptions {
  std::string in, out, quantize;
  std::vector<std::string> only;
  bool skip = false;
};

// save_tensors takes any other ending for safetensors; here it would be a slip.
void check_ending(const std::string& path) {
  constexpr std::string_view kEndings[] = {".safetensors", ".pt",  ".pth", ".th",
                                           ".pth.tar",     ".npz", ".npy", ".gguf"};
  bool known = false;
  for (const auto ending : kEndings) known = known || path.ends_with(ending);
  LILITH_CHECK(known, "convert: {}: the ending names no format; need {}", path,
               fmt::join(kEndings, ", "));
}

void convert(const ConvertOptions& o) {
  check_ending(o.out);
  const TensorDict dict = load_tensors(o.in, {.only = o.only});
  for (const auto& [name, reason] : dict.refused()) {
    LILITH_CHECK(o.skip, "convert: {}: '{}' {}; --skip leaves such tensors out.", o.in,
                 TensorFile::printable(name), reason);
    fmt::print(stderr, "left out: '{}' {}\n", TensorFile::printable(name), reason);
  }
  save_tensors(dict, o.out, {.quantize = o.quantize});
  fmt::print("{} tensors written to {}\n", dict.size(), o.out);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto* command = app.add_subcommand(
      "convert", "Write a file of weights in another format, which its ending names");
  auto options = std::make_shared<ConvertOptions>();
  command->add_option("in", options->in, "A file of weights, of any format that inspect shows")
      ->required();
  command->add_option("out", options->out, ".safetensors, .pt, .npz, .npy (one tensor) or .gguf")
      ->required();
  command->add_option("--only", options->only,
                      "These tensors alone, by name or by what names begin with up to a dot");
  command->add_option("--quantize", options->quantize, "For .gguf: Q8_0 or Q4_0");
  command->add_flag("--skip", options->skip, "Leave out tensors that cannot be read");
  command->callback([options] { convert(*options); });
}

}  // namespace lilith::cli
