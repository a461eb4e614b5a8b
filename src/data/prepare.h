// `jaju data prepare`: from JSONL or text to token shards (shards.h) with their manifest.
//
// How a document is made:
//   text      {"text"} per line, or a plain .txt cut at blank lines, then <|endoftext|>. Loss everywhere.
//   book      a problem as a page of a book: question, thinking and answer on lines of their own, then
//             <|endoftext|>. Loss everywhere.
//   think     a problem as the chat sees it: the prompt of the chat template with thinking on (no loss), then
//             thinking, </think>, answer, <|im_end|> with loss.
//   direct    the same with thinking off: the prompt ends in </think>; answer and <|im_end|> with loss.
//   both      think, then direct: two documents per problem.
//   messages  {"messages": [{"role", "content"[, "reasoning_content", "tool_calls"]}, ...]}: loss on what the
//             assistant says. A turn whose prompt does not repeat what went before it (reasoning of earlier
//             turns is dropped by the template) starts a document of its own.
// A document of more than max_tokens is dropped and counted.
//
// Several sources are interleaved in proportion to their sizes, without randomness: weight 2 reads a source
// twice, 0.5 reads every second document. The trainer shuffles.
//
// Streaming: memory does not grow with the sources. Stopped at any moment (kill -9 too), the same call goes
// on behind the last finished shard and gives the same bytes as one that was never stopped; progress.json
// holds the positions.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju::data {

enum class DocumentFormat { text, book, think, direct, both, messages };
Result<DocumentFormat> parse_document_format(std::string_view name);
std::string_view name_of(DocumentFormat format);

struct PrepareSource {
  std::filesystem::path file;
  DocumentFormat format = DocumentFormat::text;
  double weight = 1;        // how many times it is read, 0.001 to 1000
  bool whole_file = false;  // a .txt file is one document, instead of one per paragraph

  // Only some of a file of problems, for more practice in them; empty or 0: all.
  std::vector<std::string> tasks = {};  // whose "task" is one of these
  std::string expected = {};  // whose "expected" holds a match of this regex: "^-" are results below 0
  int64_t min_difficulty = 0;

  bool takes_all() const { return tasks.empty() && expected.empty() && min_difficulty == 0; }
};

struct PrepareOptions {
  std::vector<PrepareSource> sources;
  std::filesystem::path tokenizer;  // directory of tokenizer.json; its chat template when it brings one
  std::filesystem::path to;
  int64_t max_tokens = 512;  // per document
  int64_t tokens_per_shard = 16 << 20;
  int threads = 0;    // 0: all this process may use
  bool quiet = true;  // no progress bar
  const std::atomic<bool>* cancel = nullptr;
};

// When `to` already holds the finished set of the same sources, tokenizer and options, nothing is done; when
// it holds another set, that is an error. Errors also: a bad line (file and line number), a special token the
// tokenizer lacks, a full disk, cancelled.
Status prepare(const PrepareOptions& options);

}  // namespace jaju::data
