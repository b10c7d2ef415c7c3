#include "codegen/shared_code.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "core/env.h"
#include "kernel_ir/forms.h"

namespace lilith::codegen {
namespace {

using Numbers = std::vector<kir::Number>;

/// Kernels of one form, at one place among those of that form in their program, in one family.
struct Form {
  struct General {
    kir::Holes holes;
    Numbers fixed;  // those that are no holes
    std::shared_ptr<const kir::Kernel> kernel;
  };
  std::vector<Numbers> own;      // whose kernels were compiled as they are
  std::vector<Numbers> samples;  // those that a general kernel was made for
  std::optional<Numbers> shown;  // those of other sizes
  std::vector<General> generals;
};

// A form whose kernels go on differing in other places is not worth more code.
constexpr std::size_t kMostGenerals = 6;

std::optional<SharedKernel> find(const Form& form, const Numbers& numbers) {
  if (std::ranges::find(form.own, numbers) != form.own.end()) return SharedKernel{};
  for (auto g = form.generals.rbegin(); g != form.generals.rend(); ++g)
    if (g->holes.fit(numbers, g->fixed)) return SharedKernel{g->kernel, g->holes.values(numbers)};
  return {};
}

SharedKernel make_general(Form& form, const kir::Kernel& k, const Numbers& numbers,
                          const std::vector<Numbers>& samples) {
  kir::Holes holes(samples);
  auto general = std::make_shared<kir::Kernel>(kir::generalise(k, holes));
  general->forms = std::make_shared<kir::KernelForms>();
  SharedKernel out{general, holes.values(numbers), {}};
  form.samples.push_back(numbers);
  form.generals.push_back({std::move(holes), samples.front(), std::move(general)});
  return out;
}

/// Whether a number of a kernel seems to follow from a size: a multiple of it, an index that is one
/// less, a count of tiles along it. Only the last of them may be the same for two sizes: alone
/// where those of another size were `shown`.
bool follows(const kir::Number& n, std::int64_t size, const std::vector<std::int64_t>& tiles,
             bool shown) {
  if (n.role == kir::Number::Role::Constant && n.dtype != DType::I64) return false;
  if (size < 2 || n.value < 2) return false;
  if (!shown && (n.value % size == 0 || n.value == size - 1)) return true;
  return std::ranges::any_of(
      tiles, [&](std::int64_t tile) { return tile < size && (size + tile - 1) / tile == n.value; });
}

/// The sizes of a kernel's register tiles.
std::vector<std::int64_t> tiles_of(const kir::Kernel& k) {
  std::vector<std::int64_t> tiles;
  for (const kir::RegDecl& r : k.regs) {
    for (const std::int64_t d : r.dims)
      if (d > 1 && std::ranges::find(tiles, d) == tiles.end()) tiles.push_back(d);
  }
  return tiles;
}

/// The numbers as another size might have them; `apart`: equal ones as two sizes might.
Numbers imagined(const kir::Kernel& k, Numbers numbers, std::span<const std::int64_t> varying,
                 bool apart, bool shown) {
  const std::vector<std::int64_t> tiles = tiles_of(k);
  std::int64_t step = 0;
  for (kir::Number& n : numbers) {
    const bool open = std::any_of(varying.begin(), varying.end(), [&](std::int64_t size) {
      return follows(n, size, tiles, shown);
    });
    if (open && n.value < INT64_MAX / 4) n.value = 2 * n.value + 1 + (apart ? step++ : 0);
  }
  return numbers;
}

SharedKernel share(Form& form, const kir::Kernel& k, const Numbers& numbers,
                   std::span<const std::int64_t> varying) {
  if (auto known = find(form, numbers)) return *std::move(known);
  if (form.generals.size() == kMostGenerals) return {};
  const bool shown = form.shown.has_value();
  std::vector<Numbers> samples = shown ? std::vector<Numbers>{*form.shown} : form.own;
  samples.insert(samples.end(), form.samples.begin(), form.samples.end());
  samples.push_back(numbers);
  const bool is_first = samples.size() == 1;
  samples.push_back(imagined(k, numbers, varying, !form.generals.empty(), shown));
  const auto is_same = [&](const Numbers& other) { return other == numbers; };
  if ((is_first || shown) && std::ranges::all_of(samples, is_same)) {
    form.own.push_back(numbers);
    return {};
  }
  return make_general(form, k, numbers, samples);
}

struct Family {
  std::unordered_map<std::string, Form> forms;
};
struct Families {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, Family> by_hash;
};
// Beyond, all are forgotten: code that was made stays.
constexpr std::size_t kMostFamilies = 1024, kMostForms = 4096;

Families& families() {
  static Families* f = new Families;  // outlives every static that still compiles
  return *f;
}

Family& find_family(std::uint64_t family) {
  auto& by_hash = families().by_hash;
  if (by_hash.size() >= kMostFamilies && !by_hash.contains(family)) by_hash.clear();
  Family& f = by_hash[family];
  if (f.forms.size() >= kMostForms) f.forms.clear();
  return f;
}

std::vector<KernelForm> forms_of(std::span<const kir::Kernel* const> kernels) {
  std::map<std::array<std::uint64_t, 2>, std::uint64_t> places;
  std::vector<KernelForm> out;
  for (const kir::Kernel* k : kernels) {
    const auto s = kir::skeleton_of(*k);
    const std::uint64_t key[] = {s->form.hash[0], s->form.hash[1], places[s->form.hash]++};
    out.push_back({std::string(reinterpret_cast<const char*>(key), sizeof key), s->numbers});
  }
  return out;
}

thread_local std::int64_t shared_here = 0;

}  // namespace

std::int64_t kernels_shared() { return shared_here; }
void found_shared(std::int64_t kernels) { shared_here += kernels; }

std::vector<SharedKernel> share_code(std::uint64_t family,
                                     std::span<const kir::Kernel* const> kernels,
                                     std::span<const std::int64_t> varying) {
  std::vector<SharedKernel> out(kernels.size());
  if (family == 0 || env::disabled("shared_code")) return out;
  std::vector<KernelForm> forms = forms_of(kernels);
  const std::lock_guard lock(families().mutex);
  Family& f = find_family(family);
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    if (kernels[k]->follows_no_size) continue;
    out[k] = share(f.forms[forms[k].key], *kernels[k], forms[k].numbers, varying);
    shared_here += out[k].general != nullptr;
    if (!out[k].general) out[k].form = std::move(forms[k]);
  }
  return out;
}

