// Reads the texts a vocabulary is learned from or measured on: text files and JSONL, in pieces, on threads.
//
// A file whose name ends in .jsonl or .ndjson holds one JSON object per line, and every line is a document:
//   {"text": "..."}                                             one text
//   {"messages": [{"role": "...", "content": "..."}, ...]}      one per turn and "reasoning_content"
//   {"question": "...", "thinking": "...", "answer": "..."}     one text per key that is there
// Any other file is one document. It is read in pieces cut behind a line break, where A.X K1's pre-tokenizer
// cuts too, so a file's size does not matter; a line beyond 1 MB is cut at a character. Invalid UTF-8 in a
// text file is replaced by U+FFFD; in JSONL it is an error, as every malformed line is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"

namespace jaju {

inline constexpr int64_t kMaxCorpusLine = 64'000'000;  // bytes of one JSONL line

struct CorpusFile {
  std::filesystem::path path;
  int64_t bytes = 0;
  bool jsonl = false;
};

// Errors: no file at all, one that is missing, no regular file or not readable.
Result<std::vector<CorpusFile>> open_corpus(const std::vector<std::filesystem::path>& paths);

struct CorpusDocument {
  size_t file = 0;                     // index into the files
  std::string_view group;              // JSONL: what group_key says; else empty
  std::span<const std::string> texts;  // never joined: in a prompt, special tokens stand between them
  bool begins = true;                  // false: a further piece of a text file
};

struct CorpusOptions {
  std::string group_key = "language";
  // Each turn begins with its role's line ("user\n..."), as the chat template writes it.
  bool roles = false;
  // Takes about this many bytes: documents (pieces, of text files) drawn evenly from all files, always the
  // same ones. 0: everything.
  int64_t sample_bytes = 0;
};

// Calls on_document(thread, document) for every document, `thread` below team.size(); the calls of one thread
// are in order, which documents it gets is not fixed. From time to time, when no call is running,
// between(bytes read so far) is called; when that is does not depend on the number of threads. The first
// error in the order of the files ends it.
Status read_corpus(const std::vector<CorpusFile>& files, const CorpusOptions& options, ThreadTeam& team,
                   const std::function<void(int, const CorpusDocument&)>& on_document,
                   const std::function<Status(int64_t)>& between);

// Reads lines of JSONL; one per thread, reused.
class CorpusLineReader {
 public:
  CorpusLineReader();
  ~CorpusLineReader();
  CorpusLineReader(CorpusLineReader&&) noexcept;

  struct Line {
    std::string group;
    std::vector<std::string> texts;
  };
  // `what` names the line in errors. The result is valid until the next call.
  Result<const Line*> read(std::string_view line, const CorpusOptions& options, const std::string& what);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju
