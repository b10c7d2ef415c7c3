#include "lilith/data/image.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jerror.h>  // after it
#include <jpeglib.h>
#include <png.h>

#include "data/folders.h"
#include "ir/host_copy.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"

// PNG by libpng's simplified interface, JPEG by libjpeg-turbo.
namespace lilith {

namespace {

using Bytes = std::vector<std::uint8_t>;

// An image as files have it: rows of pixels of `channels` bytes.
struct Pixels {
  std::int64_t height = 0, width = 0, channels = 0;
  Bytes bytes;
};

// [H, W, C] to a tensor [C, H, W].
Tensor as_tensor(const Pixels& p) {
  Bytes planes(p.bytes.size());
  const std::int64_t area = p.height * p.width;
  for (std::int64_t i = 0; i < area; ++i)
    for (std::int64_t c = 0; c < p.channels; ++c)
      planes[static_cast<std::size_t>(c * area + i)] =
          p.bytes[static_cast<std::size_t>(i * p.channels + c)];
  return detail::copy_from(planes.data(), {p.channels, p.height, p.width}, DType::U8, {}, {});
}

Pixels decode_png(const Bytes& bytes, const std::string& name) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const auto check = [&](int ok) {
    const std::string reason = image.message;
    if (ok == 0) png_image_free(&image);
    LILITH_CHECK(ok != 0, "read_image: {}: {}", name, reason);
  };
  check(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
  const bool color = (image.format & PNG_FORMAT_FLAG_COLOR) != 0,
             alpha = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // deep samples are cut, not converted
  image.format = color ? (alpha ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB)
                       : (alpha ? PNG_FORMAT_GA : PNG_FORMAT_GRAY);
  Pixels p{image.height, image.width, (color ? 3 : 1) + (alpha ? 1 : 0), {}};
  p.bytes.resize(PNG_IMAGE_SIZE(image));
  check(png_image_finish_read(&image, nullptr, p.bytes.data(), 0, nullptr));
  return p;
}

// libjpeg's errors as exceptions, by way of a jump out of its code.
struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};
};
[[noreturn]] void leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->back, 1);
}
/// What is cut off is no image; other warnings are let pass.
void note_warning(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) leave(info);
}
void start(JpegErrors& errors) {
  jpeg_std_error(&errors.base);
  errors.base.error_exit = leave;
  errors.base.emit_message = note_warning;
}

// Nothing with a destructor is made between setjmp and the jump.
bool read_jpeg(const Bytes& bytes, Pixels& p, JpegErrors& errors) {
  jpeg_decompress_struct info;
  info.err = &errors.base;
  if (setjmp(errors.back) != 0) {
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&info);
  p.height = info.output_height;
  p.width = info.output_width;
  p.channels = info.output_components;
  p.bytes.resize(static_cast<std::size_t>(p.height * p.width * p.channels));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = p.bytes.data() + static_cast<std::size_t>(info.output_scanline) *
                                        static_cast<std::size_t>(p.width * p.channels);
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return true;
}

Pixels decode_jpeg(const Bytes& bytes, const std::string& name) {
  Pixels p;
  JpegErrors errors;
  start(errors);
  LILITH_CHECK(read_jpeg(bytes, p, errors), "read_image: {}: {}", name, errors.message);
  return p;
}

bool write_jpeg(const Pixels& p, int quality, std::FILE* file, JpegErrors& errors) {
  jpeg_compress_struct info;
  info.err = &errors.base;
  if (setjmp(errors.back) != 0) {
    jpeg_destroy_compress(&info);
    return false;
  }
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file);
  info.image_width = static_cast<JDIMENSION>(p.width);
  info.image_height = static_cast<JDIMENSION>(p.height);
  info.input_components = static_cast<int>(p.channels);
  info.in_color_space = p.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<std::uint8_t*>(p.bytes.data()) +
                   static_cast<std::size_t>(info.next_scanline) *
                       static_cast<std::size_t>(p.width * p.channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  return true;
}

void save_png(const Pixels& p, const std::string& path) {
  constexpr std::uint32_t kFormats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                        PNG_FORMAT_RGBA};
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(p.width);
  image.height = static_cast<png_uint_32>(p.height);
  image.format = kFormats[p.channels - 1];
  const int ok = png_image_write_to_file(&image, path.c_str(), 0, p.bytes.data(), 0, nullptr);
  const std::string reason = image.message;
  png_image_free(&image);
  LILITH_CHECK(ok != 0, "write_image: cannot write {}: {}", data::shown(path), reason);
}

void save_jpeg(const Pixels& p, const std::string& path, std::int64_t quality) {
  LILITH_CHECK(quality >= 1 && quality <= 100, "write_image: quality is {}; need 1 to 100",
               quality);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  LILITH_CHECK(file != nullptr, "write_image: cannot write {}", data::shown(path));
  JpegErrors errors;
  start(errors);
  const bool written = write_jpeg(p, static_cast<int>(quality), file, errors);
  const bool closed = std::fclose(file) == 0;
  LILITH_CHECK(written && closed, "write_image: cannot write {}: {}", data::shown(path),
               errors.message);
}

Pixels pixels_of(const Tensor& image) {
  Tensor x = image.ndim() == 2 ? unsqueeze(image, 0) : image;
  LILITH_CHECK((x.dtype() == DType::U8 || is_floating(x.dtype())) && x.ndim() == 3 &&
                   x.size(0) >= 1 && x.size(0) <= 4 && x.size(1) >= 1 && x.size(2) >= 1,
               "write_image: image is {}; need u8 or floating [C, H, W] with 1 to 4 channels, or "
               "[H, W]",
               image.aval().str());
  if (is_floating(x.dtype())) x = floor(clamp(x.to(DType::F32), 0, 1) * 255 + 0.5).to(DType::U8);
  Pixels p{x.size(1), x.size(2), x.size(0), {}};
  const Tensor rows = ir::host_copy(permute(x, {1, 2, 0}), "write_image");
  p.bytes.resize(static_cast<std::size_t>(rows.numel()));
  std::memcpy(p.bytes.data(), rows.raw_data(), p.bytes.size());
  return p;
}

bool starts_with(const Bytes& bytes, std::initializer_list<std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

Tensor decode_image(const std::vector<std::uint8_t>& bytes, const std::string& name,
                    SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const std::string shown = data::shown(name);
  if (starts_with(bytes, {0x89, 'P', 'N', 'G'})) return as_tensor(decode_png(bytes, shown));
  LILITH_CHECK(starts_with(bytes, {0xff, 0xd8, 0xff}),
               "read_image: {} is neither PNG nor JPEG by its first bytes", shown);
  return as_tensor(decode_jpeg(bytes, shown));
}

Tensor read_image(const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  return decode_image(data::read_file("read_image", path), path, loc);
}

void write_image(const Tensor& image, const std::string& path, Int quality, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  const Pixels p = pixels_of(image);
  const std::string end = path.substr(std::min(path.rfind('.'), path.size()));
  if (end == ".png") return save_png(p, path);
  LILITH_CHECK(end == ".jpg" || end == ".jpeg", "write_image: '{}'; need .png, .jpg or .jpeg",
               data::shown(path));
  LILITH_CHECK(p.channels == 1 || p.channels == 3,
               "write_image: {} channels; JPEG has 1 or 3 (PNG has alpha)", p.channels);
  save_jpeg(p, path, quality);
}

}  // namespace lilith
