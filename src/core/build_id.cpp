#include "core/build_id.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <string_view>

namespace lilith {
namespace {

constexpr std::size_t kMostNotes = 1 << 16;

template <class T>
bool read(std::ifstream& in, std::uint64_t at, T* to) {
  return in.seekg(static_cast<std::streamoff>(at)) &&
         in.read(reinterpret_cast<char*>(to), sizeof *to);
}

// The notes of a segment: a header, the owner's name, the note, each padded to 4 bytes.
std::string id_in_notes(std::string_view notes) {
  const auto padded = [](std::size_t n) { return (n + 3) / 4 * 4; };
  Elf64_Nhdr note;
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    notes.remove_prefix(sizeof note);
    const std::size_t name = padded(note.n_namesz), body = padded(note.n_descsz);
    if (name > notes.size() || body > notes.size() - name) return {};
    if (note.n_type == NT_GNU_BUILD_ID &&
        notes.substr(0, note.n_namesz) == std::string_view("GNU", 4)) {
      std::string out;
      for (const char c : notes.substr(name, note.n_descsz))
        out += fmt::format("{:02x}", static_cast<unsigned char>(c));
      return out;
    }
    notes.remove_prefix(name + body);
  }
  return {};
}

}  // namespace

std::string build_id(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  Elf64_Ehdr header;
  if (!read(in, 0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!read(in, header.e_phoff + static_cast<std::uint64_t>(i) * header.e_phentsize, &segment))
      break;
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMostNotes) continue;
    std::string notes(segment.p_filesz, '\0');
    if (!in.seekg(static_cast<std::streamoff>(segment.p_offset)) ||
        !in.read(notes.data(), static_cast<std::streamsize>(notes.size())))
      break;
    if (std::string id = id_in_notes(notes); !id.empty()) return id;
  }
  return {};
}

std::string file_of(const void* address) {
  Dl_info info{};
  return dladdr(address, &info) != 0 && info.dli_fname ? info.dli_fname : "";
}

}  // namespace lilith
