#pragma once
#include <array>
#include <string>

#include "registry.h"

namespace lilith::cli {

/// Milliseconds that the first step needs to be compiled in a fresh process: with an empty cache on
/// disk, and again with what that left there. Runs this executable twice.
std::array<double, 2> probe_compile(const std::string& model, const std::string& device,
                                    std::int64_t batch_size, int threads);
/// The child's part: the first step's time above that of the steps that follow.
double probe_here(const zoo::Entry& entry, const zoo::BenchArgs& args);

}  // namespace lilith::cli
