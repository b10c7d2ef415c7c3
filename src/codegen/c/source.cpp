#include "codegen/c/source.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "codegen/c/grid_printer.h"
#include "codegen/c/kernel_printer.h"
#include "kernel_ir/walk.h"
#include "lilith/error.h"

namespace lilith::codegen::c {
namespace {

/// What of a kernel is of f64: an op ("sqrt") or "its register r"; empty where nothing is.
class FindF64 {
 public:
  explicit FindF64(const kir::Kernel& k) {
    block(k.body);
    if (!found_.empty()) return;
    for (const kir::RegDecl& r : k.regs) {
      if (r.dtype == DType::F64) found_ = "its register " + r.name;
    }
  }
  const std::string& found() const { return found_; }

 private:
  void block(const kir::Block& b) {
    for (const kir::Stmt& s : b) {
      kir::for_each_expr(s, [&](kir::Expr x) { expr(x); });
      kir::for_each_block(s, [&](const kir::Block& inner) { block(inner); });
    }
  }
  void expr(kir::Expr x) {
    if (!found_.empty() || !seen_.insert(x.node()).second) return;
    for (kir::Expr a : x->args) expr(a);
    if (x->dtype == DType::F64 && found_.empty()) found_ = kir::op_name(x->op);
  }

  std::unordered_set<const kir::ExprNode*> seen_;
  std::string found_;
};

bool has_mma(const kir::Block& b) {
  return std::ranges::any_of(b, [](const kir::Stmt& s) {
    bool found = s.kind == kir::Stmt::Kind::Mma;
    kir::for_each_block(s, [&](const kir::Block& inner) { found = found || has_mma(inner); });
    return found;
  });
}

// Kernels side by side are one function where a device has warps, whose branches are its own. PoCL
// 3.1 gives wrong results where two branches of a function have barriers: there it is one each.
std::vector<kir::Kernel> functions_of(const kir::Kernel& k, const Dialect& dialect) {
  if (dialect.warp > 1 || k.body.size() == 1) return {k};
  std::vector<kir::Kernel> parts;
  for (const kir::Stmt& grid : k.body) {
    parts.push_back(k);
    parts.back().body = {grid};
  }
  return parts;
}

}  // namespace

Source print(std::span<const kir::Kernel* const> kernels, const Dialect& dialect,
             const Features& features) {
  Source out;
  std::unordered_map<std::string, std::size_t> first;
  bool f64 = false, mma = false;
  Lines lines;
  for (const kir::Kernel* k : kernels) {
    const std::size_t n = out.kernels.size();
    const auto [same, is_new] = first.try_emplace(kir::canonical_form(*k), n);
    out.kernels.emplace_back();
    if (!is_new) {
      out.kernels.back() = out.kernels[same->second];
      continue;
    }
    kir::verify(*k);
    const std::string what = FindF64(*k).found();
    if (!what.empty() && !features.f64) {
      throw DeviceError(fmt::format("codegen: kernel {} computes in f64 ({}), which {} does not",
                                    k->name, what, features.device),
                        LocScope::current());
    }
    f64 = f64 || !what.empty();
    mma = mma || has_mma(k->body);
    lines.add("\n// " + k->name);
    std::vector<Entry>& entries = out.kernels.back();
    const auto name = [&] { return fmt::format("lilith_{}_{}", n, entries.size()); };
    if (k->threads > 0) {
      for (const kir::Kernel& part : functions_of(*k, dialect))
        entries.push_back(GridPrinter(part, dialect, &lines).print(name()));
    } else {
      KernelPrinter printer(*k, dialect, &lines);
      for (const Part& part : parts_of(*k)) entries.push_back(printer.print(part, name()));
    }
  }
  out.text = dialect.head;
  if (f64) out.text += dialect.head_f64;
  if (mma && dialect.head_mma != nullptr) out.text += dialect.head_mma;
  out.text += kFunctions;
  if (f64) out.text += kFunctionsF64;
  out.text += lines.text;
  return out;
}

void write(ByteWriter& out, const std::vector<std::vector<Entry>>& kernels) {
  out.count(kernels.size());
  for (const std::vector<Entry>& entries : kernels) {
    out.count(entries.size());
    for (const auto& [name, params, items, scratch_bytes, groups, threads, local_bytes] : entries) {
      out.text(name);
      out.count(params.size());
      for (const int p : params) out.number(p);
      for (const std::int64_t x :
           {items, scratch_bytes, groups, std::int64_t{threads}, local_bytes})
        out.number(x);
    }
  }
}

std::vector<std::vector<Entry>> read_entries(ByteReader& in) {
  std::vector<std::vector<Entry>> kernels(in.count());
  for (std::vector<Entry>& entries : kernels) {
    entries.resize(in.count());
    for (Entry& e : entries) {
      e.name = in.text();
      e.params.resize(in.count());
      for (int& p : e.params) p = static_cast<int>(in.number());
      e.items = in.number();
      e.scratch_bytes = in.number();
      e.groups = in.number();
      e.threads = static_cast<int>(in.number());
      e.local_bytes = in.number();
    }
  }
  return kernels;
}

}  // namespace lilith::codegen::c
