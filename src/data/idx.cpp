#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "lilith/data.h"

namespace lilith::data {
namespace {

// Reads a file that may be gzipped; zlib passes other files through.
class GzReader {
 public:
  explicit GzReader(const std::string& path) : path_(path) {
    LILITH_CHECK(!std::filesystem::is_directory(path), "idx: {} is a folder", path);
    file_ = gzopen(path.c_str(), "rb");
    LILITH_CHECK(file_ != nullptr, "idx: cannot open {}: {}", path, std::strerror(errno));
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
    const char* text = gzerror(file_, &code);
    if (code == Z_BUF_ERROR) fail("idx: {}: the gzip stream is truncated", path_);
    if (result < 0 || (code != Z_OK && code != Z_STREAM_END))
      fail("idx: {}: broken gzip stream: {}", path_, text);
  }

  const std::string& path_;
  gzFile file_ = nullptr;
};

DType idx_dtype(std::uint8_t code, const std::string& path) {
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
          path, code);
  }
}

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

}  // namespace

IdxFile read_idx(const std::string& path, SourceLocation loc) {
  const LocScope scope(loc, nullptr);
  GzReader reader(path);
  std::uint8_t head[4];
  LILITH_CHECK(reader.read(head, 4) == 4, "idx: {}: the file ends within the magic number", path);
  LILITH_CHECK(
      head[0] == 0 && head[1] == 0,
      "idx: {}: wrong magic {:02x}{:02x}{:02x}{:02x}; an idx file starts with two zero bytes", path,
      head[0], head[1], head[2], head[3]);
  IdxFile file;
  file.dtype = idx_dtype(head[2], path);
  const int rank = head[3];
  LILITH_CHECK(rank >= 1 && rank <= Shape::kMaxRank, "idx: {}: {} dimensions; 1 to {} can be read",
               path, rank, Shape::kMaxRank);
  std::uint64_t promised = size_of(file.dtype);
  for (int d = 0; d < rank; ++d) {
    std::uint8_t size[4];
    LILITH_CHECK(reader.read(size, 4) == 4, "idx: {}: the file ends within the sizes", path);
    file.shape.push_back(big_endian(size));
    LILITH_CHECK(!__builtin_mul_overflow(promised, std::uint64_t{big_endian(size)}, &promised) &&
                     promised < (std::uint64_t{1} << 48),
                 "idx: {}: the sizes {} are too large", path, file.shape.str());
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
                 path, promised, file.shape.str(), name(file.dtype), have);
  }
  std::uint8_t extra;
  LILITH_CHECK(reader.read(&extra, 1) == 0,
               "idx: {}: more data than the {} bytes that the header promises", path, promised);
  return file;
}

}  // namespace lilith::data
