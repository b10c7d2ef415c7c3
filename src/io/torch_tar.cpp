#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/torch_archive.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

constexpr std::uint64_t kBlock = 512;

// A header's number: octal digits between spaces and zeros.
bool read_octal(std::span<const std::uint8_t> field, std::uint64_t& out) {
  const auto* p = reinterpret_cast<const char*>(field.data());
  const char* end = p + field.size();
  while (p < end && *p == ' ') ++p;
  return std::from_chars(p, end, out, 8).ec == std::errc();
}

// Numbers and pickles, one after another.
class Stream {
 public:
  Stream(std::span<const std::uint8_t> bytes, const std::string& file, const char* member)
      : bytes_(bytes), file_(file), member_(member) {}

  std::span<const std::uint8_t> take(std::uint64_t n) {
    LILITH_CHECK(n <= bytes_.size() - at_, "load: {}: its member '{}' is truncated.", file_,
                 member_);
    const auto out = bytes_.subspan(at_, n);
    at_ += n;
    return out;
  }
  template <class T>
  T number() {
    T v;
    std::memcpy(&v, take(sizeof v).data(), sizeof v);
    return v;
  }
  std::uint64_t count() {
    const auto v = number<std::int64_t>();
    if (v < 0) broken();
    return static_cast<std::uint64_t>(v);
  }
  Pickle pickle() {
    Pickle p = parse_pickle(bytes_.subspan(at_), file_);
    at_ += p.bytes;
    return p;
  }
  // A pickled number of the entries that follow, of which each takes a byte at least.
  std::uint64_t entries() {
    const Pickle p = pickle();
    const auto n = static_cast<std::uint64_t>(p.root->integer);
    if (!p.root->is(Kind::Int) || n > bytes_.size() - at_) broken();
    return n;
  }
  [[noreturn]] void broken() const { fail("load: {}: its member '{}' is broken.", file_, member_); }
  // A pickled tuple of at least `n` items.
  Pickle record(std::size_t n) {
    Pickle p = pickle();
    if (!p.root->is_sequence() || p.root->items.size() < n) broken();
    return p;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  const std::string& file_;
  const char* member_;
  std::uint64_t at_ = 0;
};

class TarReader {
 public:
  explicit TarReader(MappedFilePtr file) : file_(std::move(file)) {}

  TorchArchive read() {
    read_members();
    for (const char* name : {"storages", "tensors", "pickle"})
      LILITH_CHECK(members_.count(name), "load: {} is a tar archive, but not torch.save's.",
                   file_->path());
    TorchArchive out;
    out.file = out.object_bytes = file_;
    read_storages();
    read_tensors(out);
    out.object = parse_pickle(members_["pickle"], file_->path());
    auto storages = std::make_shared<std::map<std::string, TorchStorage>>(std::move(storages_));
    out.storage = [storages](const PickleValue& id, const Origin& origin) {
      const auto it =
          id.is(Kind::Persistent) ? storages->find(torch_key(*id.items[0])) : storages->end();
      LILITH_CHECK(it != storages->end(), "load: {}: the file has no storage of '{}'.", origin.file,
                   origin.name);
      return it->second;
    };
    return out;
  }

 private:
  void read_members() {
    const auto all = file_->all();
    for (std::uint64_t at = 0; at + kBlock <= all.size() && all[at] != 0;) {
      const auto head = all.subspan(at, kBlock);
      const auto* text = reinterpret_cast<const char*>(head.data());
      std::string name(text, strnlen(text, 100));
      if (name.starts_with("./")) name.erase(0, 2);
      std::uint64_t bytes = 0;
      LILITH_CHECK(read_octal(head.subspan(124, 12), bytes),
                   "load: {}: the tar archive is broken at byte {}.", file_->path(), at);
      members_[name] = file_->range(at + kBlock, bytes, fmt::format("its member '{}'", name));
      at += kBlock + (bytes + kBlock - 1) / kBlock * kBlock;
    }
  }

  void read_storages() {
    Stream in(members_["storages"], file_->path(), "storages");
    for (auto n = in.entries(); n > 0; --n) {
      const Pickle record = in.record(3);  // key, location, type
      const std::string_view kind = torch_storage_kind(record.root->at(2));
      const std::uint64_t count = in.count();
      std::uint64_t bytes = 0;
      if (kind.empty() || __builtin_mul_overflow(count, torch_element_bytes(kind), &bytes))
        in.broken();
      const auto there = in.take(bytes);
      const auto offset = static_cast<std::uint64_t>(there.data() - file_->all().data());
      storages_[torch_key(*record.root->at(0))] = {file_, offset, bytes, std::string(kind)};
    }
    const Pickle views = in.pickle();
    for (const PickleValue* view : views.root->items) {  // key, key of the whole, offset, count
      if (view->items.size() < 4) in.broken();
      const auto whole = storages_.find(torch_key(*view->items[1]));
      if (whole == storages_.end()) in.broken();
      TorchStorage part = whole->second;
      const std::uint64_t width = torch_element_bytes(part.kind), all = part.bytes / width;
      const auto offset = static_cast<std::uint64_t>(view->items[2]->integer),
                 count = static_cast<std::uint64_t>(view->items[3]->integer);
      const bool counted = view->items[2]->is(Kind::Int) && view->items[3]->is(Kind::Int);
      if (!counted || offset > all || count > all - offset) in.broken();
      part.offset += offset * width;
      part.bytes = count * width;
      storages_[torch_key(*view->items[0])] = part;
    }
  }

  void read_tensors(TorchArchive& out) {
    Stream in(members_["tensors"], file_->path(), "tensors");
    for (auto n = in.entries(); n > 0; --n) {
      const Pickle record = in.record(3);  // key, storage, type
      const auto rank = in.number<std::uint32_t>();
      in.number<std::uint32_t>();  // the rank was written as 8 bytes, of which 4 count
      TorchView view;
      for (auto* list : {&view.sizes, &view.strides})
        for (std::uint32_t d = 0; d < rank; ++d) list->push_back(in.count());
      view.offset = in.count();
      const auto storage = storages_.find(torch_key(*record.root->at(1)));
      if (storage != storages_.end())
        view.storage = storage->second;
      else if (!record.root->at(1)->is(Kind::None))  // an empty tensor has none
        in.broken();
      out.tensors[torch_key(*record.root->at(0))] = std::move(view);
    }
  }

  MappedFilePtr file_;
  std::map<std::string, std::span<const std::uint8_t>> members_;
  std::map<std::string, TorchStorage> storages_;
};

}  // namespace

bool is_tar(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kBlock && std::memcmp(bytes.data() + 257, "ustar", 5) == 0;
}

TorchArchive open_torch_tar(MappedFilePtr file) { return TarReader(std::move(file)).read(); }

}  // namespace lilith::io
