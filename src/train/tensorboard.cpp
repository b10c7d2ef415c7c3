#include "lilith/tensorboard.h"

#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "ir/host_copy.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/shape.h"
#include "lilith/train.h"

// TensorBoard's files: records of a length, its checksum, a message and its checksum; the messages
// are Events in protobuf's wire format. Ref: tensorflow/core/util/event.proto,
// tensorflow/core/framework/summary.proto.
namespace lilith {

namespace {

static_assert(std::endian::native == std::endian::little);

// Castagnoli's CRC, bit by bit through a table.
std::uint32_t crc32c(const std::string& bytes) {
  static const auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
      table[i] = c;
    }
    return table;
  }();
  std::uint32_t c = 0xffffffffu;
  for (const char byte : bytes) c = kTable[(c ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ c >> 8;
  return c ^ 0xffffffffu;
}
std::uint32_t masked_crc(const std::string& bytes) {
  const std::uint32_t c = crc32c(bytes);
  return (c >> 15 | c << 17) + 0xa282ead8u;
}

template <class T>
std::string raw(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

/// A message of protobuf, field by field.
class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, double value) { return fixed(field, 1, raw(value)); }
  Message& single(int field, float value) { return fixed(field, 5, raw(value)); }
  Message& bytes(int field, const std::string& value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    text_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.text_); }
  Message& reals(int field, const std::vector<double>& values) {
    std::string packed;
    for (const double v : values) packed += raw(v);
    return bytes(field, packed);
  }
  const std::string& text() const { return text_; }

 private:
  Message& fixed(int field, unsigned wire, const std::string& value) {
    varint(static_cast<std::uint64_t>(field) << 3 | wire);
    text_ += value;
    return *this;
  }
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) text_ += static_cast<char>(v | 0x80);
    text_ += static_cast<char>(v);
  }
  std::string text_;
};

double now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

// The bins' upper ends and what is in them, of finite numbers.
Message histogram_of(std::vector<double> v) {
  std::erase_if(v, [](double x) { return !std::isfinite(x); });
  LILITH_CHECK(!v.empty(), "add_histogram: there is no finite number");
  constexpr std::size_t kBins = 30;
  const auto [low, high] = std::minmax_element(v.begin(), v.end());
  const double least = *low, span = std::max(*high - least, 1e-12);
  std::vector<double> ends, counts(kBins, 0);
  double sum = 0, squares = 0;
  for (std::size_t k = 1; k <= kBins; ++k)
    ends.push_back(least + span * static_cast<double>(k) / static_cast<double>(kBins));
  for (const double x : v) {
    const auto k = static_cast<std::size_t>((x - least) / span * static_cast<double>(kBins));
    ++counts[std::min(k, kBins - 1)];
    sum += x;
    squares += x * x;
  }
  Message out;
  out.real(1, least).real(2, *high).real(3, static_cast<double>(v.size())).real(4, sum);
  out.real(5, squares).reals(6, ends).reals(7, counts);
  return out;
}

Message image_of(const Tensor& image) {
  Tensor x = image.ndim() == 2 ? unsqueeze(image, 0) : image;
  LILITH_CHECK((x.dtype() == DType::U8 || is_floating(x.dtype())) && x.ndim() == 3 &&
                   x.size(0) >= 1 && x.size(0) <= 4 && x.numel() > 0,
               "add_image: image is {}; need u8 or floating [C, H, W] with 1 to 4 channels, or "
               "[H, W]",
               image.aval().str());
  if (is_floating(x.dtype())) x = floor(clamp(x.to(DType::F32), 0, 1) * 255 + 0.5).to(DType::U8);
  const Tensor rows = ir::host_copy(permute(x, {1, 2, 0}), "add_image");
  constexpr std::uint32_t kFormats[] = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                        PNG_FORMAT_RGBA};
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(x.size(2));
  png.height = static_cast<png_uint_32>(x.size(1));
  png.format = kFormats[x.size(0) - 1];
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  const int ok =
      png_image_write_to_memory(&png, bytes.data(), &size, 0, rows.raw_data(), 0, nullptr);
  const std::string reason = png.message;
  png_image_free(&png);
  LILITH_CHECK(ok != 0, "add_image: {}", reason);
  bytes.resize(size);
  Message out;
  out.integer(1, x.size(1)).integer(2, x.size(2)).integer(3, x.size(0)).bytes(4, bytes);
  return out;
}

}  // namespace

