#include <cstdlib>

// Tests and benchmarks compile what they look at: without a word of the environment they neither
// read nor fill the user's cache. Before static initialisers, which may read the environment.
namespace {
[[gnu::constructor(101)]] void turn_cache_off() { setenv("LILITH_CACHE", "off", 0); }
}  // namespace
