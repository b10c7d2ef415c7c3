#include "codegen/kernel_store.h"

#include <link.h>

#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/build_id.h"
#include "core/bytes.h"
#include "lilith/error.h"
#include "runtime/disk_cache.h"

// Two kinds of entries: "object", by a hash of its contents, has the functions that were compiled
// together; "kernel", by identity and canonical form, says which function of which object it is.
namespace lilith::codegen {
namespace {

constexpr std::string_view kObject = "object", kKernel = "kernel";

void write(ByteWriter& out, const KernelObject& object) {
  out.text(object.made_by);
  out.count(object.scratch_bytes.size());
  for (const std::int64_t bytes : object.scratch_bytes) out.number(bytes);
  out.text(object.bytes);
}

std::shared_ptr<const KernelObject> read_object(ByteReader& in) {
  auto object = std::make_shared<KernelObject>();
  object->made_by = in.text();
  object->scratch_bytes.resize(in.count());
  for (std::int64_t& bytes : object->scratch_bytes) bytes = in.number();
  object->bytes = in.text();
  return in.ok() ? object : nullptr;
}

/// Its functions; none for a null object, or one that this loader did not write.
std::vector<CompiledKernel> load(std::shared_ptr<const KernelObject> object) {
  if (!object) return {};
  try {
    return load_object(std::move(object));
  } catch (const std::exception&) {
    return {};
  }
}

/// Objects that were found, by name: the kernels of a program share few.
struct Loaded {
  std::mutex mutex;
  std::unordered_map<std::string, std::vector<CompiledKernel>> objects;
  std::unordered_set<std::string> stored;  // by this process
};
Loaded& loaded() {
  static Loaded* l = new Loaded;  // outlives every static that still holds code
  return *l;
}

std::vector<CompiledKernel> load_named(const std::string& name) {
  const std::optional<std::string> bytes = runtime::find_on_disk(kObject, name);
  if (!bytes || runtime::content_hash(*bytes) != name) return {};
  ByteReader in(*bytes);
  auto object = read_object(in);
  if (!in.done()) return {};
  return load(std::move(object));
}

/// Under the mutex; null where there is none.
const std::vector<CompiledKernel>* find_loaded(const std::string& name) {
  auto& objects = loaded().objects;
  if (const auto at = objects.find(name); at != objects.end()) return &at->second;
  std::vector<CompiledKernel> functions = load_named(name);
  return functions.empty() ? nullptr : &objects.emplace(name, std::move(functions)).first->second;
}

/// Stores what this process neither found nor stored; the object's name.
std::string keep(const KernelObject& object) {
  ByteWriter out;
  write(out, object);
  const std::string bytes = out.take();
  std::string name = runtime::content_hash(bytes);
  {
    const std::lock_guard lock(loaded().mutex);
    if (loaded().objects.contains(name) || loaded().stored.contains(name)) return name;
  }
  runtime::store_on_disk(kObject, name, bytes, object.made_by);
  const std::lock_guard lock(loaded().mutex);
  loaded().stored.insert(name);
  return name;
}

/// Objects by number, each once, and of every kernel the object and the function.
void write(ByteWriter& out, std::span<const CompiledKernel> kernels,
           void (*write_object)(ByteWriter&, const KernelObject&)) {
  std::vector<const KernelObject*> objects;
  std::unordered_map<const KernelObject*, std::size_t> number;
  for (const CompiledKernel& k : kernels)
    if (number.emplace(k.object.get(), objects.size()).second) objects.push_back(k.object.get());
  out.count(objects.size());
  for (const KernelObject* object : objects) write_object(out, *object);
  out.count(kernels.size());
  for (const CompiledKernel& k : kernels) {
    out.count(number.at(k.object.get()));
    out.number(k.function);
  }
}

std::vector<CompiledKernel> read(ByteReader& in,
                                 std::vector<CompiledKernel> (*read_functions)(ByteReader&)) {
  std::vector<std::vector<CompiledKernel>> objects(in.count());
  for (auto& functions : objects) functions = read_functions(in);
  std::vector<CompiledKernel> out(in.count());
  for (CompiledKernel& kernel : out) {
    const auto object = static_cast<std::size_t>(in.number());
    const auto function = static_cast<std::size_t>(in.number());
    if (object >= objects.size() || function >= objects[object].size()) return {};
    kernel = objects[object][function];
  }
  return out;
}

}  // namespace

std::string code_generator_path() {
  const std::string self = file_of(reinterpret_cast<const void*>(&code_generator_path));
  return self.substr(0, self.rfind('/') + 1) + "liblilith-codegen.so";
}

std::string code_identity(const Target& info) {
  static const std::string libraries = [] {
    const std::string self = build_id(file_of(reinterpret_cast<const void*>(&code_generator_path)));
    const std::string generator = build_id(code_generator_path());
    if (self.empty() || generator.empty()) return std::string();
    return fmt::format("{} {} LLVM {}", self, generator, LILITH_LLVM_VERSION);
  }();
  if (libraries.empty()) return {};
  return fmt::format("{} {} {} {} {}", libraries, static_cast<int>(info.isa), info.vector_bytes,
                     info.slow_gather, info.native ? info.cpu + ' ' + cpu_features() : "");
}

const std::string& loaded_llvm() {
  static const auto* found = [] {
    auto* path = new std::string;
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* found) {
          const std::string_view name = info->dlpi_name ? info->dlpi_name : "";
          if (name.substr(name.rfind('/') + 1).starts_with("libLLVM"))
            *static_cast<std::string*>(found) = name;
          return 0;
        },
        path);
    return path;
  }();
  return *found;
}

void write(ByteWriter& out, std::span<const CompiledKernel> kernels) {
  write(out, kernels, [](ByteWriter& to, const KernelObject& object) { write(to, object); });
}
std::vector<CompiledKernel> read_kernels(ByteReader& in) {
  return read(in, [](ByteReader& from) { return load(read_object(from)); });
}

void write_by_name(ByteWriter& out, std::span<const CompiledKernel> kernels) {
  write(out, kernels, [](ByteWriter& to, const KernelObject& object) { to.text(keep(object)); });
}
std::vector<CompiledKernel> read_named_kernels(ByteReader& in) {
  const std::lock_guard lock(loaded().mutex);
  return read(in, [](ByteReader& from) {
    const auto* functions = find_loaded(std::string(from.text()));
    return functions ? *functions : std::vector<CompiledKernel>();
  });
}

std::optional<CompiledKernel> find_on_disk(const std::string& identity, const std::string& kernel) {
  const auto entry = runtime::find_on_disk(kKernel, identity + '\0' + kernel);
  if (!entry) return std::nullopt;
  ByteReader in(*entry);
  const std::string name(in.text());
  const auto function = static_cast<std::size_t>(in.number());
  if (!in.done()) return std::nullopt;
  const std::lock_guard lock(loaded().mutex);
  const auto* functions = find_loaded(name);
  if (!functions || function >= functions->size()) return std::nullopt;
  return (*functions)[function];
}

void store_on_disk(const std::string& identity, std::span<const std::string> kernels,
                   const KernelObject& object) {
  const std::string name = keep(object);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    ByteWriter entry;
    entry.text(name);
    entry.count(i);
    runtime::store_on_disk(kKernel, identity + '\0' + kernels[i], entry.take());
  }
}

}  // namespace lilith::codegen
