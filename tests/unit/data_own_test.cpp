// Own datasets, samplers, worker threads, images and transforms.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lilith/checkpoint.h"
#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/shared.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

struct Squares {
  std::int64_t n = 10;
  std::int64_t size() const { return n; }
  std::pair<Tensor, std::int64_t> get(std::int64_t i) const {
    return {tensor({static_cast<float>(i), static_cast<float>(i * i)}), i % 3};
  }
};

TEST(OwnDataset, HasTheRowsOfAStruct) {
  const OwnDataset data{Squares{}};
  static_assert(std::is_base_of_v<data::Dataset<2>, decltype(data)> ||
                std::is_base_of_v<data::Dataset<2>, OwnDataset<Squares>>);
  EXPECT_EQ(data.size(), 10);
  const auto [x, y] = data.rows({4, 2});
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{4, 16, 2, 4}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 2}));
  struct Ragged {
    std::int64_t size() const { return 2; }
    Tensor get(std::int64_t i) const { return ones({i + 1}); }
  };
  EXPECT_NE(error_text([] {
              OwnDataset(Ragged{}).rows({0, 1});
            }).find("Dataset: row 1 is f32[2]; row 0 is f32[1], and all rows have to be alike"),
            std::string::npos);
  EXPECT_NE(error_text([] { OwnDataset(Squares{0}); }).find("Dataset: size() is 0"),
            std::string::npos);
}

struct MoveOnly {
  explicit MoveOnly(std::int64_t n)
      : values(std::make_unique<std::vector<float>>(static_cast<std::size_t>(n), 2.5f)) {}
  std::unique_ptr<std::vector<float>> values;
  std::int64_t size() const { return static_cast<std::int64_t>(values->size()); }
  Tensor get(std::int64_t i) const { return tensor((*values)[static_cast<std::size_t>(i)]); }
};
/// Says how often it was copied.
struct Counted {
  int* copies;
  explicit Counted(int* n) : copies(n) {}
  Counted(const Counted& other) : copies(other.copies) { ++*copies; }
  Counted(Counted&&) = default;
  std::int64_t size() const { return 4; }
  Tensor get(std::int64_t i) const { return scalar_tensor(i); }
};

TEST(OwnDataset, IsMovedIn) {
  const OwnDataset rows(MoveOnly(5));
  EXPECT_EQ(rows[3][0].item<float>(), 2.5f);
  MoveOnly more(6);
  EXPECT_EQ(DataLoader(std::move(more), {.batch_size = 2}).size(), 3);
  CollateLoader loader(MoveOnly(4), {.batch_size = 4},
                       [](const std::vector<Tensor>& all) { return stack(all); });
  for (const Tensor& batch : loader) EXPECT_EQ(batch.shape(), (Shape{4}));
  int copies = 0;
  const OwnDataset moved{Counted(&copies)};
  EXPECT_EQ(copies, 0);
  const Counted named(&copies);
  const OwnDataset copied(named);
  EXPECT_EQ(copies, 1);
}

TEST(OwnDataset, PartsAndUnions) {
  const data::Dataset<2> data = OwnDataset(Squares{});
  const Subset part(data, {7, 1});
  EXPECT_EQ(part[0][1].item<int>(), 1);
  const ConcatDataset all(std::vector<data::Dataset<2>>{part, data});
  EXPECT_EQ(all.size(), 12);
  EXPECT_EQ(all.rows({1, 2, 11})[0].to_vector<float>(), (std::vector<float>{1, 1, 0, 0, 9, 81}));
  const auto doubled = transformed(data, [](Tensor x) { return x * 2; });
  EXPECT_EQ(doubled[3][0].to_vector<float>(), (std::vector<float>{6, 18}));
  EXPECT_NE(
      error_text([&] {
        ConcatDataset(std::vector<data::Dataset<2>>{data, TensorDataset(ones({2, 3}), ones({2}))});
      }).find("ConcatDataset: column 0 of dataset 1 is f32[3], of dataset 0 f32[2]"),
      std::string::npos);
}

std::vector<std::int64_t> rows_of(const Sampler& s, std::uint64_t seed = 1,
                                  std::int64_t epoch = 0) {
  return s.order(seed, epoch);
}

