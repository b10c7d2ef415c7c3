#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

int dim_at(const Call& c, int position, int otherwise) {
  return static_cast<int>(c.integer(position, "dim", otherwise));
}

std::vector<std::int64_t> values_of(const Tensor& t) {
  const Tensor wide = t.to(DType::I64);
  return wide.to_vector<std::int64_t>();
}

void bind_reshapes(Table& t) {
  t["reshape"] = [](const Call& c) { return one(reshape(c.operand(0), c.sizes(1, "shape"))); };
  t["view"] = [](const Call& c) { return one(view(c.operand(0), c.sizes(1, "size"))); };
  t["reshape_as"] = [](const Call& c) { return one(reshape_as(c.operand(0), c.tensor(1))); };
  t["view_as"] = [](const Call& c) { return one(view_as(c.operand(0), c.tensor(1))); };
  unary(t, "ravel", ravel);
  t["flatten"] = [](const Call& c) {
    return one(flatten(c.operand(0), static_cast<int>(c.integer(1, "start_dim", 0)),
                       static_cast<int>(c.integer(2, "end_dim", -1))));
  };
  t["unflatten"] = [](const Call& c) {
    return one(unflatten(c.operand(0), dim_at(c, 1, 0), c.longs(2, "sizes")));
  };
  t["squeeze"] = [](const Call& c) {
    return one(c.has(1, "dim") ? squeeze(c.operand(0), dim_at(c, 1, 0)) : squeeze(c.operand(0)));
  };
  t["unsqueeze"] = [](const Call& c) { return one(unsqueeze(c.operand(0), dim_at(c, 1, 0))); };
  for (const auto& [name, f] : {std::pair<const char*, Unary>{"atleast_1d", atleast_1d},
                                {"atleast_2d", atleast_2d},
                                {"atleast_3d", atleast_3d}}) {
    t[name] = [f = f](const Call& c) {
      std::vector<Tensor> result;
      for (const Tensor& x : c.tensors(0)) result.push_back(f(x));
      return result;
    };
  }
  t["expand"] = [](const Call& c) { return one(expand(c.operand(0), c.sizes(1, "size"))); };
  t["broadcast_to"] = [](const Call& c) {
    return one(broadcast_to(c.operand(0), c.sizes(1, "size")));
  };
  t["expand_as"] = [](const Call& c) { return one(expand_as(c.operand(0), c.tensor(1))); };
  t["broadcast_tensors"] = [](const Call& c) { return broadcast_tensors(c.tensors(0)); };
  t["sum_to_size"] = [](const Call& c) {
    return one(sum_to_size(c.operand(0), c.sizes(1, "size")));
  };
}

void bind_orders(Table& t) {
  t["transpose"] = [](const Call& c) {
    return one(transpose(c.operand(0), dim_at(c, 1, 0), dim_at(c, 2, 1)));
  };
  t["t"] = [](const Call& c) { return one(lilith::t(c.operand(0))); };
  t["permute"] = [](const Call& c) { return one(permute(c.operand(0), c.sizes(1, "dims"))); };
  t["movedim"] = [](const Call& c) {
    return one(movedim(c.operand(0), c.longs(1, "source"), c.longs(2, "destination")));
  };
  t["flip"] = [](const Call& c) { return one(flip(c.operand(0), c.sizes(1, "dims"))); };
  unary(t, "fliplr", fliplr);
  unary(t, "flipud", flipud);
  t["roll"] = [](const Call& c) {
    return one(roll(c.operand(0), c.longs(1, "shifts"), c.longs(2, "dims", {})));
  };
  t["rot90"] = [](const Call& c) {
    return one(
        rot90(c.operand(0), static_cast<int>(c.integer(1, "k", 1)), c.longs(2, "dims", {0, 1})));
  };
}

