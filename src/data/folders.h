#pragma once
#include <filesystem>
#include <string>
#include <vector>

// Where the files of a data set lie.
namespace lilith::data {

/// A path as it stands in messages.
std::string shown(const std::string& path);
/// `dir`, or the first of these folders in it (those that torchvision makes), that has `file`, with
/// or without `ending`; `dir` where none has. Error when it is no folder; `op` names the set.
std::filesystem::path folder_with(const char* op, const std::string& dir,
                                  const std::vector<std::string>& folders, const std::string& file,
                                  const std::string& ending);

}  // namespace lilith::data
