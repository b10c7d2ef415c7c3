#include "runtime/cuda/nvrtc.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/env.h"
#include "lilith/error.h"
#include "runtime/cuda/device.h"
#include "runtime/shared_library.h"

namespace lilith::runtime::cuda {
namespace {

// What of NVRTC is used, declared as its documentation says.
using Result = int;  // 0: success
struct ProgramData;
using Program = ProgramData*;
struct Library {
  const char* name;
  int driver;  // the oldest one that takes its code
};
constexpr Library kLibraries[] = {{"libnvrtc.so.13", 13000}, {"libnvrtc.so.12", 12000}};

constexpr const char* kOptions[] = {"--std=c++17", "--fmad=false",
                                    "--diag-suppress=177"};  // what a text does not use

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
  Result (*ptx_size)(Program, std::size_t*) = nullptr;
  Result (*ptx)(Program, char*) = nullptr;
  Result (*num_architectures)(int*) = nullptr;
  Result (*architectures)(int*) = nullptr;
};

/// The one that is named, else the newest one whose code the driver takes, where there is a driver.
bool open(SharedLibrary* library) {
  if (const std::string& named = env::text("LILITH_NVRTC"); !named.empty())
    return library->open(named.c_str());
  const int driver = driver_version();
  return std::ranges::any_of(kLibraries, [&](const Library& l) {
    return (driver == 0 || l.driver <= driver) && library->open(l.name);
  });
}

Api load() {
  Api api;
  SharedLibrary in;
  if (!open(&in)) {
    const int driver = driver_version();
    api.why_none =
        driver == 0 || driver >= kLibraries[0].driver
            ? "CUDA's compiler is not installed: neither libnvrtc.so.13 nor libnvrtc.so.12"
            : fmt::format(
                  "CUDA's compiler is not installed: no libnvrtc.so.12, which a driver of "
                  "CUDA {} needs",
                  version_text(driver));
    return api;
  }
  in.find(&api.error_string, "nvrtcGetErrorString");
  in.find(&api.version, "nvrtcVersion");
  in.find(&api.create, "nvrtcCreateProgram");
  in.find(&api.destroy, "nvrtcDestroyProgram");
  in.find(&api.compile, "nvrtcCompileProgram");
  in.find(&api.log_size, "nvrtcGetProgramLogSize");
  in.find(&api.log, "nvrtcGetProgramLog");
  in.find(&api.cubin_size, "nvrtcGetCUBINSize");
  in.find(&api.cubin, "nvrtcGetCUBIN");
  in.find(&api.ptx_size, "nvrtcGetPTXSize");
  in.find(&api.ptx, "nvrtcGetPTX");
  in.find(&api.num_architectures, "nvrtcGetNumSupportedArchs");
  in.find(&api.architectures, "nvrtcGetSupportedArchs");
  if (in.missing() != nullptr)
    api.why_none = fmt::format("the libnvrtc that was found has no {}", in.missing());
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

  /// target: "sm_90" for code, "compute_90" for PTX.
  Result compile(const std::string& architecture, bool usage) {
    const std::string target = "--gpu-architecture=" + architecture;
    std::vector<const char*> options = {target.c_str()};
    options.insert(options.end(), std::begin(kOptions), std::end(kOptions));
    if (usage) options.push_back("--ptxas-options=-v");
    return api().compile(program_, static_cast<int>(options.size()), options.data());
  }
  std::string log() const {
    return text(api().log_size, api().log, "nvrtcGetProgramLog").c_str();  // up to its zero
  }
  std::string cubin() const { return text(api().cubin_size, api().cubin, "nvrtcGetCUBIN"); }
  std::string ptx() const { return text(api().ptx_size, api().ptx, "nvrtcGetPTX"); }

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

void check_compiler() {
  if (!why_no_compiler().empty())
    throw DeviceError("cuda: " + why_no_compiler(), LocScope::current());
}

void compile(Unit* unit, const std::string& architecture, bool usage) {
  const Result code = unit->compile(architecture, usage);
  if (code == 0) return;
  throw DeviceError(fmt::format("cuda: nvrtcCompileProgram failed for {}: {}; it says:\n{}",
                                architecture, api().error_string(code), unit->log()),
                    LocScope::current());
}

}  // namespace

const std::string& why_no_compiler() { return api().why_none; }

std::string compiler_version() {
  check_compiler();
  int major = 0, minor = 0;
  check(api().version(&major, &minor), "nvrtcVersion");
  return fmt::format("{}.{}", major, minor);
}

Compiled compile(const std::string& source, int architecture, bool usage) {
  check_compiler();
  Unit unit(source);
  compile(&unit, fmt::format("sm_{}", architecture), usage);
  return {unit.cubin(), unit.log()};
}

std::string target_for(int architecture) {
  check_compiler();
  int count = 0;
  check(api().num_architectures(&count), "nvrtcGetNumSupportedArchs");
  std::vector<int> known(static_cast<std::size_t>(std::max(count, 1)));
  check(api().architectures(known.data()), "nvrtcGetSupportedArchs");
  if (std::ranges::count(known, architecture) > 0) return fmt::format("sm_{}", architecture);
  int newest = 0;
  for (const int k : known) newest = std::max(newest, k < architecture ? k : 0);
  if (newest > 0) return fmt::format("compute_{}", newest);
  throw DeviceError(
      fmt::format("cuda: NVRTC {} makes no code for sm_{}, the oldest it knows is sm_{}",
                  compiler_version(), architecture, *std::ranges::min_element(known)),
      LocScope::current());
}

std::string compile_key(const std::string& target) {
  std::string key = fmt::format("NVRTC {} for {}", compiler_version(), target);
  for (const char* option : kOptions) key += std::string(" ") + option;
  return key;
}

std::string image_for(const std::string& source, const std::string& target) {
  check_compiler();
  Unit unit(source);
  compile(&unit, target, false);
  return target.starts_with("sm_") ? unit.cubin() : unit.ptx();
}

}  // namespace lilith::runtime::cuda