TEST(Samplers, DrawWhatTheySay) {
  EXPECT_EQ(rows_of(SequentialSampler(3)), (std::vector<std::int64_t>{0, 1, 2}));
  auto all = rows_of(RandomSampler(50));
  EXPECT_EQ(all, rows_of(RandomSampler(50)));
  EXPECT_NE(all, rows_of(RandomSampler(50), 1, 1));
  std::sort(all.begin(), all.end());
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
  std::array<int, 3> counts{};
  for (const auto i : rows_of(WeightedRandomSampler({1, 0, 3}, 4000)))
    ++counts[static_cast<std::size_t>(i)];
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2], 3000, 150);
  auto drawn = rows_of(WeightedRandomSampler({1, 2, 3, 0}, 3, false));
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(drawn, (std::vector<std::int64_t>{0, 1, 2}));
  std::vector<int> seen(10);
  for (int rank = 0; rank < 3; ++rank) {
    const Sampler s = DistributedSampler(10, 3, rank, true, 5);
    EXPECT_EQ(s.size, 4);
    for (const auto i : rows_of(s, 100 + static_cast<std::uint64_t>(rank)))
      ++seen[static_cast<std::size_t>(i)];
  }
  EXPECT_EQ(*std::min_element(seen.begin(), seen.end()), 1);
  EXPECT_NE(error_text([] { DistributedSampler(10, 3, 3); }).find("rank 3 of 3"),
            std::string::npos);
  EXPECT_NE(error_text([] { WeightedRandomSampler({1, -1}, 2); }).find("a weight is -1"),
            std::string::npos);
}

TEST(Samplers, GiveALoaderItsRows) {
  const data::Dataset<2> data = OwnDataset(Squares{});
  const DataLoader loader(data, {.batch_size = 2, .sampler = SubsetRandomSampler({1, 3, 5, 7, 9})});
  EXPECT_EQ(loader.size(), 3);
  std::vector<float> seen;
  for (auto [x, y] : loader)
    for (const float v : select(x, 1, 0).to_vector<float>()) seen.push_back(v);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<float>{1, 3, 5, 7, 9}));
  EXPECT_NE(error_text([&] {
              DataLoader(data, {.shuffle = true, .sampler = SequentialSampler(3)});
            }).find("shuffle and a sampler"),
            std::string::npos);
}

// Batches of noise on rows: what they draw is the batch's own.
std::vector<std::vector<float>> epoch_of(const DataLoader<2>& loader) {
  std::vector<std::vector<float>> out;
  for (auto [x, y] : loader) out.push_back(x.to_vector<float>());
  return out;
}
data::Dataset<2> noisy() {
  return transformed(OwnDataset(Squares{23}), [](Tensor x) { return x + rand({2}); });
}

TEST(Workers, GiveTheSameBatches) {
  const DataLoaderOptions alone{.batch_size = 4, .shuffle = true, .seed = 3};
  DataLoaderOptions helped = alone;
  helped.num_workers = 3;
  const DataLoader a(noisy(), alone), b(noisy(), helped);
  const auto first = epoch_of(a);
  EXPECT_EQ(first, epoch_of(b));
  const auto second = epoch_of(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, epoch_of(b));
}

TEST(Workers, ResumeAtAnyBatch) {
  const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .num_workers = 2};
  manual_seed(5);
  DataLoader loader(noisy(), options);
  std::vector<std::vector<float>> rest;
  DataLoaderState state;
  int k = 0;
  for (auto [x, y] : loader) {
    if (k > 2) rest.push_back(x.to_vector<float>());
    if (++k == 3) state = loader.state();
  }
  DataLoader other(noisy(), options);
  other.set_state(state);
  EXPECT_EQ(epoch_of(other), rest);
}

TEST(Workers, ErrorsReachTheLoop) {
  struct Broken {
    std::int64_t size() const { return 8; }
    Tensor get(std::int64_t i) const {
      LILITH_CHECK(i != 5, "row five is broken");
      return ones({1});
    }
  };
  const DataLoader loader(OwnDataset(Broken{}), {.batch_size = 2, .num_workers = 2});
  int seen = 0;
  const std::string text = error_text([&] {
    for (auto batch : loader) ++seen;
  });
  EXPECT_NE(text.find("row five is broken"), std::string::npos);
  EXPECT_EQ(seen, 2);
  // Asked for again it fails again, rather than waits for a batch that nobody makes.
  auto at = loader.begin();
  ++at;
  for (int k = 0; k < 2; ++k)
    EXPECT_NE(error_text([&] { ++at; }).find("row five is broken"), std::string::npos);
  // A loop that is left waits for nobody.
  for (auto batch : DataLoader(noisy(), {.batch_size = 1, .num_workers = 2})) break;
}

