#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

// Cases that need a process of their own: this very program is started anew, with a filter.
namespace lilith::testing {

struct Ended {
  int status;  // of wait()
  std::string output;
};

inline Ended run_command(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Ended out;
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof part, pipe)) out.output.append(part, n);
  out.status = pclose(pipe);
  return out;
}

/// Runs test SUITE.DISABLED_NAME, with variables of the environment.
inline Ended run_case(const std::string& suite, const std::string& name,
                      const std::string& environment = "") {
  return run_command(environment + " timeout 60 /proc/" + std::to_string(getpid()) +
                     "/exe --gtest_also_run_disabled_tests --gtest_filter=" + suite + ".DISABLED_" +
                     name);
}

inline void expect_success(const Ended& e) { EXPECT_EQ(e.status, 0) << e.output; }
inline void expect_says(const Ended& e, const std::string& text) {
  expect_success(e);
  EXPECT_NE(e.output.find(text), std::string::npos) << e.output;
}

inline int exit_status(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace lilith::testing
