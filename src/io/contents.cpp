#include "io/contents.h"

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::io {

Tensor read_entry(const Entry& entry, const std::string& file) {
  const Origin origin{file, entry.name};
  if (!entry.refused.empty()) throw Refusal(origin, entry.refused);
  return entry.read();
}

TensorDict read_all(Contents contents) {
  TensorDict out;
  out.metadata = std::move(contents.metadata);
  for (const Entry& e : contents.entries) {
    LILITH_CHECK(!out.contains(e.name) && !out.refused().count(e.name),
                 "load: there are two tensors '{}'.", escaped(e.name));
    if (e.refused.empty())
      add_or_refuse(out, e.name, e.read);
    else
      out.refuse(e.name, e.refused);
  }
  return out;
}

}  // namespace lilith::io