Tensor picture() { return ((arange(3 * 5 * 4) * 37) % 256).view(3, 5, 4).to(DType::U8); }

TEST(Images, ThatAreCutOffAreRefused) {
  const testing::TempDir dir;
  const std::string path = dir.file("cut.jpg");
  write_image(((arange(3 * 64 * 64) * 37) % 256).view(3, 64, 64).to(DType::U8), path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_NE(error_text([&] { read_image(path); }).find("cut.jpg"), std::string::npos);
}

TEST(Images, AreReadAsTheyWereWritten) {
  const testing::TempDir dir;
  for (const std::int64_t channels : {1, 2, 3, 4}) {
    const Tensor x = ((arange(channels * 6) * 41) % 256).view(channels, 2, 3).to(DType::U8);
    write_image(x, dir.file("x.png"));
    const Tensor y = read_image(dir.file("x.png"));
    EXPECT_EQ(y.shape(), x.shape());
    EXPECT_EQ(y.to_vector<std::uint8_t>(), x.to_vector<std::uint8_t>());
  }
  const Tensor smooth = (arange(16 * 16) / 255.0).view(1, 16, 16).expand(3, 16, 16);
  write_image(smooth, dir.file("x.jpg"), 100);
  const Tensor back = read_image(dir.file("x.jpg"));
  EXPECT_EQ(back.shape(), (Shape{3, 16, 16}));
  EXPECT_LT(max(abs(back.to(kFloat) / 255 - smooth)).item<float>(), 0.02);
  write_image(ones({4, 4}), dir.file("grey.jpeg"));
  EXPECT_EQ(read_image(dir.file("grey.jpeg")).shape(), (Shape{1, 4, 4}));
}

TEST(Images, ErrorsNameTheFile) {
  const testing::TempDir dir;
  EXPECT_NE(error_text([&] { read_image(dir.file("none.png")); }).find("read_image: cannot open"),
            std::string::npos);
  std::ofstream(dir.file("text.png")) << "hello";
  EXPECT_NE(error_text([&] {
              read_image(dir.file("text.png"));
            }).find("is neither PNG nor JPEG by its first bytes"),
            std::string::npos);
  write_image(picture(), dir.file("cut.jpg"));
  write_image(picture(), dir.file("cut.png"));
  std::filesystem::resize_file(dir.file("cut.png"), 60);
  EXPECT_NE(error_text([&] { read_image(dir.file("cut.png")); }).find("cut.png: "),
            std::string::npos);
  std::ofstream(dir.file("bad.jpg"), std::ios::binary) << "\xff\xd8\xff\xe0 nothing";
  EXPECT_NE(error_text([&] { read_image(dir.file("bad.jpg")); }).find("bad.jpg: "),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              write_image(picture(), dir.file("x.bmp"));
            }).find("need .png, .jpg or .jpeg"),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              write_image(ones({4, 2, 2}), dir.file("x.jpg"));
            }).find("4 channels; JPEG has 1 or 3"),
            std::string::npos);
}

TEST(Images, FoldersAreClasses) {
  const testing::TempDir dir;
  for (const char* name : {"b", "a"}) {
    std::filesystem::create_directory(dir.file(name));
    write_image(full({1, 2, 2}, name[0] == 'a' ? 0.0 : 1.0), dir.file(name) + "/1.png");
  }
  const data::ImageFolder folder(dir.file(""));
  EXPECT_EQ(folder.classes(), (std::vector<std::string>{"a", "b"}));
  const auto [x, y] = folder.rows({1, 0});
  EXPECT_EQ(x.shape(), (Shape{2, 3, 2, 2}));
  EXPECT_EQ(x[0].mean().item<float>(), 1);
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 0}));
  const data::ImageFolder small(dir.file(""), {.transform = transforms::Compose(
                                                   transforms::Resize{1}, transforms::ToFloat{})});
  EXPECT_EQ(small[0][0].shape(), (Shape{3, 1, 1}));
  EXPECT_NE(error_text([&] { data::ImageFolder(dir.file("a")); }).find("has no folder of images"),
            std::string::npos);
}

TEST(Images, RealPhotographs) {
  LILITH_SHARED_OR_SKIP(path, "data/cifar10-jpeg");
  std::string root = path;
  if (std::filesystem::is_directory(root + "/train")) root += "/train";
  const data::ImageFolder folder(root);
  EXPECT_EQ(folder.classes().size(), 10u);
  EXPECT_EQ(folder[0][0].shape(), (Shape{3, 32, 32}));
}

TEST(Cifar, ReadsTheBinaryFiles) {
  const testing::TempDir dir;
  for (const auto& [name, labels] :
       {std::pair<const char*, int>{"test_batch.bin", 1}, {"test.bin", 2}}) {
    std::ofstream file(dir.file(name), std::ios::binary);
    for (int i = 0; i < 2; ++i) {
      for (int l = 0; l < labels; ++l) file.put(static_cast<char>(7 + l + i));
      for (int p = 0; p < 3072; ++p) file.put(static_cast<char>(p % 256));
    }
  }
  const data::CIFAR10 ten(dir.file(""), data::Split::Test);
  EXPECT_EQ(ten.size(), 2);
  EXPECT_EQ(ten[1][1].item<int>(), 8);
  EXPECT_FLOAT_EQ(ten[1][0].to_vector<float>()[255], 1);
  EXPECT_EQ(data::CIFAR100(dir.file(""), data::Split::Test)[1][1].item<int>(), 9);
  EXPECT_NE(error_text([&] {
              data::CIFAR10(dir.file(""), data::Split::Train);
            }).find("has neither data_batch_1 nor data_batch_1.bin"),
            std::string::npos);
}

// A batch as Python 2 pickled it: {"data": u8 [1, 3072], KEY: [label]}.
std::string pickled_batch(const std::string& key, char label) {
  const auto text = [](const std::string& s) { return "U" + std::string(1, char(s.size())) + s; };
  const std::string array =
      std::string("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85", 54) +
      text("b") + "\x87R(K\x01K\x01M" + std::string("\0\x0c\x86", 3) + "cnumpy\ndtype\n" +
      text("u1") + std::string("K\0K\x01\x87R(K\x03", 9) + text("|") + "NNN" +
      "J\xff\xff\xff\xffJ\xff\xff\xff\xff" + std::string("K\0tb\x89", 5);
  std::string pixels;
  for (int p = 0; p < 3072; ++p) pixels += static_cast<char>(p % 256);
  return "\x80\x02}(" + text("data") + array + std::string("T\0\x0c\0\0", 5) + pixels + "tb" +
         text(key) + "](K" + label + "eu.";
}

TEST(Cifar, ReadsThePickledFilesWhereTorchvisionHasThem) {
  const testing::TempDir dir;
  const auto write = [&](const std::string& folder, const std::string& name, const std::string& s) {
    std::filesystem::create_directories(dir.file(folder));
    std::ofstream(dir.file(folder + "/" + name), std::ios::binary) << s;
  };
  write("cifar-10-batches-py", "test_batch", pickled_batch("labels", 7));
  for (int i = 1; i <= 5; ++i)
    write("cifar-10-batches-py", "data_batch_" + std::to_string(i),
          pickled_batch("labels", static_cast<char>(i)));
  write("cifar-100-python", "test", pickled_batch("fine_labels", 99));
  write("cifar-100-python", "train", pickled_batch("coarse_labels", 1));
  const data::CIFAR10 test(dir.file(""), false), train(dir.file(""), true);
  EXPECT_EQ(test.size(), 1);
  EXPECT_EQ(test[0][1].item<int>(), 7);
  EXPECT_EQ(test[0][0].shape(), (Shape{3, 32, 32}));
  EXPECT_FLOAT_EQ(test[0][0].to_vector<float>()[255], 1);
  EXPECT_EQ(train.size(), 5);
  EXPECT_EQ(train[4][1].item<int>(), 5);
  EXPECT_EQ(data::CIFAR100(dir.file(""), false)[0][1].item<int>(), 99);
  EXPECT_NE(error_text([&] { data::CIFAR100(dir.file(""), true); }).find("no list 'fine_labels'"),
            std::string::npos);
}

