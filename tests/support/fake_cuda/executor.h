#pragma once
#include <cstdint>
#include <random>
#include <stdexcept>

#include "support/fake_cuda/runtime.h"

// Runs a kernel on this thread: one block after another, the threads of a block as fibers that a
// barrier or a shuffle takes turns of. Blocks and threads in an order of the random numbers.
namespace fake_cuda {

/// What a kernel did that no device can do.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const FakeRuntime& kernel_runtime();
void run_blocks(void (*call)(void** params), void** params, unsigned blocks, unsigned threads,
                std::mt19937_64& random);
/// Gives the host's address of one of a device; throws Fault for one that is none.
void set_translation(char* (*translate)(const void* device));

}  // namespace fake_cuda
