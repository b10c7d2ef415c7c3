#pragma once
#include <string>

#include "io/contents.h"
#include "io/selection.h"

namespace lilith::io {

/// Opens a file by its path: how shards are read.
using OpenFile = Contents (*)(const std::string& path);

/// Whether a file's bytes are an index of shards: JSON with a "weight_map".
bool is_shard_index(std::span<const std::uint8_t> bytes);
/// The selected tensors that an index lists, each in its shard beside the index
/// (model.safetensors.index.json and pytorch_model.bin.index.json of Hugging Face). Errors: shards
/// of selected tensors that are missing, all by name; a shard without a tensor that the index says
/// it has; paths that leave the folder; a selection of what the index does not list.
Contents open_shards(const MappedFile& index, const Selection& selection, OpenFile open);
/// The file of weights in a folder: an index of shards, or the one of the usual names. Error when
/// there is none, or when it is not clear which.
std::string weights_in_folder(const std::string& folder);

}  // namespace lilith::io