TEST(Mnist, IsFoundWhereTorchvisionHasIt) {
  const testing::TempDir dir;
  const auto write = [&](const std::string& set, char pixel) {
    const std::string folder = dir.file(set + "/raw");
    std::filesystem::create_directories(folder);
    std::ofstream images(folder + "/t10k-images-idx3-ubyte", std::ios::binary);
    images << std::string("\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c", 16)
           << std::string(28 * 28, pixel);
    std::ofstream labels(folder + "/t10k-labels-idx1-ubyte", std::ios::binary);
    labels << std::string("\0\0\x08\x01\0\0\0\x01\x03", 9);
  };
  write("MNIST", '\0');
  write("FashionMNIST", '\xff');
  EXPECT_EQ(data::MNIST(dir.file(""), false)[0][0].max().item(), 0);
  EXPECT_EQ(data::FashionMNIST(dir.file(""), false)[0][0].min().item(), 1);
  EXPECT_EQ(data::FashionMNIST(dir.file("FashionMNIST/raw"), false).size(), 1);
  EXPECT_NE(error_text([&] { data::KMNIST(dir.file(""), false); }).find("KMNIST: "),
            std::string::npos);
}

TEST(Transforms, ResizeAsInterpolate) {
  const Tensor x = picture().to(kFloat) / 255;
  for (const Interpolation mode : {Interpolation::Bilinear, Interpolation::Bicubic})
    for (const bool antialias : {false, true}) {
      const Tensor got =
          transforms::Resize{.size = {3, 7}, .mode = mode, .antialias = antialias}(x);
      const Tensor want =
          interpolate(x.unsqueeze(0), {.size = {3, 7}, .mode = mode, .antialias = antialias});
      EXPECT_LT(max(abs(got - want[0])).item<float>(), 1e-5) << mode.word() << antialias;
    }
  EXPECT_EQ(transforms::Resize{2}(x).shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(transforms::Resize{8}(picture()).dtype(), DType::U8);
  EXPECT_EQ(transforms::Resize{8}(x).shape(), (Shape{3, 10, 8}));
}

TEST(Transforms, GeometryIsExact) {
  const Tensor x = picture(), square = x.slice(1, 0, 4);
  const auto bytes = [](const Tensor& t) { return t.to_vector<std::uint8_t>(); };
  EXPECT_EQ(bytes(transforms::RandomHorizontalFlip{1}(x)), bytes(flip(x, {2})));
  EXPECT_EQ(bytes(transforms::RandomVerticalFlip{1}(x)), bytes(flip(x, {1})));
  EXPECT_EQ(bytes(transforms::RandomHorizontalFlip{0}(x)), bytes(x));
  EXPECT_EQ(bytes(transforms::CenterCrop{{3, 2}}(x)), bytes(x.slice(1, 1, 4).slice(2, 1, 3)));
  EXPECT_EQ(transforms::CenterCrop{7}(x).shape(), (Shape{3, 7, 7}));
  EXPECT_EQ(bytes(transforms::RandomAffine{.degrees = {90, 90}}(square)),
            bytes(rot90(square, 1, {1, 2})));
  EXPECT_EQ(bytes(transforms::RandomCrop{{5, 4}}(x)), bytes(x));
  manual_seed(1);
  const Tensor cut = transforms::RandomCrop{.size = {5, 4}, .padding = 2}(x);
  EXPECT_EQ(cut.shape(), x.shape());
  const Tensor resized = transforms::RandomResizedCrop{6}(x);
  EXPECT_EQ(resized.shape(), (Shape{3, 6, 6}));
  EXPECT_EQ(bytes(transforms::RandomRotation{0}(x)), bytes(x));
}

TEST(Transforms, ColoursAndErasing) {
  const Tensor x = picture().to(kFloat) / 255;
  const Tensor y = transforms::Normalize{{0.5, 0.25, 0}, {0.5, 1, 2}}(x);
  EXPECT_LT(max(abs(y[1] - (x[1] - 0.25))).item<float>(), 1e-6);
  EXPECT_LT(max(abs(y[2] - x[2] / 2)).item<float>(), 1e-6);
  manual_seed(3);
  const Tensor hued = transforms::ColorJitter{.hue = 0.5}(x);
  EXPECT_LT(max(abs(amax(hued, 0) - amax(x, 0))).item<float>(), 1e-5);  // value and saturation stay
  EXPECT_LT(max(abs(amin(hued, 0) - amin(x, 0))).item<float>(), 1e-5);
  const Tensor jittered =
      transforms::ColorJitter{.brightness = 0.4, .contrast = 0.4, .saturation = 0.4}(x);
  EXPECT_GE(min(jittered).item<float>(), 0);
  EXPECT_LE(max(jittered).item<float>(), 1);
  const Tensor erased = transforms::RandomErasing{.p = 1, .value = 2}(ones({3, 16, 16}));
  const double share = sum(eq(erased, 2)).item<double>() / erased.numel();
  EXPECT_GT(share, 0.01);
  EXPECT_LT(share, 0.4);
  EXPECT_EQ(transforms::ToFloat{}(full({1, 1, 1}, 255, {.dtype = DType::U8})).item<float>(), 1);
}

TEST(Transforms, MixturesOfABatch) {
  manual_seed(2);
  const Tensor x = arange(4, {.dtype = kFloat}).view(4, 1, 1, 1).expand(4, 1, 8, 8);
  const Tensor y = arange(4);
  const auto [mixed, p] = transforms::MixUp{.num_classes = 4}(x, y);
  EXPECT_LT(max(abs(sum(p, 1) - 1)).item<float>(), 1e-6);
  // A row's value is that of its probabilities.
  EXPECT_LT(
      max(abs(sum(p * arange(4, {.dtype = kFloat}), 1) - mixed.mean({1, 2, 3}))).item<float>(),
      1e-5);
  const auto [cut, q] = transforms::CutMix{.num_classes = 4}(x, y);
  EXPECT_LT(max(abs(sum(q * arange(4, {.dtype = kFloat}), 1) - cut.mean({1, 2, 3}))).item<float>(),
            1e-5);
  EXPECT_NE(error_text([&] { transforms::MixUp{.num_classes = 4}(x, x); }).find("MixUp: x is"),
            std::string::npos);
}

TEST(Collate, PadsRowsOfAnyLength) {
  struct Words {
    std::int64_t size() const { return 5; }
    Tensor get(std::int64_t i) const { return full({i + 1}, static_cast<double>(i)); }
  };
  CollateLoader loader(
      Words{}, {.batch_size = 2, .shuffle = true, .seed = 4},
      [](const std::vector<Tensor>& rows) { return pad_sequence(rows, true, -1); });
  EXPECT_EQ(loader.size(), 3);
  float total = 0;
  for (const Tensor& batch : loader) total += clamp_min(batch, 0).sum().item<float>();
  EXPECT_EQ(total, 1 * 2 + 2 * 3 + 3 * 4 + 4 * 5);
  const Tensor padded = pad_sequence({ones({2}), ones({1})});
  EXPECT_EQ(padded.to_vector<float>(), (std::vector<float>{1, 1, 1, 0}));
  EXPECT_EQ(padded.shape(), (Shape{2, 2}));
  EXPECT_NE(error_text([] { pad_sequence({}); }).find("pad_sequence: no sequences"),
            std::string::npos);
}

TEST(Text, Characters) {
  const CharVocabulary letters("h\xc3\xa9llo");
  EXPECT_EQ(letters.size(), 4);
  EXPECT_EQ(letters.encode("oh\xc3\xa9").to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{2, 0, 3}));
  EXPECT_EQ(letters.decode(tensor({0, 3, 1, 1, 2})), "h\xc3\xa9llo");
  EXPECT_NE(error_text([&] { letters.encode("x"); }).find("no character 'x' among its 4"),
            std::string::npos);
  EXPECT_NE(error_text([&] { letters.decode(tensor({4})); }).find("token 4 is out of range"),
            std::string::npos);
}

