#include "eval/explain_page.h"

#include <cstdio>
#include <memory>

#include "eval/program_json.h"

namespace lilith {
namespace {

// Inside of a script element only "<" could end it or begin a comment.
std::string embeddable(const std::string& json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string page_text(const std::vector<ProgramRecord>& records) {
  std::string page = kPage;
  const std::string place = "/*data*/";
  return page.replace(page.find(place), place.size(), embeddable(to_json(records)));
}

}  // namespace

void write_page(const std::vector<ProgramRecord>& records, const std::string& path) {
  const std::string text = page_text(records);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  LILITH_CHECK(file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                   std::fflush(file.get()) == 0,
               "explain_html: cannot write {}", path);
}

}  // namespace lilith
