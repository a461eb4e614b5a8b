// How well vocabularies fit a text: tokens and bytes by group (language, code, ...), for several tokenizers
// at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "tokenizer/corpus.h"
#include "tokenizer/tokenizer.h"

namespace jaju {

struct FitOptions {
  std::string group_key = "language";  // of JSONL lines
  std::vector<std::string> labels;     // per file: the group of documents that do not say one
  int64_t sample_bytes = 0;            // CorpusOptions
};

struct FitRow {
  std::string group;
  int64_t documents = 0;
  int64_t bytes = 0;
  int64_t characters = 0;
  std::vector<int64_t> tokens;  // per tokenizer
};

// "code" for a file with the extension of a programming language, else its name without extension.
std::string default_label(const std::filesystem::path& path);

// Rows by group. Special tokens that a text spells are read as text, and nothing is added to a document, so
// only the text counts. Errors: read_corpus's; more than 1,000 groups.
Result<std::vector<FitRow>> measure_fit(const std::vector<CorpusFile>& files,
                                        const std::vector<const Tokenizer*>& tokenizers,
                                        const FitOptions& options, ThreadTeam& team,
                                        const std::function<void(int64_t)>& progress = nullptr);

// The sum of all rows.
FitRow total_fit(const std::vector<FitRow>& rows);

}  // namespace jaju