struct SummaryWriter::File {
  std::string path;
  std::ofstream out;
  std::mutex mutex;

  void write(const std::string& message) {
    const std::string length = raw(static_cast<std::uint64_t>(message.size()));
    const std::lock_guard lock(mutex);
    out << length << raw(masked_crc(length)) << message << raw(masked_crc(message));
    out.flush();
    LILITH_CHECK(!out.fail(), "SummaryWriter: cannot write {}", path);
  }
  void add(const Message& value, std::int64_t step) {
    write(Message().real(1, now()).integer(2, step).message(5, Message().message(1, value)).text());
  }
};

SummaryWriter::SummaryWriter(const std::string& log_dir, SourceLocation loc)
    : file_(std::make_shared<File>()) {
  LocScope scope(loc);
  std::error_code error;
  std::filesystem::create_directories(log_dir, error);
  LILITH_CHECK(!error, "SummaryWriter: cannot make {}: {}", log_dir, error.message());
  char host[256] = "host";
  ::gethostname(host, sizeof host - 1);
  // TensorBoard reads the files of a folder in the order of their names.
  static std::atomic<int> number{0};
  file_->path = fmt::format("{}/events.out.tfevents.{:010d}.{}.{}.{}", log_dir,
                            static_cast<std::int64_t>(now()), host, ::getpid(), number++);
  file_->out.open(file_->path, std::ios::binary);
  LILITH_CHECK(file_->out.is_open(), "SummaryWriter: cannot write {}", file_->path);
  file_->write(Message().real(1, now()).bytes(3, "brain.Event:2").text());
}

const std::string& SummaryWriter::path() const { return file_->path; }

void SummaryWriter::add_scalar(const std::string& tag, double value, std::int64_t step,
                               SourceLocation loc) {
  LocScope scope(loc);
  file_->add(Message().bytes(1, tag).single(2, static_cast<float>(value)), step);
}
void SummaryWriter::add_scalars(const std::string& main_tag,
                                const std::map<std::string, double>& values, std::int64_t step,
                                SourceLocation loc) {
  LocScope scope(loc);
  for (const auto& [tag, value] : values) add_scalar(main_tag + "/" + tag, value, step);
}
void SummaryWriter::add_histogram(const std::string& tag, const Tensor& values, std::int64_t step,
                                  SourceLocation loc) {
  LocScope scope(loc);
  const auto v = values.to(DType::F64).to_vector<double>();
  file_->add(Message().bytes(1, tag).message(5, histogram_of(v)), step);
}
void SummaryWriter::add_image(const std::string& tag, const Tensor& image, std::int64_t step,
                              SourceLocation loc) {
  LocScope scope(loc);
  file_->add(Message().bytes(1, tag).message(4, image_of(image)), step);
}
void SummaryWriter::add_text(const std::string& tag, const std::string& text, std::int64_t step,
                             SourceLocation loc) {
  LocScope scope(loc);
  constexpr int kStrings = 7;  // DT_STRING
  const Message tensor = Message()
                             .integer(1, kStrings)
                             .message(2, Message().message(2, Message().integer(1, 1)))
                             .bytes(8, text);
  const Message metadata = Message().message(1, Message().bytes(1, "text"));
  file_->add(Message().bytes(1, tag + "/text_summary").message(8, tensor).message(9, metadata),
             step);
}

void TensorBoard::operator()(FitState& state) {
  const EpochRow& row = state.history.rows.back();
  const auto add = [&](const std::string& tag, double value) {
    if (!std::isnan(value)) writer_.add_scalar(tag, value, row.epoch);
  };
  const std::string& metric = state.history.metric_name;
  add("loss", row.loss);
  if (!metric.empty()) add(metric, row.metric);
  add("val_loss", row.val_loss);
  if (!metric.empty()) add("val_" + metric, row.val_metric);
  add("lr", row.lr);
}

}  // namespace lilith