TEST(Text, BytePairsAreMergedByFrequency) {
  const std::string text = "low lower lowest low low newer newer wider new";
  const BytePairs pairs(text, 264);
  EXPECT_EQ(pairs.size(), 264);
  // "lo" and "we" come five times each; of equals the lower numbers, then "low" as one.
  EXPECT_EQ(pairs.merges()[0], (std::pair<std::int64_t, std::int64_t>{'l', 'o'}));
  EXPECT_EQ(pairs.decode(pairs.encode(text)), text);
  EXPECT_LT(pairs.encode(text).numel(), 30);
  const testing::TempDir dir;
  pairs.save(dir.file("merges.txt"));
  EXPECT_EQ(BytePairs::load(dir.file("merges.txt")).merges(), pairs.merges());
  EXPECT_EQ(BytePairs::load(dir.file("merges.txt")).encode(text).to_vector<std::int64_t>(),
            pairs.encode(text).to_vector<std::int64_t>());
  std::ofstream(dir.file("bad.txt")) << "104 900\n";
  EXPECT_NE(error_text([&] {
              BytePairs::load(dir.file("bad.txt"));
            }).find("merge 0 is of 104 and 900; need earlier tokens"),
            std::string::npos);
}

TEST(Text, WindowsAreShiftedByOne) {
  const auto data = token_windows(arange(10), 4, 3);
  EXPECT_EQ(data.size(), 2);
  const auto [x, y] = data[1];
  EXPECT_EQ(x.to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 4, 5, 6}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{4, 5, 6, 7}));
  EXPECT_NE(error_text([] { token_windows(arange(4), 4); }).find("need integers [n] with n > "),
            std::string::npos);
}

