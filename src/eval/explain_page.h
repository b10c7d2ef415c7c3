#pragma once
#include <string>
#include <vector>

#include "eval/program_record.h"

namespace lilith {

/// The page of src/eval/page as one text, with "/*data*/" where its data goes.
extern const char* const kPage;

/// Writes the page of these programs. Error when the file cannot be written.
void write_page(const std::vector<ProgramRecord>& records, const std::string& path);

}  // namespace lilith
