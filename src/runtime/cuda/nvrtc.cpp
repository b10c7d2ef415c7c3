#include "runtime/cuda/nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>

#include "lilith/error.h"

namespace lilith::runtime::cuda {
namespace {

// What of NVRTC is used, declared as its documentation says.
using Result = int;  // 0: success
struct ProgramData;
using Program = ProgramData*;
constexpr const char* kLibraries[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

struct Api {
  std::string why_none;
  const char* (*error_string)(Result) = nullptr;
  Result (*version)(int* major, int* minor) = nullptr;
  Result (*create)(Program*, const char* source, const char* name, int headers,
                   const char* const* header_texts, const char* const* header_names) = nullptr;
  Result (*destroy)(Program*) = nullptr;
  Result (*compile)(Program, int options, const char* const* texts) = nullptr;
  Result (*log_size)(Program, std::size_t*) = nullptr;
  Result (*log)(Program, char*) = nullptr;
  Result (*cubin_size)(Program, std::size_t*) = nullptr;
  Result (*cubin)(Program, char*) = nullptr;
};

template <class F>
bool find(void* library, F** f, const char* name) {
  *f = reinterpret_cast<F*>(dlsym(library, name));
  return *f != nullptr;
}

Api load() {
  Api api;
  void* library = nullptr;
  for (const char* name : kLibraries) {
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    api.why_none = "CUDA's compiler is not installed: neither libnvrtc.so.13 nor libnvrtc.so.12";
    return api;
  }
  const bool all = find(library, &api.error_string, "nvrtcGetErrorString") &&
                   find(library, &api.version, "nvrtcVersion") &&
                   find(library, &api.create, "nvrtcCreateProgram") &&
                   find(library, &api.destroy, "nvrtcDestroyProgram") &&
                   find(library, &api.compile, "nvrtcCompileProgram") &&
                   find(library, &api.log_size, "nvrtcGetProgramLogSize") &&
                   find(library, &api.log, "nvrtcGetProgramLog") &&
                   find(library, &api.cubin_size, "nvrtcGetCUBINSize") &&
                   find(library, &api.cubin, "nvrtcGetCUBIN");
  if (!all) api.why_none = "the libnvrtc that was found lacks functions";
  return api;
}

const Api& api() {
  static const Api* found = new Api(load());
  return *found;
}

void check(Result code, const char* call) {
  if (code == 0) return;
  throw DeviceError(fmt::format("cuda: {}: {}", call, api().error_string(code)),
                    LocScope::current());
}

class Unit {
 public:
  explicit Unit(const std::string& source) {
    check(api().create(&program_, source.c_str(), "lilith.cu", 0, nullptr, nullptr),
          "nvrtcCreateProgram");
  }
  Unit(const Unit&) = delete;
  ~Unit() { api().destroy(&program_); }

  Result compile(int architecture, bool usage) {
    const std::string target = fmt::format("--gpu-architecture=sm_{}", architecture);
    const char* options[] = {target.c_str(), "--std=c++17", "--fmad=false",
                             "--diag-suppress=177",  // what a text does not use
                             "--ptxas-options=-v"};
    return api().compile(program_, static_cast<int>(std::size(options)) - (usage ? 0 : 1), options);
  }
  std::string log() const {
    return text(api().log_size, api().log, "nvrtcGetProgramLog").c_str();  // up to its zero
  }
  std::string cubin() const { return text(api().cubin_size, api().cubin, "nvrtcGetCUBIN"); }

 private:
  std::string text(Result (*size)(Program, std::size_t*), Result (*get)(Program, char*),
                   const char* call) const {
    std::size_t bytes = 0;
    check(size(program_, &bytes), call);
    std::string out(bytes, '\0');
    check(get(program_, out.data()), call);
    return out;
  }
  Program program_ = nullptr;
};

}  // namespace

const std::string& why_no_compiler() { return api().why_none; }

Compiled compile(const std::string& source, int architecture, bool usage) {
  if (!why_no_compiler().empty())
    throw DeviceError("cuda: " + why_no_compiler(), LocScope::current());
  Unit unit(source);
  const Result code = unit.compile(architecture, usage);
  Compiled out{"", unit.log()};
  if (code != 0) {
    throw DeviceError(fmt::format("cuda: nvrtcCompileProgram failed for sm_{}: {}; it says:\n{}",
                                  architecture, api().error_string(code), out.log),
                      LocScope::current());
  }
  out.cubin = unit.cubin();
  return out;
}

}  // namespace lilith::runtime::cuda
