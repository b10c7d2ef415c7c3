#include "lilith/device.h"

#include <array>
#include <charconv>
#include <mutex>

#include "core/device_kinds.h"
#include "lilith/devices.h"
#include "lilith/error.h"

namespace lilith {
namespace {

// The names of the library's own kinds, in the order of Device::Kind. They are known before their
// rows are there, and where no row ever comes.
constexpr std::array<std::string_view, 3> kBuiltIn = {"cpu", "cuda", "opencl"};
constexpr std::size_t kMaxKinds = 256;

// Rows are added by static initialisers and stay; a row is never changed.
struct Table {
  std::mutex mutex;
  std::size_t used = kBuiltIn.size();
  std::array<std::unique_ptr<const DeviceKind>, kMaxKinds> rows;
};
Table& table() {
  static Table* t = new Table;
  return *t;
}

std::size_t number(Device::Kind kind) { return static_cast<std::size_t>(kind); }

const DeviceKind* row_of(std::size_t kind) { return table().rows[kind].get(); }

std::string_view name_of(std::size_t kind) {
  if (kind < kBuiltIn.size()) return kBuiltIn[kind];
  return row_of(kind) ? std::string_view(row_of(kind)->name) : "device";
}

int count_of(std::size_t kind) { return row_of(kind) ? row_of(kind)->count() : 0; }

std::string why_none(std::size_t kind) {
  if (!row_of(kind)) return "this Lilith was built without it";
  return row_of(kind)->count() > 0 ? "" : row_of(kind)->why_none();
}

std::string list_devices() {
  std::string out;
  for (const Device& d : devices()) out += (out.empty() ? "" : ", ") + d.str();
  return out;
}

Device numbered(std::size_t kind, std::int64_t index) {
  return {static_cast<Device::Kind>(kind), static_cast<std::uint8_t>(index)};
}

[[noreturn]] void fail_absent(std::string_view what, std::size_t kind, std::int64_t index) {
  const std::string reason = why_none(kind);
  throw DeviceError(
      fmt::format("{}: there is no device {}:{}{}; the devices are: {}", what, name_of(kind), index,
                  reason.empty() ? "" : " (" + reason + ")", list_devices()),
      LocScope::current());
}

Device existing(Device::Kind kind, std::int64_t index) {
  if (index < 0 || index >= count_of(number(kind)))
    fail_absent(fmt::format("{}({})", name_of(number(kind)), index), number(kind), index);
  return numbered(number(kind), index);
}

}  // namespace

Device::Kind register_device_kind(DeviceKind row) {
  Table& t = table();
  const std::lock_guard lock(t.mutex);
  std::size_t at = 0;
  while (at < t.used && name_of(at) != row.name) ++at;
  if (at == kMaxKinds || row_of(at))
    throw InternalError("register_device_kind: '" + row.name +
                        "' is there already, or one too many");
  t.rows[at] = std::make_unique<const DeviceKind>(std::move(row));
  if (at == t.used) ++t.used;
  return static_cast<Device::Kind>(at);
}

const DeviceKind& kind_of(Device device) {
  const DeviceKind* row = row_of(number(device.kind));
  if (!row) throw InternalError("there is no kind of device for " + device.str());
  return *row;
}

void check_device(std::string_view what, Device device) {
  if (device == cpu()) return;
  if (device.index >= count_of(number(device.kind)))
    fail_absent(what, number(device.kind), device.index);
}

std::optional<Device> find_device_name(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  std::uint8_t index = 0;
  if (colon != text.npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
  }
  for (std::size_t k = 0; k < table().used; ++k) {
    if (name_of(k) == kind && (k > 0 || index == 0)) return numbered(k, index);
  }
  return {};
}

std::string Device::str() const {
  if (kind == Kind::Cpu) return "cpu";
  return fmt::format("{}:{}", name_of(number(kind)), index);
}

Device cpu() { return {}; }
Device cuda(int i, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  return existing(Device::Kind::Cuda, i);
}
Device opencl(int i, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  return existing(Device::Kind::OpenCl, i);
}

std::vector<Device> devices() {
  std::vector<Device> all{cpu()};
  for (std::size_t kind = 1; kind < table().used; ++kind) {
    for (int i = 0; i < count_of(kind); ++i) all.push_back(numbered(kind, i));
  }
  return all;
}

std::vector<DeviceKindInfo> device_kinds() {
  std::vector<DeviceKindInfo> all;
  for (std::size_t kind = 0; kind < table().used; ++kind)
    all.push_back({std::string(name_of(kind)), count_of(kind), why_none(kind)});
  return all;
}

std::string description(Device device, std::source_location loc) {
  const LocScope scope(loc);
  check_device("description", device);
  return kind_of(device).describe(device.index);
}

Device best_available_device() {
  for (const Device& d : devices()) {
    if (d != cpu() && kind_of(d).is_accelerator(d.index)) return d;
  }
  return cpu();
}

namespace {
std::string word_of(const char* word, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(word, "device: the word is a null pointer; need one like \"cpu\" or \"cuda:0\"");
  return word;
}
}  // namespace

Device::Device(const char* word, std::source_location loc)
    : Device(parse_device(word_of(word, loc), loc)) {}
Device::Device(const std::string& word, std::source_location loc)
    : Device(parse_device(word, loc)) {}

Device Device::numbered(std::int64_t i, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  return existing(Kind::Cuda, i);
}

bool detail::is_device_word(std::string_view word) {
  if (word == "best") return true;
  const std::string_view kind = word.substr(0, word.find(':'));
  for (std::size_t k = 0; k < table().used; ++k)
    if (name_of(k) == kind) return true;
  return false;
}
void detail::check_device_word(const char* op, std::string_view word, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(is_device_word(word),
               "{}: \"{}\" is no device; need a word like \"cpu\", \"cuda\" or \"opencl:0\", and a "
               "dtype as it is (kFloat16)",
               op, word);
}

Device parse_device(const std::string& text, std::source_location loc) {
  const LocScope scope(loc, nullptr);
  if (text == "best") return best_available_device();
  const std::optional<Device> named = find_device_name(text);
  LILITH_CHECK(named, "device: '{}' names none; the devices are: {} (or best)", text,
               list_devices());
  check_device("device", *named);
  return *named;
}

}  // namespace lilith
