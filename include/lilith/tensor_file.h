#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lilith/tensor_dict.h"

namespace lilith {

namespace io {
struct Contents;
}

/// A file of weights, opened: names, shapes and types are there at once, a tensor is read when it
/// is asked for. One tensor of a large file costs what it takes alone. Formats as load_tensors
/// reads them.
class TensorFile {
 public:
  /// A tensor as the file describes it.
  struct Entry {
    std::string name;
    std::string type;         // as the format calls it: "BF16", "Q4_K", "<f4"
    Shape shape;              // empty where there are more dimensions than a Shape holds
    DType dtype;              // that it is read as
    std::uint64_t bytes = 0;  // that it takes in the file
    std::string refused;      // why it cannot be read ("is sparse, …"); empty when it can
  };
  /// A name, with the user's line.
  struct Name {
    Name(const char* text, SourceLocation l = SourceLocation::current()) : text(text), loc(l) {}
    Name(const std::string& text, SourceLocation l = SourceLocation::current())
        : text(text), loc(l) {}
    Name(std::string_view text, SourceLocation l = SourceLocation::current())
        : text(text), loc(l) {}
    std::string text;
    SourceLocation loc;
  };

  /// A name or a metadata text for a terminal: control bytes escaped, cut after about `most` bytes.
  static std::string printable(std::string_view text, std::size_t most = 100);

  /// Reads the headers alone. Errors: those of load_tensors.
  explicit TensorFile(const std::string& path, SourceLocation loc = SourceLocation::current());

  const std::string& path() const { return path_; }
  /// "safetensors", "GGUF", "npz", …
  const std::string& format() const;
  /// In the order of the file.
  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;
  /// Reads one tensor. Error when there is none of that name, or when it cannot be read.
  Tensor operator[](const Name& name) const;
  const std::map<std::string, std::string>& metadata() const;
  /// The elements of a list in the metadata, as texts: texts("tokenizer.ggml.tokens") is a GGUF
  /// file's vocabulary. `metadata` shows the beginning of a long list alone. Error when there is no
  /// such list.
  std::vector<std::string> texts(const std::string& key,
                                 SourceLocation loc = SourceLocation::current()) const;
  /// The same of numbers: a tensor [n], i64 or f64.
  Tensor numbers(const std::string& key, SourceLocation loc = SourceLocation::current()) const;

 private:
  std::string path_;
  std::shared_ptr<const io::Contents> contents_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

}  // namespace lilith
