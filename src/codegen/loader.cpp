#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "codegen/codegen.h"
#include "lilith/error.h"

// A loader for the one kind of object the code generator writes: relocatable x86-64 ELF, small code
// model. All sections go into one mapping, so 32-bit relative references always reach; a call out
// goes through a stub behind the last section.
namespace lilith::codegen {
namespace {

std::atomic<BarrierFn> barrier_function{nullptr};

extern "C" void lilith_barrier(std::int64_t thread, std::int64_t num_threads) {
  if (BarrierFn fn = barrier_function.load(std::memory_order_acquire)) fn(thread, num_threads);
}

/// Everything a kernel may call: the barrier, memory functions, and what baseline CPUs lack.
const void* external(std::string_view name) {
  struct Row {
    std::string_view name;
    const void* address;
  };
  static const Row rows[] = {
      {"lilith_barrier", reinterpret_cast<void*>(&lilith_barrier)},
      {"memcpy", reinterpret_cast<void*>(&std::memcpy)},
      {"memset", reinterpret_cast<void*>(&std::memset)},
      {"memmove", reinterpret_cast<void*>(&std::memmove)},
      {"fma", reinterpret_cast<void*>(static_cast<double (*)(double, double, double)>(&::fma))},
      {"fmod", reinterpret_cast<void*>(static_cast<double (*)(double, double)>(&::fmod))},
      {"fmodf", reinterpret_cast<void*>(static_cast<float (*)(float, float)>(&::fmodf))},
  };
  for (const Row& row : rows) {
    if (row.name == name) return row.address;
  }
  return nullptr;
}

struct Mapping {
  std::byte* base = nullptr;
  std::size_t bytes = 0;
  explicit Mapping(std::size_t size) : bytes(size) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
      throw DeviceError(fmt::format("cpu: no memory for {} bytes of code", size));
    base = static_cast<std::byte*>(p);
  }
  Mapping(const Mapping&) = delete;
  ~Mapping() { munmap(base, bytes); }
};

constexpr std::size_t kStubBytes = 16;

class Loader {
 public:
  explicit Loader(const std::string& bytes) : bytes_(bytes) {}

  std::vector<CompiledKernel> run(std::size_t functions) {
    read_header();
    const std::size_t loaded = place_sections();
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    stubs_at_ = (loaded + kStubBytes - 1) / kStubBytes * kStubBytes;
    const std::size_t most = stubs_at_ + (count_undefined() + 1) * kStubBytes;
    code_ = std::make_shared<Mapping>((most + page - 1) / page * page);
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const Elf64_Shdr& s = sections_[i];
      if ((s.sh_flags & SHF_ALLOC) == 0 || s.sh_type == SHT_NOBITS) continue;
      std::memcpy(code_->base + at_[i], range(s.sh_offset, s.sh_size), s.sh_size);
    }
    for (const Elf64_Shdr& s : sections_) {
      if (s.sh_type == SHT_RELA) relocate(s);
    }
    if (mprotect(code_->base, code_->bytes, PROT_READ | PROT_EXEC) != 0) {
      throw DeviceError("cpu: the system refuses executable memory");
    }
    std::vector<CompiledKernel> out(functions);
    for (std::size_t i = 0; i < functions; ++i) {
      void* entry = function("lilith_kernel" + std::to_string(i));
      out[i].fn = reinterpret_cast<CompiledKernel::Fn>(entry);
      out[i].function = static_cast<int>(i);
      out[i].code_bytes = loaded;
      out[i].code = code_;
    }
    return out;
  }

 private:
  [[noreturn]] static void damaged(const char* what) {
    fail("cpu: damaged kernel object: {}", what);
  }

