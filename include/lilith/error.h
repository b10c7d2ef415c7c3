#pragma once
#include <fmt/core.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace lilith {

/// A user's source line. Never part of a program's key.
struct Loc {
  const char* file = nullptr;  // static storage
  const char* op = nullptr;  // the public function called there, where it is known; static storage
  std::uint32_t line = 0;
  std::uint32_t site = 0;  // of a program's node: its number in the graph that was compiled, from 1
  Loc() = default;
  /// A std::source_location() is nowhere.
  Loc(const std::source_location& l)
      : file(*l.file_name() ? l.file_name() : nullptr), line(l.line()) {}
  explicit operator bool() const { return file != nullptr; }
  /// "train.cpp:42": the last path component and the line; empty when unknown.
  std::string str() const;
};

/// Wrong input: the message names the op, what it got, the rule, and the user's line.
class Error : public std::runtime_error {
 public:
  /// At the current user's line.
  explicit Error(const std::string& text);
  Error(const std::string& text, Loc loc);
  Loc loc() const { return loc_; }

 private:
  Loc loc_;
};

/// A mistake of Lilith's own.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& text);
  /// The text alone, without what it asks the user to do.
  const std::string& fault() const { return fault_; }

 private:
  std::string fault_;
};

/// A device that is missing or fails, or memory that is not there.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// The user's line and the function called there: errors thrown by the current thread name them,
/// new nodes carry them. The outermost scope wins: what the library calls inside does not show.
/// Every public function that can fail opens one; its own name comes along by default. Operators
/// have none of use, so that the first function inside gives its own.
class LocScope {
 public:
  explicit LocScope(Loc loc, const char* op = __builtin_FUNCTION());
  ~LocScope();
  LocScope(const LocScope&) = delete;
  static Loc current();
  /// Sets the location whatever is outside; a transform uses it to keep the line of the forward op.
  struct Override;
  /// The line where no scope has one: of a function that calls the user's, whose own lines come
  /// first (grad, fit, Sequential). The innermost wins.
  struct Fallback;

 private:
  Loc *line_ = nullptr, *op_ = nullptr;  // the thread's, where this scope set them
};
/// Override(Loc()) around a call of the user's function lets that function's own lines show.
struct LocScope::Override {
  explicit Override(Loc loc);
  ~Override();
  Override(const Override&) = delete;

 private:
  Loc saved_;
};
struct LocScope::Fallback {
  explicit Fallback(Loc loc);
  ~Fallback();
  Fallback(const Fallback&) = delete;

 private:
  Loc saved_;
};

namespace detail {
[[noreturn]] void throw_error(const std::string& text);
}

/// Throws Error with fmt's formatting and the current user's line. The text is "op: what is wrong":
/// where the user called another function, that one's name replaces `op`.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  detail::throw_error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lilith

/// LILITH_CHECK(cond, "op: what is wrong; the rule", args…): throws Error when cond is false.
#define LILITH_CHECK(cond, ...)               \
  do {                                        \
    if (!(cond)) ::lilith::fail(__VA_ARGS__); \
  } while (false)
