#include "lilith/tensor_file.h"

#include <algorithm>

#include "core/quote.h"
#include "io/contents.h"
#include "io/open.h"

namespace lilith {

namespace {

Shape shape_of(const io::Entry& e) {
  if (e.sizes.size() > Shape::kMaxRank) return {};
  Shape shape;
  for (const std::uint64_t d : e.sizes) shape.push_back(static_cast<std::int64_t>(d));
  return shape;
}

const io::MetadataList& list_of(const io::Contents& contents, const std::string& file,
                                const std::string& key) {
  const auto it = contents.lists.find(key);
  LILITH_CHECK(it != contents.lists.end(), "TensorFile: {} has no list '{}' in its metadata.", file,
               escaped(key));
  return it->second;
}

}  // namespace

std::string TensorFile::printable(std::string_view text, std::size_t most) {
  return escaped(text, most);
}

TensorFile::TensorFile(const std::string& path, SourceLocation loc) : path_(path) {
  LocScope scope(loc, nullptr);
  contents_ = std::make_shared<const io::Contents>(io::open_contents(path));
  for (const io::Entry& e : contents_->entries) {
    LILITH_CHECK(index_.emplace(e.name, entries_.size()).second,
                 "load: {}: there are two tensors '{}'.", path, escaped(e.name));
    entries_.push_back({e.name, e.type, shape_of(e), e.dtype, e.bytes, e.refused});
  }
}

const std::string& TensorFile::format() const { return contents_->format; }

std::vector<std::string> TensorFile::names() const {
  std::vector<std::string> out;
  for (const Entry& e : entries_) out.push_back(e.name);
  return out;
}

bool TensorFile::contains(std::string_view name) const { return index_.find(name) != index_.end(); }

Tensor TensorFile::operator[](const Name& name) const {
  LocScope scope(name.loc, nullptr);
  const auto it = index_.find(name.text);
  if (it != index_.end()) return io::read_entry(contents_->entries[it->second], path_);
  TensorDict near;  // says which name is the nearest
  for (const Entry& e : entries_) near.add(e.name, Tensor());
  return near[name.text];
}

const std::map<std::string, std::string>& TensorFile::metadata() const {
  return contents_->metadata;
}

std::vector<std::string> TensorFile::texts(const std::string& key, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  return list_of(*contents_, path_, key).texts();
}

Tensor TensorFile::numbers(const std::string& key, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  return list_of(*contents_, path_, key).numbers();
}

}  // namespace lilith
