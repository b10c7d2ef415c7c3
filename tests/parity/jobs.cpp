#include "parity/jobs.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>
#include <thread>

namespace lilith::parity {
namespace {

struct Child {
  const Job* job;
  int pipe;
};

void send(int pipe, const Count& count) {
  const std::string text = fmt::format("{} {} {} {}", count.passed, count.failed, count.unsupported,
                                       count.reason.substr(0, 2000));
  // Smaller than a pipe's buffer: one write never blocks.
  if (::write(pipe, text.data(), text.size()) < 0) ::_exit(1);
}

std::optional<Count> receive(int pipe) {
  std::string text(4096, '\0');
  const auto n = ::read(pipe, text.data(), text.size());
  ::close(pipe);
  if (n <= 0) return {};
  text.resize(static_cast<std::size_t>(n));
  Count count;
  int used = 0;
  if (std::sscanf(text.c_str(), "%d %d %d %n", &count.passed, &count.failed, &count.unsupported,
                  &used) < 3) {
    return {};
  }
  count.reason = text.substr(static_cast<std::size_t>(used));
  return count;
}

void start(const Job& job, std::map<pid_t, Child>& children) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("parity: no pipe");
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("parity: no process");
  if (pid == 0) {
    ::close(ends[0]);
    ::alarm(300);
    send(ends[1], job.work());
    std::fflush(stdout);
    ::_exit(0);
  }
  ::close(ends[1]);
  children[pid] = {&job, ends[0]};
}

void finish_one(std::map<pid_t, Child>& children) {
  int status = 0;
  const pid_t pid = ::waitpid(-1, &status, 0);
  const auto it = children.find(pid);
  if (it == children.end()) return;
  const std::string death = WIFSIGNALED(status)
                                ? fmt::format("died of {}", ::strsignal(WTERMSIG(status)))
                                : std::string("ended without a result");
  it->second.job->done(receive(it->second.pipe), death);
  children.erase(it);
}

}  // namespace

void run_jobs(std::vector<Job> jobs, bool isolated) {
  if (!isolated) {
    for (const Job& job : jobs) job.done(job.work(), "");
    return;
  }
  const std::size_t limit = std::max(1u, std::thread::hardware_concurrency());
  std::map<pid_t, Child> children;
  for (const Job& job : jobs) {
    while (children.size() >= limit) finish_one(children);
    start(job, children);
  }
  while (!children.empty()) finish_one(children);
}

}  // namespace lilith::parity
