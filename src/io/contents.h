#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/elements.h"
#include "lilith/tensor_dict.h"

namespace lilith::io {

/// One tensor of an opened file: what the header says of it, and how to read it.
struct Entry {
  std::string name;
  std::string type;                   // as the format calls it: "BF16", "Q4_K", "<f4"
  std::vector<std::uint64_t> sizes;   // outermost first
  std::uint64_t bytes = 0;            // that it takes in the file
  DType dtype = DType::F32;           // that it is read as
  std::string refused = {};           // why it cannot be read, as a predicate; empty when it can
  std::function<Tensor()> read = {};  // throws a Refusal for what only the data shows
};

/// A list in a file's metadata: GGUF's vocabularies. Nested lists come one after the other.
struct MetadataList {
  std::function<std::vector<std::string>()> texts;  // numbers too, as text
  std::function<Tensor()> numbers;                  // 1-D, i64 or f64
};

/// What a file of weights holds. Opening reads headers alone, where the format allows it.
struct Contents {
  std::string format;  // "GGUF", "safetensors"
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata = {};
  std::map<std::string, MetadataList> lists = {};
};

/// Runs a check of an entry's header; the reason of a Refusal that it throws goes to the entry.
template <class Check>
void check_entry(Entry& entry, Check check) {
  if (!entry.refused.empty()) return;
  try {
    check();
  } catch (const Refusal& r) {
    entry.refused = r.reason();
  }
}

/// The entry's tensor. Errors name the file.
Tensor read_entry(const Entry& entry, const std::string& file);
/// All of them; those that cannot be read are refused.
TensorDict read_all(Contents contents);

}  // namespace lilith::io