  const char* range(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) damaged("it ends too early");
    return bytes_.data() + offset;
  }
  template <class T>
  std::vector<T> table(std::uint64_t offset, std::uint64_t count) const {
    std::vector<T> out(count);
    if (count != 0) std::memcpy(out.data(), range(offset, count * sizeof(T)), count * sizeof(T));
    return out;
  }

  void read_header() {
    Elf64_Ehdr header;
    std::memcpy(&header, range(0, sizeof header), sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_X86_64 ||
        header.e_type != ET_REL) {
      damaged("no relocatable x86-64 ELF");
    }
    sections_ = table<Elf64_Shdr>(header.e_shoff, header.e_shnum);
    at_.assign(sections_.size(), 0);
    for (const Elf64_Shdr& s : sections_) {
      if (s.sh_type != SHT_SYMTAB) continue;
      symbols_ = table<Elf64_Sym>(s.sh_offset, s.sh_size / sizeof(Elf64_Sym));
      if (s.sh_link >= sections_.size()) damaged("no names");
      const Elf64_Shdr& names = sections_[s.sh_link];
      names_.assign(range(names.sh_offset, names.sh_size), names.sh_size);
    }
  }

  std::size_t place_sections() {
    std::size_t end = 0;
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const Elf64_Shdr& s = sections_[i];
      if ((s.sh_flags & SHF_ALLOC) == 0) continue;
      const std::size_t align = std::max<std::size_t>(s.sh_addralign, 1);
      end = (end + align - 1) / align * align;
      at_[i] = end;
      end += s.sh_size;
    }
    return end;
  }

  std::size_t count_undefined() const {
    std::size_t n = 0;
    for (const Elf64_Sym& s : symbols_) n += s.st_shndx == SHN_UNDEF;
    return n;
  }

  std::string_view symbol_name(const Elf64_Sym& s) const {
    if (s.st_name >= names_.size()) damaged("a name out of range");
    return names_.c_str() + s.st_name;
  }

  std::byte* function(const std::string& name) const {
    for (const Elf64_Sym& s : symbols_) {
      if (s.st_shndx != SHN_UNDEF && symbol_name(s) == name) return address(s);
    }
    damaged("a function is missing");
  }

  std::byte* address(const Elf64_Sym& s) const {
    if (s.st_shndx >= sections_.size()) damaged("a symbol of no section");
    return code_->base + at_[s.st_shndx] + s.st_value;
  }

  /// jmp *[rip + 0], and the target behind it.
  std::byte* stub(const Elf64_Sym& s) {
    const std::string name(symbol_name(s));
    if (auto it = stubs_.find(name); it != stubs_.end()) return it->second;
    const void* target = external(name);
    if (target == nullptr)
      throw InternalError("codegen: a kernel calls the unknown function " + name);
    std::byte* p = code_->base + stubs_at_ + stubs_.size() * kStubBytes;
    const unsigned char jump[] = {0xFF, 0x25, 0, 0, 0, 0};
    std::memcpy(p, jump, sizeof jump);
    std::memcpy(p + sizeof jump, &target, sizeof target);
    return stubs_[name] = p;
  }

  void relocate(const Elf64_Shdr& s) {
    if (s.sh_info >= sections_.size()) damaged("relocations of no section");
    if ((sections_[s.sh_info].sh_flags & SHF_ALLOC) == 0) return;
    for (const Elf64_Rela& r : table<Elf64_Rela>(s.sh_offset, s.sh_size / sizeof(Elf64_Rela))) {
      const std::uint64_t index = ELF64_R_SYM(r.r_info);
      if (index >= symbols_.size()) damaged("a relocation of no symbol");
      const Elf64_Sym& symbol = symbols_[index];
      std::byte* target = symbol.st_shndx == SHN_UNDEF ? stub(symbol) : address(symbol);
      if (r.r_offset + 8 > code_->bytes - at_[s.sh_info]) damaged("a relocation out of range");
      patch(code_->base + at_[s.sh_info] + r.r_offset, target + r.r_addend, ELF64_R_TYPE(r.r_info));
    }
  }

  static void patch(std::byte* where, std::byte* value, std::uint64_t type) {
    if (type == R_X86_64_64) {
      std::memcpy(where, &value, 8);
    } else if (type == R_X86_64_PC32 || type == R_X86_64_PLT32) {
      const auto distance = static_cast<std::int32_t>(value - where);
      std::memcpy(where, &distance, 4);
    } else if (type == R_X86_64_PC64) {
      const std::int64_t distance = value - where;
      std::memcpy(where, &distance, 8);
    } else {
      throw InternalError(fmt::format("codegen: relocation {} has no loader", type));
    }
  }

  const std::string& bytes_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Sym> symbols_;
  std::vector<std::size_t> at_;
  std::string names_;
  std::shared_ptr<Mapping> code_;
  std::size_t stubs_at_ = 0;
  std::unordered_map<std::string, std::byte*> stubs_;
};

}  // namespace

void set_barrier_function(BarrierFn fn) { barrier_function.store(fn, std::memory_order_release); }

std::vector<CompiledKernel> load_object(std::shared_ptr<const KernelObject> object) {
  std::vector<CompiledKernel> out = Loader(object->bytes).run(object->scratch_bytes.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].scratch_bytes = object->scratch_bytes[i];
    out[i].compile_ms = object->compile_ms;
    out[i].object = object;
  }
  return out;
}

}  // namespace lilith::codegen
