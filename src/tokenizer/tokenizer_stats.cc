#include "tokenizer/tokenizer_stats.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "base/check.h"
#include "base/utf8.h"

namespace jaju {
namespace {

constexpr size_t kMaxGroups = 1000;

using Rows = std::map<std::string, FitRow, std::less<>>;

int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
}

void add(const FitRow& from, FitRow& to) {
  to.documents += from.documents;
  to.bytes += from.bytes;
  to.characters += from.characters;
  to.tokens.resize(from.tokens.size());
  for (size_t i = 0; i < from.tokens.size(); ++i) to.tokens[i] += from.tokens[i];
}

}  // namespace

std::string default_label(const std::filesystem::path& path) {
  static const std::unordered_set<std::string> kCode = {
      ".c", ".cc",  ".cpp", ".cs", ".css", ".cu", ".go", ".h", ".hpp",   ".html", ".java", ".js", ".kt",
      ".m", ".php", ".pl",  ".py", ".r",   ".rb", ".rs", ".s", ".scala", ".sh",   ".sql",  ".ts", ".tsx"};
  return kCode.contains(path.extension().string()) ? "code" : printable(path.stem().string());
}

Result<std::vector<FitRow>> measure_fit(const std::vector<CorpusFile>& files,
                                        const std::vector<const Tokenizer*>& tokenizers,
                                        const FitOptions& options, ThreadTeam& team,
                                        const std::function<void(int64_t)>& progress) {
  JAJU_CHECK(options.labels.size() == files.size());
  CorpusOptions corpus;
  corpus.group_key = options.group_key;
  corpus.sample_bytes = options.sample_bytes;
  std::vector<Rows> of_thread(static_cast<size_t>(team.size()));
  const auto on_document = [&](int thread, const CorpusDocument& document) {
    Rows& rows = of_thread[static_cast<size_t>(thread)];
    const std::string_view group = document.group.empty() ? options.labels[document.file] : document.group;
    auto found = rows.find(group);
    if (found == rows.end()) {
      if (rows.size() > kMaxGroups) return;  // the error follows
      found = rows.emplace(std::string(group), FitRow{}).first;
      found->second.tokens.resize(tokenizers.size());
    }
    FitRow& row = found->second;
    row.documents += document.begins ? 1 : 0;
    for (const std::string& text : document.texts) {
      row.bytes += static_cast<int64_t>(text.size());
      row.characters += count_characters(text);
      for (size_t i = 0; i < tokenizers.size(); ++i) {
        row.tokens[i] += static_cast<int64_t>(tokenizers[i]->encode(text, SpecialText::as_text).size());
      }
    }
  };
  const auto between = [&](int64_t bytes) -> Status {
    for (const Rows& rows : of_thread) {
      if (rows.size() > kMaxGroups) {
        return error("'{}' has more than {} values: choose another key to group by", options.group_key,
                     kMaxGroups);
      }
    }
    if (progress) progress(bytes);
    return {};
  };
  JAJU_RETURN_IF_ERROR(read_corpus(files, corpus, team, on_document, between));
  Rows all;
  for (const Rows& rows : of_thread) {
    for (const auto& [group, row] : rows) add(row, all[group]);
  }
  std::vector<FitRow> result;
  for (auto& [group, row] : all) {
    row.group = group;
    result.push_back(std::move(row));
  }
  return result;
}

FitRow total_fit(const std::vector<FitRow>& rows) {
  FitRow total;
  total.group = "all";
  for (const FitRow& row : rows) add(row, total);
  return total;
}

}  // namespace jaju
