#include "io/torch_archive.h"

#include <algorithm>

#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

// ("storage", type, key, location, count[, view]) with view None or (key, offset, count).
struct StorageId {
  std::string_view kind;
  std::string key;
  bool has_view = false;
  std::uint64_t view_offset = 0, view_count = 0;
};

bool read_count(const PickleValue* v, std::uint64_t& out) {
  if (!v || !v->is(Kind::Int) || v->integer < 0) return false;
  out = static_cast<std::uint64_t>(v->integer);
  return true;
}

bool read_id(const PickleValue& persistent, StorageId& out) {
  const PickleValue& id = *persistent.items[0];
  const PickleValue *tag = id.at(0), *key = id.at(2);
  if (!id.is_sequence() || !tag || !tag->is(Kind::Text) || tag->text != "storage" || !key)
    return false;
  out.kind = torch_storage_kind(id.at(1));
  out.key = torch_key(*key);
  const PickleValue* view = id.at(5);
  if (view && view->is_sequence()) {
    out.has_view = true;
    if (!read_count(view->at(1), out.view_offset) || !read_count(view->at(2), out.view_count))
      return false;
  }
  return !out.kind.empty() && !out.key.empty();
}

StorageId storage_id(const PickleValue& persistent, const Origin& origin) {
  StorageId id;
  if (!persistent.is(Kind::Persistent) || !read_id(persistent, id))
    refuse(origin, "has a storage that is described in an unknown way");
  return id;
}

// The part of a storage that an id's view covers.
TorchStorage part_of(TorchStorage whole, const StorageId& id, const Origin& origin) {
  whole.kind = std::string(id.kind);
  if (!id.has_view) return whole;
  const std::uint64_t width = torch_element_bytes(id.kind);
  const std::uint64_t count = whole.bytes / width;
  LILITH_CHECK(id.view_offset <= count && id.view_count <= count - id.view_offset,
               "load: {}: '{}' reaches outside of its storage.", origin.file, origin.name);
  whole.offset += id.view_offset * width;
  whole.bytes = id.view_count * width;
  return whole;
}

// The shallowest member that is called so.
std::string find_member(const ZipFile& zip, const std::string& name) {
  std::string best;
  for (const std::string& member : zip.names()) {
    const bool fits = member == name || member.ends_with('/' + name);
    if (fits && (best.empty() || member.size() < best.size())) best = member;
  }
  return best;
}

// A pickle that is deflated may claim to be 1032 times as large; parsing takes much more again.
constexpr std::uint64_t kMaxInflatedPickle = std::uint64_t{16} << 20;

TorchArchive open_zip_pickle(const ZipPtr& archive, const std::string& member,
                             const std::string& prefix, const std::string& folder) {
  const ZipFile& zip = *archive;
  TorchArchive out;
  out.file = zip.file();
  const auto place = zip.place(member);
  LILITH_CHECK(place || zip.bytes(member) <= std::max(kMaxInflatedPickle, 8 * zip.file()->bytes()),
               "load: {}: '{}' is deflated and takes {} bytes.", zip.path(), member,
               zip.bytes(member));
  out.object_bytes = place ? zip.file() : MappedFile::hold(zip.path(), zip.read(member));
  const auto bytes =
      place ? out.file->range(place->offset, place->bytes, member) : out.object_bytes->all();
  out.object = parse_pickle(bytes, zip.path());
  if (const std::string order = prefix + "byteorder"; zip.contains(order)) {
    const auto text = zip.read(order);
    out.big_endian =
        std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) == "big";
  }
  auto inflated = std::make_shared<std::map<std::string, MappedFilePtr>>();
  out.storage = [archive, folder, inflated](const PickleValue& persistent, const Origin& origin) {
    const ZipFile& zip = *archive;
    const StorageId id = storage_id(persistent, origin);
    const std::string name = folder + id.key;
    LILITH_CHECK(zip.contains(name), "load: {}: the archive has no '{}', the storage of '{}'.",
                 origin.file, name, origin.name);
    if (const auto there = zip.place(name))
      return part_of({zip.file(), there->offset, there->bytes, {}}, id, origin);
    MappedFilePtr& held = (*inflated)[name];
    if (!held) held = MappedFile::hold(origin.file, zip.read(name));
    return part_of({held, 0, held->bytes(), {}}, id, origin);
  };
  return out;
}

// "sklearn.linear_model LogisticRegression", the first class or function that a pickle names.
std::string what_it_holds(const Pickle& pickle) {
  for (const PickleValue& v : pickle.values) {
    if (!v.is(Kind::Global)) continue;
    std::string name(v.text);
    std::replace(name.begin(), name.end(), ' ', '.');
    return " of " + name;
  }
  return "";
}

class LegacyReader {
 public:
  explicit LegacyReader(MappedFilePtr file) : file_(std::move(file)) {}

