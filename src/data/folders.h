#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// Where the files of a data set lie, and how they are read. Paths that the system refuses (too
// long, links in a circle) are no files.
namespace lilith::data {

/// A path as it stands in messages.
std::string shown(const std::string& path);
bool is_folder(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);
/// Error when `dir` is no folder; `op` names the set.
void check_folder(const char* op, const std::string& dir);
/// The first file by one of these names in `dir`, or in one of these folders in it (those that
/// torchvision makes). Error when `dir` is no folder.
std::optional<std::filesystem::path> file_in(const char* op, const std::string& dir,
                                             const std::vector<std::string>& folders,
                                             const std::vector<std::string>& names);
/// All of a file. Errors: a folder, and what cannot be opened or read; `op` names the reader.
std::vector<std::uint8_t> read_file(const char* op, const std::string& path);

}  // namespace lilith::data