void bind_pieces(Table& t) {
  t["slice"] = [](const Call& c) {
    return one(slice(c.operand(0), dim_at(c, 1, 0), c.integer(2, "start", 0),
                     c.integer(3, "end", INT64_MAX), c.integer(4, "step", 1)));
  };
  t["narrow"] = [](const Call& c) {
    return one(
        narrow(c.operand(0), dim_at(c, 1, 0), c.integer(2, "start"), c.integer(3, "length")));
  };
  t["select"] = [](const Call& c) {
    return one(select(c.operand(0), dim_at(c, 1, 0), c.integer(2, "index")));
  };
  t["unbind"] = [](const Call& c) { return unbind(c.operand(0), dim_at(c, 1, 0)); };
  t["split"] = [](const Call& c) {
    return split(c.operand(0), c.integer(1, "split_size"), dim_at(c, 2, 0));
  };
  t["split__list_args"] = [](const Call& c) {
    return split(c.operand(0), c.longs(1, "split_size"), dim_at(c, 2, 0));
  };
  t["split_with_sizes"] = [](const Call& c) {
    return split_with_sizes(c.operand(0), c.longs(1, "split_sizes"), dim_at(c, 2, 0));
  };
  t["chunk"] = [](const Call& c) {
    return chunk(c.operand(0), c.integer(1, "chunks"), dim_at(c, 2, 0));
  };
  t["tensor_split"] = [](const Call& c) {
    const int dim = dim_at(c, 2, 0);
    const std::string name = c.has(-1, "sections")  ? "sections"
                             : c.has(-1, "indices") ? "indices"
                                                    : "tensor_indices_or_sections";
    const bool several = c.is_tensor(1, name) ? c.tensor(1, name).ndim() > 0 : c.is_list(1, name);
    if (!several) return tensor_split(c.operand(0), c.integer(1, name), dim);
    return tensor_split(
        c.operand(0), c.is_tensor(1, name) ? values_of(c.tensor(1, name)) : c.longs(1, name), dim);
  };
  using Split = std::vector<Tensor> (*)(const Arg&, const IntList&);
  for (const auto& [name, f] :
       {std::pair<const char*, Split>{"hsplit", hsplit}, {"vsplit", vsplit}, {"dsplit", dsplit}}) {
    t[name] = [f = f](const Call& c) {
      return c.is_list(1) ? f(c.operand(0), c.longs(1)) : f(c.operand(0), c.integer(1, ""));
    };
  }
  t["unfold"] = [](const Call& c) {
    return one(unfold(c.operand(0), dim_at(c, 1, 0), c.integer(2, "size"), c.integer(3, "step")));
  };
}

void bind_joins(Table& t) {
  t["cat"] = [](const Call& c) { return one(cat(c.tensors(0), dim_at(c, 1, 0))); };
  t["stack"] = [](const Call& c) { return one(stack(c.tensors(0), dim_at(c, 1, 0))); };
  t["hstack"] = [](const Call& c) { return one(hstack(c.tensors(0))); };
  t["vstack"] = [](const Call& c) { return one(vstack(c.tensors(0))); };
  t["dstack"] = [](const Call& c) { return one(dstack(c.tensors(0))); };
  t["column_stack"] = [](const Call& c) { return one(column_stack(c.tensors(0))); };
  t["block_diag"] = [](const Call& c) { return one(block_diag(c.tensors(0))); };
  t["repeat"] = [](const Call& c) { return one(repeat(c.operand(0), c.sizes(1, "repeats"))); };
  t["tile"] = [](const Call& c) { return one(tile(c.operand(0), c.sizes(1, "dims"))); };
  t["repeat_interleave"] = [](const Call& c) {
    std::optional<int> dim;
    if (c.has(2, "dim")) dim = dim_at(c, 2, 0);
    if (c.is_tensor(1, "repeats"))
      return one(repeat_interleave(c.operand(0), c.tensor(1, "repeats"), dim));
    return one(repeat_interleave(c.operand(0), c.integer(1, "repeats"), dim));
  };
  for (const char* name : {"meshgrid__variadic_tensors", "meshgrid__list_of_tensors"}) {
    t[name] = [](const Call& c) {
      return meshgrid(c.tensors(0), c.text(-1, "indexing", "ij") == "xy");
    };
  }
  t["constant_pad_nd"] = [](const Call& c) {
    return one(constant_pad_nd(c.operand(0), c.longs(1, "pad"),
                               c.has(2, "value") ? c.operand(2, "value") : Arg(0)));
  };
  const std::pair<const char*, PadMode> modes[] = {{"constant", PadMode::Constant},
                                                   {"reflect", PadMode::Reflect},
                                                   {"replicate", PadMode::Replicate},
                                                   {"circular", PadMode::Circular}};
  for (const auto& [name, mode] : modes) {
    t["nn.functional.pad__" + std::string(name)] = [mode = mode](const Call& c) {
      return one(pad(c.operand(0), c.longs(1, "pad"), mode,
                     c.has(3, "value") ? c.operand(3, "value") : Arg(0)));
    };
  }
}

void bind_indices(Table& t) {
  t["gather"] = [](const Call& c) {
    return one(gather(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index")));
  };
  t["scatter_add"] = [](const Call& c) {
    return one(
        scatter_add(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"), c.tensor(3, "src")));
  };
  t["take_along_dim"] = [](const Call& c) {
    const Tensor index = c.tensor(1, "indices");
    return one(c.has(2, "dim") ? take_along_dim(c.operand(0), index, dim_at(c, 2, 0))
                               : take_along_dim(c.operand(0), index));
  };
  t["take"] = [](const Call& c) { return one(take(c.operand(0), c.tensor(1, "index"))); };
  t["index_select"] = [](const Call& c) {
    return one(index_select(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index")));
  };
  t["index_add"] = [](const Call& c) {
    return one(index_add(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"), c.tensor(3, "source"),
                         c.real(-1, "alpha", 1)));
  };
  t["index_put"] = [](const Call& c) {
    return one(index_put(c.operand(0), c.tensors(1, "indices"), c.operand(2, "values"),
                         c.flag(3, "accumulate", false)));
  };
  t["index_fill"] = [](const Call& c) {
    return one(
        index_fill(c.operand(0), dim_at(c, 1, 0), c.tensor(2, "index"), c.operand(3, "value")));
  };
  t["select_scatter"] = [](const Call& c) {
    return one(
        select_scatter(c.operand(0), c.tensor(1, "src"), dim_at(c, 2, 0), c.integer(3, "index")));
  };
  t["tril"] = [](const Call& c) {
    return one(tril(c.operand(0), static_cast<int>(c.integer(1, "diagonal", 0))));
  };
  t["triu"] = [](const Call& c) {
    return one(triu(c.operand(0), static_cast<int>(c.integer(1, "diagonal", 0))));
  };
  t["diag"] = [](const Call& c) {
    return one(diag(c.operand(0), static_cast<int>(c.integer(1, "diagonal", 0))));
  };
  t["diagonal"] = [](const Call& c) {
    return one(diagonal(c.operand(0), static_cast<int>(c.integer(1, "offset", 0)),
                        static_cast<int>(c.integer(2, "dim1", 0)),
                        static_cast<int>(c.integer(3, "dim2", 1))));
  };
  t["diag_embed"] = [](const Call& c) {
    return one(diag_embed(c.operand(0), static_cast<int>(c.integer(1, "offset", 0)),
                          static_cast<int>(c.integer(2, "dim1", -2)),
                          static_cast<int>(c.integer(3, "dim2", -1))));
  };
  t["diagflat"] = [](const Call& c) {
    return one(diagflat(c.operand(0), static_cast<int>(c.integer(1, "offset", 0))));
  };
  unary(t, "trace", trace);
}

}  // namespace

void bind_shapes(Table& t) {
  bind_reshapes(t);
  bind_orders(t);
  bind_pieces(t);
  bind_joins(t);
  bind_indices(t);
}

}  // namespace lilith::parity