// torchvision's: what lies outside of the image is zero.
TEST(Transforms, CropsReachOutside) {
  using transforms::functional::crop;
  const Tensor x = (arange(12) + 1).reshape({1, 3, 4});
  const auto values = [](const Tensor& t) { return t.to_vector<std::int64_t>(); };
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(values(crop(x, 1, 2, 2, 2)), (Numbers{7, 8, 11, 12}));
  EXPECT_EQ(values(crop(x, -1, -1, 2, 3)), (Numbers{0, 0, 0, 0, 1, 2}));
  EXPECT_EQ(values(crop(x, 2, 3, 2, 2)), (Numbers{12, 0, 0, 0}));
  EXPECT_EQ(values(crop(x, 5, 0, 1, 2)), (Numbers{0, 0}));
  EXPECT_EQ(values(crop(x, 0, -9, 1, 2)), (Numbers{0, 0}));
  EXPECT_EQ(crop(x, -1, -1, 5, 6).shape(), (Shape{1, 5, 6}));
  EXPECT_EQ(crop(ones({2, 3}, kUInt8), 0, 1, 3, 3).dtype(), kUInt8);
}

// One channel is grey: there is no saturation and no hue, and its contrast is around its own mean.
TEST(Transforms, OneChannel) {
  using namespace transforms;
  const Tensor grey = tensor({0.2f, 0.4f, 0.6f, 0.8f}).reshape({1, 2, 2});
  const auto near = [](const Tensor& a, const std::vector<float>& b) {
    return allclose(a, tensor(b).reshape({1, 2, 2}), 0, 1e-6);
  };
  EXPECT_TRUE(near(functional::adjust_contrast(grey, 0.5), {0.35f, 0.45f, 0.55f, 0.65f}));
  EXPECT_TRUE(near(functional::adjust_saturation(grey, 2), {0.2f, 0.4f, 0.6f, 0.8f}));
  EXPECT_TRUE(near(functional::adjust_brightness(grey, 0.5), {0.1f, 0.2f, 0.3f, 0.4f}));
  EXPECT_TRUE(near(functional::to_grayscale(grey), {0.2f, 0.4f, 0.6f, 0.8f}));
  EXPECT_EQ(Grayscale{3}(grey).shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(Grayscale{3}(grey)[2].to_vector<float>(), grey.to_vector<float>());
  const Tensor bytes = tensor({10, 20, 30, 41}, kUInt8).reshape({1, 2, 2});
  EXPECT_EQ(functional::adjust_contrast(bytes, 2).to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{0, 14, 34, 56}));  // around 25.25, cut
  const Tensor jittered = ColorJitter{0.3, 0.3, 0.3, 0.2}(grey);
  EXPECT_EQ(jittered.shape(), grey.shape());
  EXPECT_TRUE((jittered >= 0).all().item<bool>() && (jittered <= 1).all().item<bool>());
  EXPECT_FALSE(allclose(jittered, grey));
}

}  // namespace
}  // namespace lilith
