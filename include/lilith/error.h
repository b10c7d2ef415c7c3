#pragma once
#include <fmt/core.h>

#include <source_location>
#include <stdexcept>
#include <string>

namespace lilith {

/// A user's source line. Never part of a program's key.
struct Loc {
  const char* file = nullptr;  // static storage
  std::uint32_t line = 0;
  Loc() = default;
  Loc(const std::source_location& l) : file(l.file_name()), line(l.line()) {}
  explicit operator bool() const { return file != nullptr; }
  /// "train.cpp:42": the last path component and the line; empty when unknown.
  std::string str() const;
};

/// Wrong input: the message names the op, what it got, the rule, and the user's line.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, Loc loc = {});
  Loc loc() const { return loc_; }

 private:
  Loc loc_;
};

/// A mistake of Lilith's own.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& text);
};

/// A device that is missing or fails, or memory that is not there.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// The user's line that errors thrown by the current thread name and that new nodes carry.
/// The outermost scope with a location wins: what the library calls inside does not show.
class LocScope {
 public:
  explicit LocScope(Loc loc);
  ~LocScope();
  LocScope(const LocScope&) = delete;
  static Loc current();
  /// Sets the location whatever is outside; a transform uses it to keep the line of the forward op.
  struct Override;

 private:
  bool set_;
};
struct LocScope::Override {
  explicit Override(Loc loc);
  ~Override();
  Override(const Override&) = delete;

 private:
  Loc saved_;
};

/// Throws Error with fmt's formatting and the current user's line.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), LocScope::current());
}

}  // namespace lilith

/// LILITH_CHECK(cond, "op: what is wrong; the rule", args…): throws Error when cond is false.
#define LILITH_CHECK(cond, ...)               \
  do {                                        \
    if (!(cond)) ::lilith::fail(__VA_ARGS__); \
  } while (false)
