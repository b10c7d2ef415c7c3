#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/quote.h"
#include "data/folders.h"
#include "lilith/data.h"

namespace lilith::data {
namespace {

// Reads a file that may be gzipped; zlib passes other files through.
class GzReader {
 public:
  /// `shown` is the path in messages.
  GzReader(const std::string& path, const std::string& shown) : shown_(shown) {
    LILITH_CHECK(!is_folder(path), "idx: {} is a folder", shown);
    file_ = gzopen(path.c_str(), "rb");
    LILITH_CHECK(file_ != nullptr, "idx: cannot open {}: {}", shown, std::strerror(errno));
    gzbuffer(file_, 1 << 17);
  }
  ~GzReader() { gzclose(file_); }
  GzReader(const GzReader&) = delete;

  /// Reads up to n bytes; fewer at the end of the file.
  std::size_t read(std::uint8_t* out, std::size_t n) {
    std::size_t got = 0;
    while (got < n) {
      const auto want = static_cast<unsigned>(std::min<std::size_t>(n - got, 1u << 30));
      const int r = gzread(file_, out + got, want);
      check_stream(r);
      if (r == 0) break;
      got += static_cast<std::size_t>(r);
    }
    return got;
  }

 private:
  void check_stream(int result) {
    int code = Z_OK;
    std::string_view text = gzerror(file_, &code);
    if (code == Z_BUF_ERROR) fail("idx: {}: the gzip stream is truncated", shown_);
    if (result >= 0 && (code == Z_OK || code == Z_STREAM_END)) return;
    // zlib begins its text with the path.
    if (const std::size_t at = text.rfind(": "); at != text.npos) text.remove_prefix(at + 2);
    fail("idx: {}: broken gzip stream: {}", shown_, escaped(text));
  }

  const std::string& shown_;
  gzFile file_ = nullptr;
};

DType idx_dtype(std::uint8_t code, const std::string& shown) {
  switch (code) {
    case 0x08:
      return DType::U8;
    case 0x09:
      return DType::I8;
    case 0x0b:
      return DType::I16;
    case 0x0c:
      return DType::I32;
    case 0x0d:
      return DType::F32;
    case 0x0e:
      return DType::F64;
    default:
      fail(
          "idx: {}: wrong magic: element type 0x{:02x}; known are 0x08 (u8), 0x09, 0x0b, 0x0c, "
          "0x0d, 0x0e",
          shown, code);
  }
}

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

}  // namespace

IdxFile read_idx(const std::string& path, SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  const std::string shown = data::shown(path);
  GzReader reader(path, shown);
  std::uint8_t head[4];
  LILITH_CHECK(reader.read(head, 4) == 4, "idx: {}: the file ends within the magic number", shown);
  LILITH_CHECK(
      head[0] == 0 && head[1] == 0,
      "idx: {}: wrong magic {:02x}{:02x}{:02x}{:02x}; an idx file starts with two zero bytes",
      shown, head[0], head[1], head[2], head[3]);
  IdxFile file;
  file.dtype = idx_dtype(head[2], shown);
  const int rank = head[3];
  LILITH_CHECK(rank >= 1 && rank <= Shape::kMaxRank, "idx: {}: {} dimensions; 1 to {} can be read",
               shown, rank, Shape::kMaxRank);
  std::uint64_t promised = size_of(file.dtype);
  for (int d = 0; d < rank; ++d) {
    std::uint8_t size[4];
    LILITH_CHECK(reader.read(size, 4) == 4, "idx: {}: the file ends within the sizes", shown);
    file.shape.push_back(big_endian(size));
    LILITH_CHECK(!__builtin_mul_overflow(promised, std::uint64_t{big_endian(size)}, &promised) &&
                     promised < (std::uint64_t{1} << 48),
                 "idx: {}: the sizes {} are too large", shown, file.shape.str());
  }
  // Grown as data arrives, so that a broken header cannot ask for memory that the file does not
  // fill.
  std::size_t have = 0;
  while (have < promised) {
    const std::size_t chunk =
        std::min<std::uint64_t>(promised - have, std::max<std::size_t>(have, 1 << 22));
    file.bytes.resize(have + chunk);
    const std::size_t got = reader.read(file.bytes.data() + have, chunk);
    have += got;
    LILITH_CHECK(got == chunk,
                 "idx: {}: too short: the header promises {} bytes ({} of {}), the file has {}",
                 shown, promised, file.shape.str(), name(file.dtype), have);
  }
  std::uint8_t extra;
  LILITH_CHECK(reader.read(&extra, 1) == 0,
               "idx: {}: more data than the {} bytes that the header promises", shown, promised);
  return file;
}

}  // namespace lilith::data
