#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "lilith/error.h"
#include "lilith/precision.h"

namespace lilith::cli {

/// A number above 0 in an option, or an Error that says so without the range of the type.
inline CLI::Validator above_zero() {
  return CLI::Validator(
      [](std::string& text) {
        try {
          std::size_t end = 0;
          const double value = std::stod(text, &end);
          if (end != text.size()) return "'" + text + "' is no number";
          if (value > 0) return std::string();
        } catch (const std::exception&) {
          return "'" + text + "' is no number";
        }
        return "'" + text + "' is not above 0";
      },
      "> 0");
}
/// A whole number from 0 on: what an unsigned option would read from "-1" is a huge one.
inline CLI::Validator not_negative() {
  return CLI::Validator(
      [](std::string& text) {
        return text.starts_with('-') ? "'" + text + "' is negative" : std::string();
      },
      ">= 0");
}

/// `--precision`: sets it for the process; without it LILITH_PRECISION counts.
inline void add_precision(CLI::App* command) {
  command->add_option_function<std::string>(
      "--precision",
      [](const std::string& text) {
        if (text == "highest") return set_precision(Precision::highest);
        if (text == "high") return set_precision(Precision::high);
        LILITH_CHECK(text == "medium", "--precision: '{}' is none of highest, high and medium",
                     text);
        set_precision(Precision::medium);
      },
      "highest, high or medium: of products of f32 on tensor cores (default high)");
}
/// Names where a command computes; unset: what LILITH_DEVICE says.
inline void add_device_option(CLI::App* command, std::string* device) {
  command->add_option("--device", *device, "cpu, cuda, cuda:1, opencl:0 or best")
      ->envname("LILITH_DEVICE")
      ->capture_default_str();
}

// Each adds its subcommand; the callback runs it and throws lilith::Error when it fails.
void add_train(CLI::App& app);
void add_bench(CLI::App& app);
void add_inspect(CLI::App& app);
void add_convert(CLI::App& app);
void add_explain(CLI::App& app);
void add_devices(CLI::App& app);
void add_cache(CLI::App& app);

}  // namespace lilith::cli
