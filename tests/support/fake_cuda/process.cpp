#include "support/fake_cuda/process.h"

#include <dlfcn.h>

#include <stdexcept>

#include "support/fake_cuda/control.h"

namespace lilith::testing {
namespace {

template <class F>
F* symbol(F*, const char* name, const char* file = LILITH_FAKE_CUDA) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void* found = library == nullptr ? nullptr : dlsym(library, name);
  if (found == nullptr) throw std::runtime_error(dlerror());
  return reinterpret_cast<F*>(found);
}
// Found by the names and types of control.h.
#define CALL(name) symbol(static_cast<decltype(&::name)>(nullptr), #name)

}  // namespace

// The one file that knows where they lie: the others compile to the same object everywhere.
std::string fake_cuda_driver() { return LILITH_FAKE_CUDA; }
std::string fake_cuda_compiler() { return LILITH_FAKE_NVRTC; }

void FakeCuda::set(const char* key, long value) { CALL(fake_cuda_set)(key, value); }
long FakeCuda::calls(const char* name) { return CALL(fake_cuda_calls)(name); }
long FakeCuda::held(int device) { return CALL(fake_cuda_held)(device); }
long FakeCuda::compilations() {
  return symbol(static_cast<long (*)()>(nullptr), "fake_nvrtc_compilations", LILITH_FAKE_NVRTC)();
}
FakeCuda::Graph FakeCuda::last_graph() {
  Graph g{};
  CALL(fake_cuda_last_graph)(&g.nodes, &g.edges, &g.longest_chain);
  return g;
}

}  // namespace lilith::testing
