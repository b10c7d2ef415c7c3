#include "ops/linalg/lapack.h"

#include <fmt/format.h>

#include <string>

#include "ir/host_call.h"
#include "runtime/shared_library.h"

namespace lilith::ops::lapack {
namespace {

/// One library that has them all, or why there is none. It stays open.
struct Library {
  runtime::SharedLibrary library;
  std::string why_none;

  Library() {
    for (const char* name : {"liblapack.so.3", "libopenblas.so.0", "liblapack.so"}) {
      if (library.open(name)) return;
      why_none += fmt::format("{}{}", why_none.empty() ? "" : "; ", library.error());
    }
  }
};

template <class T>
Api<T> find_all() {
  static Library from;
  if (!from.library.is_open())
    throw CallError(
        fmt::format("linear algebra needs LAPACK, and there is none here ({}); install "
                    "liblapack3 or libopenblas0",
                    from.why_none));
  Api<T> api;
  const auto find = [&](auto* f, std::string name) {
    name.insert(0, 1, sizeof(T) == sizeof(float) ? 's' : 'd');
    name += '_';
    from.library.find(f, name.c_str());
    if (!*f) throw CallError(fmt::format("the library of LAPACK here has no {}", name));
  };
  find(&api.getrf, "getrf");
  find(&api.getrs, "getrs");
  find(&api.getri, "getri");
  find(&api.potrf, "potrf");
  find(&api.geqrf, "geqrf");
  find(&api.orgqr, "orgqr");
  find(&api.gesdd, "gesdd");
  find(&api.syevd, "syevd");
  find(&api.geev, "geev");
  find(&api.sytrf, "sytrf");
  find(&api.sytrs, "sytrs");
  find(&api.gelsd, "gelsd");
  find(&api.trsm, "trsm");
  find(&api.gemm, "gemm");
  return api;
}

}  // namespace

template <class T>
const Api<T>& api() {
  static const Api<T> all = find_all<T>();
  return all;
}
template const Api<float>& api<float>();
template const Api<double>& api<double>();

}  // namespace lilith::ops::lapack
