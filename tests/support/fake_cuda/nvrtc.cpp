// The functions of CUDA's compiler that Lilith calls. A program becomes a shared object of the
// host, made by the compiler that built the tests, behind a line that says for what it is.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace {

using Result = int;
constexpr Result kSuccess = 0, kInvalidProgram = 4, kInvalidOption = 5, kCompilation = 6;
constexpr std::array kArchitectures = {75, 80, 86, 89, 90, 100, 120};

struct Program {
  std::string source, log, image;
  bool ptx = false;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
    if (c == separator && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// The end of a bracket's content; strings are skipped.
std::size_t closing(const std::string& text, std::size_t open) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = open; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && --depth == 0) return at;
  }
  return text.size();
}

/// `"cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(y)` as `ptx_cvt_f32_f16(x, y)`.
std::string call_of(const std::string& operands) {
  const std::size_t begin = operands.find('"') + 1;
  std::string name = "ptx_";
  for (std::size_t at = operands.find_first_not_of(" \n\t", begin);
       std::isalnum(static_cast<unsigned char>(operands[at])) || std::strchr("._:", operands[at]);
       ++at)
    name += std::isalnum(static_cast<unsigned char>(operands[at])) ? operands[at] : '_';
  // The template may be several strings, one behind the other.
  std::size_t colon = begin;
  for (bool quoted = true; colon < operands.size() && (quoted || operands[colon] != ':'); ++colon)
    if (operands[colon] == '"') quoted = !quoted;
  std::string arguments;
  for (std::size_t at = colon; at < operands.size(); ++at) {
    if (operands[at] != '(') continue;
    const std::size_t end = closing(operands, at);
    arguments += (arguments.empty() ? "" : ", ") + operands.substr(at + 1, end - at - 1);
    at = end;
  }
  return name + "(" + arguments + ")";
}

std::string without_asm(const std::string& text) {
  static const std::regex start(R"(\basm\s*(volatile)?\s*\()");
  std::string out;
  std::size_t from = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), start), end; it != end; ++it) {
    const auto at = static_cast<std::size_t>(it->position());
    if (at < from) continue;
    const std::size_t open = at + it->str().size() - 1, close = closing(text, open);
    out += text.substr(from, at - from) + call_of(text.substr(open + 1, close - open - 1));
    from = close + 1;
  }
  return out + text.substr(from);
}

/// For each kernel what the driver needs: how it is called with pointers to its parameters.
std::string calls_of(const std::string& text) {
  static const std::regex kernel(
      R"(extern "C" __global__ void\s*(?:__launch_bounds__\((\d+)\))?\s*(\w+)\(([^)]*)\))");
  std::string out;
  for (std::sregex_iterator it(text.begin(), text.end(), kernel), end; it != end; ++it) {
    const std::string name = (*it)[2], threads = (*it)[1].matched ? (*it)[1].str() : "0";
    std::string arguments;
    unsigned count = 0;
    for (const std::string& p : split((*it)[3], ',')) {
      const std::size_t last = p.find_last_of(" *");
      if (last == p.npos) continue;
      arguments += (count ? ", " : "") + ("FakeArg<" + p.substr(0, last + 1)) + ">::get(p[" +
                   std::to_string(count) + "])";
      ++count;
    }
    out +=
        "extern \"C\" void fake_call_" + name + "(void** p) { " + name + "(" + arguments + "); }\n";
    out += "extern \"C\" unsigned fake_params_" + name + " = " + std::to_string(count) + ";\n";
    out += "extern \"C\" unsigned fake_threads_" + name + " = " + threads + ";\n";
  }
  return out;
}

std::atomic<long> compilations{0};

bool run(const std::string& command, const std::filesystem::path& log) {
  return std::system((command + " > '" + log.string() + "' 2>&1").c_str()) == 0;
}