void show_code(std::uint64_t family, std::span<const kir::Kernel* const> kernels) {
  if (family == 0 || env::disabled("shared_code")) return;
  std::vector<KernelForm> forms = forms_of(kernels);
  const std::lock_guard lock(families().mutex);
  Family& f = find_family(family);
  for (KernelForm& k : forms) f.forms[k.key].shown = std::move(k.numbers);
}

void remember_code(std::uint64_t family, std::span<const KernelForm> forms) {
  if (family == 0 || forms.empty()) return;
  const std::lock_guard lock(families().mutex);
  Family& f = find_family(family);
  for (const KernelForm& k : forms) {
    if (k.key.empty()) continue;  // made without sharing
    Form& form = f.forms[k.key];
    if (form.own.empty() && form.samples.empty()) form.own.push_back(k.numbers);
  }
}

void write(ByteWriter& out, std::span<const KernelForm> forms) {
  out.count(forms.size());
  for (const KernelForm& k : forms) {
    out.text(k.key);
    out.count(k.numbers.size());
    for (const auto& [role, dtype, value] : k.numbers) {
      out.number(static_cast<int>(role));
      out.number(static_cast<int>(dtype));
      out.number(value);
    }
  }
}

std::vector<KernelForm> read_forms(ByteReader& in) {
  std::vector<KernelForm> forms(in.count());
  for (KernelForm& k : forms) {
    k.key = in.text();
    k.numbers.resize(in.count());
    for (auto& [role, dtype, value] : k.numbers) {
      role = static_cast<kir::Number::Role>(in.number());
      dtype = static_cast<DType>(in.number());
      value = in.number();
    }
  }
  return forms;
}

}  // namespace lilith::codegen
