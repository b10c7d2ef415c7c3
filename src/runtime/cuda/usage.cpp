#include "runtime/cuda/usage.h"

#include <cctype>
#include <sstream>

// The log says of each function in turn:
//   ptxas info    : Compiling entry function 'NAME' for 'sm_90'
//   ptxas info    : Function properties for NAME
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 24 registers, used 1 barriers, 1024 bytes smem
namespace lilith::runtime::cuda {
namespace {

/// The number that stands before `unit` in a line; 0 where there is none.
int number_before(const std::string& line, const std::string& unit) {
  const std::size_t end = line.find(unit);
  if (end == std::string::npos) return 0;
  std::size_t begin = end;
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(line[begin - 1]))) --begin;
  return begin == end ? 0 : std::stoi(line.substr(begin, end - begin));
}

}  // namespace

std::vector<FunctionUse> usage_of(const std::string& log) {
  static const std::string kBegin = "Compiling entry function '";
  std::vector<FunctionUse> out;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t at = line.find(kBegin); at != std::string::npos) {
      const std::size_t name = at + kBegin.size();
      out.push_back({line.substr(name, line.find('\'', name) - name)});
    }
    if (out.empty()) continue;
    FunctionUse& last = out.back();
    last.spilled += number_before(line, " bytes spill stores");
    if (line.find("Used ") == std::string::npos) continue;
    last.registers = number_before(line, " registers");
    last.shared_bytes = number_before(line, " bytes smem");
  }
  return out;
}

}  // namespace lilith::runtime::cuda