  TorchArchive read() {
    TorchArchive out;
    out.file = out.object_bytes = file_;
    const Pickle magic = next_pickle();
    LILITH_CHECK(magic.root->is(Kind::BigInt) && magic.root->text == "119547037146038801333356",
                 "load: {} is a Python pickle{}, which torch.save did not write; only tensors that "
                 "torch.save wrote are read.",
                 file_->path(), what_it_holds(magic));
    next_pickle();  // the protocol's version
    next_pickle();  // the system's byte order and sizes
    out.object = next_pickle();
    const Pickle keys = next_pickle();
    auto storages = std::make_shared<std::map<std::string, TorchStorage>>();
    const auto kinds = kinds_by_key(out.object);
    for (const PickleValue* key : keys.root->items) {
      const std::string name = torch_key(*key);
      const auto kind = kinds.find(name);
      LILITH_CHECK(kind != kinds.end(), "load: {}: the storage {} is of no tensor.", file_->path(),
                   name);
      (*storages)[name] = next_storage(name, torch_element_bytes(kind->second));
    }
    out.storage = [storages](const PickleValue& persistent, const Origin& origin) {
      const StorageId id = storage_id(persistent, origin);
      const auto it = storages->find(id.key);
      LILITH_CHECK(it != storages->end(), "load: {}: the file has no storage {} of '{}'.",
                   origin.file, id.key, origin.name);
      return part_of(it->second, id, origin);
    };
    return out;
  }

 private:
  Pickle next_pickle() {
    Pickle p = parse_pickle(file_->all().subspan(at_), file_->path());
    at_ += p.bytes;
    return p;
  }
  static std::map<std::string, std::string_view> kinds_by_key(const Pickle& object) {
    std::map<std::string, std::string_view> out;
    StorageId id;
    for (const PickleValue& v : object.values)
      if (v.is(Kind::Persistent) && read_id(v, id)) out.emplace(id.key, id.kind);
    return out;
  }
  TorchStorage next_storage(const std::string& key, std::uint64_t width) {
    const std::string what = fmt::format("the storage {}", key);
    std::int64_t count = 0;
    const auto head = file_->range(at_, sizeof count, what);
    std::copy(head.begin(), head.end(), reinterpret_cast<std::uint8_t*>(&count));
    at_ += sizeof count;
    std::uint64_t bytes = 0;
    LILITH_CHECK(
        count >= 0 && !__builtin_mul_overflow(static_cast<std::uint64_t>(count), width, &bytes),
        "load: {}: {} has {} elements.", file_->path(), what, count);
    file_->range(at_, bytes, what);
    at_ += bytes;
    return {file_, at_ - bytes, bytes, {}};
  }

  MappedFilePtr file_;
  std::uint64_t at_ = 0;
};

}  // namespace

std::uint64_t torch_element_bytes(std::string_view kind) {
  constexpr std::pair<std::string_view, int> kWidths[] = {
      {"Double", 8},       {"Float", 4},          {"Half", 2},    {"BFloat16", 2}, {"Long", 8},
      {"Int", 4},          {"Short", 2},          {"Char", 1},    {"Byte", 1},     {"Bool", 1},
      {"ComplexFloat", 8}, {"ComplexDouble", 16}, {"QInt8", 1},   {"QUInt8", 1},   {"QInt32", 4},
      {"QUInt4x2", 1},     {"QUInt2x4", 1},       {"Untyped", 1}, {"_Untyped", 1}};
  for (const auto& [name, width] : kWidths)
    if (name == kind) return static_cast<std::uint64_t>(width);
  return 0;
}

std::string_view torch_storage_kind(const PickleValue* type) {
  if (!type || !type->is(Kind::Global)) return {};
  std::string_view name = type->text.substr(type->text.find(' ') + 1);
  if (!type->text.starts_with("torch") || !name.ends_with("Storage")) return {};
  name.remove_suffix(7);
  return torch_element_bytes(name) > 0 ? name : std::string_view();
}

std::string torch_key(const PickleValue& key) {
  if (key.is(Kind::Int)) return std::to_string(key.integer);
  return key.is(Kind::Text) || key.is(Kind::BigInt) ? std::string(key.text) : std::string();
}

bool is_torch_zip(const ZipFile& zip) {
  return !find_member(zip, "data.pkl").empty() || !find_member(zip, "archive_format").empty() ||
         !find_member(zip, "serialized_exported_program.json").empty() ||
         !find_member(zip, "model.json").empty();
}

std::string torch_json_member(const ZipFile& zip) {
  // torch.export has a model.json too.
  const bool other =
      !find_member(zip, "data.pkl").empty() || !find_member(zip, "archive_format").empty();
  return other ? std::string() : find_member(zip, "model.json");
}

TorchArchive open_torch_zip(const ZipPtr& zip) {
  const std::string member = find_member(*zip, "data.pkl");
  LILITH_CHECK(!member.empty(),
               "load: {} is a program that torch.export or torch.jit wrote (.pt2), whose weights "
               "are not read; save the model's state_dict() with torch.save.",
               zip->path());
  const std::string prefix = member.substr(0, member.size() - std::string_view("data.pkl").size());
  return open_zip_pickle(zip, member, prefix, prefix + "data/");
}

TorchArchive open_torch_constants(const ZipPtr& zip) {
  const std::string member = find_member(*zip, "constants.pkl");
  if (member.empty()) return {};
  const std::string prefix =
      member.substr(0, member.size() - std::string_view("constants.pkl").size());
  return open_zip_pickle(zip, member, prefix, prefix + "constants/");
}

bool starts_as_pickle(std::span<const std::uint8_t> bytes) {
  const auto starts = [&](std::string_view text) {
    return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin());
  };
  // A safetensors file may start so too; its ninth byte opens a JSON object.
  const bool binary = bytes.size() >= 2 && bytes[0] == 0x80 && bytes[1] >= 1 && bytes[1] <= 5;
  const bool json = bytes.size() >= 9 && bytes[8] == '{' && bytes[7] == 0;
  return (binary && !json) || starts("L119547037146038801333356L\n");
}

TorchArchive open_torch_legacy(MappedFilePtr file) { return LegacyReader(std::move(file)).read(); }

}  // namespace lilith::io
