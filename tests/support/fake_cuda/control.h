#pragma once

// What a test asks of the fake driver, found by dlsym in its library.
extern "C" {
/// "devices", "version" (12040), "memory" (bytes of a device), "seed", "capability" (90),
/// "late" (1: what is enqueued runs when somebody waits for it), "fail_next" (an error that the
/// next launch gives).
void fake_cuda_set(const char* key, long value);
/// How often a function of the driver was called, by its name without version: "cuGraphLaunch".
long fake_cuda_calls(const char* name);
/// Bytes that are allocated on a device.
long fake_cuda_held(int device);
/// Nodes and edges of the graph that was made last.
void fake_cuda_last_graph(long* nodes, long* edges, long* longest_chain);
}