/// The compiler goes through the cache that the build uses, where it uses one.
Result compile(Program* p, int architecture) {
  ++compilations;
  std::string folder = (std::filesystem::temp_directory_path() / "fake_nvrtc_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return kCompilation;
  const std::filesystem::path at = folder;
  std::ofstream(at / "text.cpp") << "#include \"prelude.h\"\n"
                                 << without_asm(p->source) << "\n"
                                 << calls_of(p->source);
  const std::string cd = "cd '" + folder + "' && ";
  const bool ok = run(cd + FAKE_CUDA_COMPILE +
                          " -std=c++20 -O1 -w -fPIC -ffp-contract=off -fno-strict-aliasing"
                          " -I'" FAKE_CUDA_FOLDER "' -c text.cpp -o text.o",
                      at / "log") &&
                  run(cd + FAKE_CUDA_LINK + " -shared text.o -o text.so", at / "link_log");
  p->log = ok ? "" : read(at / "log") + read(at / "link_log");
  if (ok) {
    const std::string bytes = read(at / "text.so");
    p->image = (p->ptx ? "FAKE PTX " : "FAKE CUBIN ") + std::to_string(architecture) + " " +
               std::to_string(bytes.size()) + "\n" + bytes;
  }
  std::filesystem::remove_all(at);
  return ok ? kSuccess : kCompilation;
}

}  // namespace

extern "C" {

long fake_nvrtc_compilations() { return compilations; }

const char* nvrtcGetErrorString(Result code) {
  return code == kCompilation ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR";
}
Result nvrtcVersion(int* major, int* minor) {
  *major = 13, *minor = 0;
  return kSuccess;
}
Result nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(kArchitectures.size());
  return kSuccess;
}
Result nvrtcGetSupportedArchs(int* out) {
  std::copy(kArchitectures.begin(), kArchitectures.end(), out);
  return kSuccess;
}
Result nvrtcCreateProgram(Program** p, const char* source, const char*, int, const char* const*,
                          const char* const*) {
  *p = new Program{source, "", ""};
  return kSuccess;
}
Result nvrtcDestroyProgram(Program** p) {
  delete *p;
  *p = nullptr;
  return kSuccess;
}
Result nvrtcCompileProgram(Program* p, int count, const char* const* options) {
  int architecture = 0;
  for (int k = 0; k < count; ++k) {
    const std::string option = options[k];
    for (const char* kind : {"--gpu-architecture=sm_", "--gpu-architecture=compute_"}) {
      if (!option.starts_with(kind)) continue;
      architecture = std::atoi(option.c_str() + std::strlen(kind));
      p->ptx = option.find("compute_") != option.npos;
    }
  }
  if (std::find(kArchitectures.begin(), kArchitectures.end(), architecture) == kArchitectures.end())
    return kInvalidOption;
  return compile(p, architecture);
}
Result nvrtcGetProgramLogSize(Program* p, std::size_t* bytes) {
  *bytes = p->log.size() + 1;
  return kSuccess;
}
Result nvrtcGetProgramLog(Program* p, char* out) {
  std::memcpy(out, p->log.c_str(), p->log.size() + 1);
  return kSuccess;
}
Result nvrtcGetCUBINSize(Program* p, std::size_t* bytes) {
  *bytes = p->ptx ? 0 : p->image.size();
  return kSuccess;
}
Result nvrtcGetCUBIN(Program* p, char* out) {
  if (p->ptx) return kInvalidProgram;
  std::memcpy(out, p->image.data(), p->image.size());
  return kSuccess;
}
Result nvrtcGetPTXSize(Program* p, std::size_t* bytes) {
  *bytes = p->image.size() + 1;
  return kSuccess;
}
Result nvrtcGetPTX(Program* p, char* out) {
  if (!p->ptx) return kInvalidProgram;
  std::memcpy(out, p->image.c_str(), p->image.size());
  out[p->image.size()] = '\0';
  return kSuccess;
}

}  // extern "C"
