#pragma once
#include <filesystem>
#include <string>
#include <vector>

// Where the files of a data set lie.
namespace lilith::data {

/// A path as it stands in messages.
std::string shown(const std::string& path);
/// Error when `dir` is no folder; `op` names the set.
void check_folder(const char* op, const std::string& dir);
/// `dir`, or the first of these folders in it (those that torchvision makes), that has a file by
/// one of these names; `dir` where none has. Error when it is no folder.
std::filesystem::path folder_with(const char* op, const std::string& dir,
                                  const std::vector<std::string>& folders,
                                  const std::vector<std::string>& names);

}  // namespace lilith::data
