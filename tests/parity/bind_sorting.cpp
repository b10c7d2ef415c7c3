#include "lilith/ops.h"
#include "parity/bind.h"

// Orders, selections, and what is written or picked at indices.
namespace lilith::parity {
namespace {

int dim_at(const Call& c, int position, int otherwise) {
  return static_cast<int>(c.integer(position, "dim", otherwise));
}

void bind_sorts(Table& t) {
  t["sort"] = [](const Call& c) {
    return two(sort(c.operand(0), dim_at(c, 1, -1), c.flag(2, "descending", false)));
  };
  t["argsort"] = [](const Call& c) {
    return one(argsort(c.operand(0), dim_at(c, 1, -1), c.flag(2, "descending", false)));
  };
  unary(t, "msort", msort);
  t["topk"] = [](const Call& c) {
    return two(topk(c.operand(0), c.integer(1, "k"), dim_at(c, 2, -1), c.flag(3, "largest", true),
                    c.flag(4, "sorted", true)));
  };
  t["kthvalue"] = [](const Call& c) {
    return two(
        kthvalue(c.operand(0), c.integer(1, "k"), dim_at(c, 2, -1), c.flag(3, "keepdim", false)));
  };
  t["mode"] = [](const Call& c) {
    return two(mode(c.operand(0), dim_at(c, 1, -1), c.flag(2, "keepdim", false)));
  };
  t["median"] = [](const Call& c) {
    if (!c.has(1, "dim")) return one(median(c.operand(0)));
    return two(median(c.operand(0), dim_at(c, 1, 0), c.flag(2, "keepdim", false)));
  };
  t["nanmedian"] = [](const Call& c) {
    if (!c.has(1, "dim")) return one(nanmedian(c.operand(0)));
    return two(nanmedian(c.operand(0), dim_at(c, 1, 0), c.flag(2, "keepdim", false)));
  };
  t["cummax"] = [](const Call& c) { return two(cummax(c.operand(0), dim_at(c, 1, 0))); };
  t["cummin"] = [](const Call& c) { return two(cummin(c.operand(0), dim_at(c, 1, 0))); };
  const auto quantiles = [](auto f) {
    return [f](const Call& c) {
      std::optional<Dim> dim;
      if (c.has(2, "dim")) dim = dim_at(c, 2, 0);
      return one(f(c.operand(0), c.operand(1, "q"), dim, c.flag(3, "keepdim", false),
                   c.text(-1, "interpolation", "linear")));
    };
  };
  t["quantile"] = quantiles([](const auto&... a) { return quantile(a...); });
  t["nanquantile"] = quantiles([](const auto&... a) { return nanquantile(a...); });
}

void bind_searches(Table& t) {
  t["searchsorted"] = [](const Call& c) {
    SearchSortedOptions o{.out_int32 = c.flag(-1, "out_int32", false),
                          .right = c.flag(-1, "right", false),
                          .sorter = c.maybe_tensor(-1, "sorter")};
    if (c.has(-1, "side")) o.side = c.text(-1, "side", "left");
    return one(searchsorted(c.tensor(0), c.operand(1), o));
  };
  t["bucketize"] = [](const Call& c) {
    return one(bucketize(
        c.operand(0), c.tensor(1),
        {.out_int32 = c.flag(-1, "out_int32", false), .right = c.flag(-1, "right", false)}));
  };
  t["isin"] = [](const Call& c) {
    return one(isin(c.operand(0), c.operand(1),
                    {.assume_unique = c.flag(-1, "assume_unique", false),
                     .invert = c.flag(-1, "invert", false)}));
  };
  const auto parts = [](const UniqueResult& r) {
    std::vector<Tensor> out{r.values};
    if (r.inverse.defined()) out.push_back(r.inverse);
    if (r.counts.defined()) out.push_back(r.counts);
    return out;
  };
  t["unique"] = [parts](const Call& c) {
    UniqueOptions o{.return_inverse = c.flag(2, "return_inverse", false),
                    .return_counts = c.flag(3, "return_counts", false)};
    if (c.has(-1, "dim")) o.dim = dim_at(c, -1, 0);
    return parts(unique(c.operand(0), o));
  };
  t["unique_consecutive"] = [parts](const Call& c) {
    UniqueConsecutiveOptions o{.return_inverse = c.flag(1, "return_inverse", false),
                               .return_counts = c.flag(2, "return_counts", false)};
    if (c.has(-1, "dim")) o.dim = dim_at(c, -1, 0);
    return parts(unique_consecutive(c.operand(0), o));
  };
}

void bind_counts(Table& t) {
  t["histc"] = [](const Call& c) {
    return one(
        histc(c.operand(0), c.integer(1, "bins", 100), c.real(2, "min", 0), c.real(3, "max", 0)));
  };
  t["histogram"] = [](const Call& c) {
    HistogramOptions o{.weight = c.maybe_tensor(-1, "weight"),
                       .density = c.flag(-1, "density", false)};
    if (c.is_tensor(1, "bins")) return two(histogram(c.operand(0), c.tensor(1, "bins"), o));
    if (c.has(-1, "range"))
      o.range = {c.json(-1, "range").at(0).get<double>(), c.json(-1, "range").at(1).get<double>()};
    return two(histogram(c.operand(0), c.integer(1, "bins"), o));
  };
  t["histogramdd"] = [](const Call& c) {
    HistogramDdOptions o{.weight = c.maybe_tensor(-1, "weight"),
                         .density = c.flag(-1, "density", false)};
    const Json& bins = c.json(1, "bins");
    if (c.has(-1, "range"))
      for (const Json& v : c.json(-1, "range")) o.range.push_back(v.get<double>());
    const bool edges = bins.is_array() && !bins.empty() && bins[0].is_object();
    auto [hist, list] = edges ? histogramdd(c.operand(0), c.tensors(1, "bins"), o)
                              : histogramdd(c.operand(0), IntList(c.longs(1, "bins")), o);
    list.insert(list.begin(), hist);
    return list;
  };
}

void bind_scatters(Table& t) {
  for (const char* how : {"sum", "prod", "mean", "amax", "amin"})
    t[std::string("scatter_reduce__") + how] = [](const Call& c) {
      return one(scatter_reduce(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"),
                                c.tensor(3, "src"), c.text(4, "reduce", ""),
                                c.flag(-1, "include_self", true)));
    };
  t["index_copy"] = [](const Call& c) {
    return one(
        index_copy(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"), c.tensor(3, "source")));
  };
  t["index_reduce"] = [](const Call& c) {
    return one(index_reduce(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"),
                            c.tensor(3, "source"), c.text(4, "reduce", ""),
                            c.flag(-1, "include_self", true)));
  };
  t["put"] = [](const Call& c) {
    return one(put(c.operand(0), c.tensor(1, "index"), c.tensor(2, "source"),
                   c.flag(3, "accumulate", false)));
  };
  t["masked_scatter"] = [](const Call& c) {
    return one(masked_scatter(c.operand(0), c.tensor(1, "mask"), c.tensor(2, "source")));
  };
  t["masked_select"] = [](const Call& c) {
    return one(masked_select(c.operand(0), c.tensor(1, "mask")));
  };
  t["nonzero"] = [](const Call& c) {
    return c.flag(-1, "as_tuple", false) ? nonzero_as_tuple(c.operand(0))
                                         : one(nonzero(c.operand(0)));
  };
  unary(t, "argwhere", argwhere);
  t["nonzero_static"] = [](const Call& c) {
    return one(
        nonzero_static(c.operand(0), c.integer(-1, "size"), c.integer(-1, "fill_value", -1)));
  };
  t["bincount"] = [](const Call& c) {
    return one(
        bincount(c.operand(0), c.maybe_tensor(-1, "weights"), c.integer(-1, "minlength", 0)));
  };
  t["unravel_index"] = [](const Call& c) {
    return unravel_index(c.operand(0), Shape(c.longs(1, "shape")));
  };
  for (const char* by : {"lengths", "offsets"})
    t[std::string("segment_reduce__") + by] = [](const Call& c) {
      SegmentReduceOptions o{.lengths = c.maybe_tensor(-1, "lengths"),
                             .offsets = c.maybe_tensor(-1, "offsets"),
                             .axis = static_cast<int>(c.integer(-1, "axis", 0))};
      o.unsafe = c.flag(-1, "unsafe", false);
      if (c.has(-1, "initial")) o.initial = c.real(-1, "initial", 0);
      return one(segment_reduce(c.operand(0), c.text(1, "reduce", ""), o));
    };
}

void bind_pairs(Table& t) {
  t["combinations"] = [](const Call& c) {
    return one(
        combinations(c.operand(0), c.integer(1, "r", 2), c.flag(2, "with_replacement", false)));
  };
  t["cdist"] = [](const Call& c) {
    return one(cdist(c.operand(0), c.operand(1), c.real(2, "p", 2)));
  };
  t["nn.functional.pdist"] = [](const Call& c) {
    return one(pdist(c.operand(0), c.real(1, "p", 2)));
  };
}

}  // namespace

void bind_sorting(Table& table) {
  bind_sorts(table);
  bind_searches(table);
  bind_counts(table);
  bind_scatters(table);
  bind_pairs(table);
}

}  // namespace lilith::parity
