#include "data/token_text.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "base/json.h"
#include "data/documents.h"
#include "data/records.h"
#include "data/shards.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

class Collector {
 public:
  Collector(const TokenTextOptions& options, std::vector<std::vector<TokenId>>& out)
      : options_(options), out_(out) {}

  bool full() const { return tokens_ >= options_.max_tokens; }

  void add(std::span<const TokenId> ids) {
    while (!ids.empty()) {
      const int64_t room = std::min(options_.window, options_.max_tokens - tokens_);
      const size_t n = std::min(ids.size(), static_cast<size_t>(std::max<int64_t>(room, 0)));
      if (n < 2) return;
      out_.emplace_back(ids.begin(), ids.begin() + static_cast<int64_t>(n));
      tokens_ += static_cast<int64_t>(n);
      ids = ids.subspan(n);
    }
  }

 private:
  const TokenTextOptions& options_;
  std::vector<std::vector<TokenId>>& out_;
  int64_t tokens_ = 0;
};

// As much of a text as its first tokens can need, up to the end of a line.
Result<std::string> beginning_of(const fs::path& file, int64_t max_tokens) {
  // Bytes of a token in ordinary text are 2 to 5; texts of longer ones give fewer tokens than asked for.
  constexpr int64_t kBytesPerToken = 16;
  constexpr int64_t kMostBytes = int64_t{1} << 30;
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) return error("{} is not there, or no file", file.string());
  std::ifstream in(file, std::ios::binary);
  std::string text(static_cast<size_t>(std::min(max_tokens * kBytesPerToken, kMostBytes)), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in.good() && !in.eof()))
    return error("cannot read {}: {}", file.string(), std::strerror(errno));
  const auto read = static_cast<size_t>(in.gcount());
  const bool cut = read == text.size() && in.peek() != std::char_traits<char>::eof();
  text.resize(read);
  if (const size_t line = text.rfind('\n'); cut && line != std::string::npos) text.resize(line + 1);
  return text;
}

// Which documents a line is to become. A question and an answer that are no problem (problem.h) become a
// conversation.
Result<DocumentFormat> format_of(std::string& line, const std::string& place) {
  JAJU_ASSIGN(const nlohmann::json object, parse_json(line, place));
  if (object.is_object()) {
    if (object.contains("messages")) return DocumentFormat::messages;
    if (object.contains("question") && object.contains("task")) return DocumentFormat::both;
    if (object.contains("question")) {
      const auto text = [&](const char* key) { return object.contains(key) && object[key].is_string(); };
      if (!text("question") || !text("answer"))
        return error("{}: 'question' and 'answer' must be there, as strings", place);
      const auto said = [](const char* role, const nlohmann::json& content) {
        return nlohmann::json{{"role", role}, {"content", content}};
      };
      line = nlohmann::json{{"messages",
                             {said("user", object["question"]), said("assistant", object["answer"])}}}
                 .dump();
      return DocumentFormat::messages;
    }
    if (object.contains("text")) return DocumentFormat::text;
  }
  return error("{}: expected an object with 'text', 'messages' or 'question'", place);
}

Status read_lines(const fs::path& file, const fs::path& model_dir, Collector& collector) {
  JAJU_ASSIGN(const auto maker, DocumentMaker::create(model_dir));
  JAJU_ASSIGN(const auto reader, RecordReader::open(file, RecordKind::line));
  std::string line;
  std::vector<Document> documents;
  std::vector<TokenId> ids;
  while (!collector.full()) {
    JAJU_ASSIGN(const bool found, reader->next(line));
    if (!found) break;
    JAJU_ASSIGN(const DocumentFormat format, format_of(line, reader->place()));
    documents.clear();
    JAJU_RETURN_IF_ERROR(maker->make(format, true, line, reader->place(), &documents));
    for (const Document& document : documents) {
      ids.clear();
      for (const uint32_t token : document.tokens) ids.push_back(static_cast<TokenId>(token & ~kLossBit));
      collector.add(ids);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::vector<TokenId>>> read_token_text(const fs::path& file, const fs::path& model_dir,
                                                          const TokenTextOptions& options) {
  if (options.window < 2 || options.max_tokens < 2) {
    return error("{}: a window and a text need at least 2 tokens", file.string());
  }
  std::vector<std::vector<TokenId>> sequences;
  Collector collector(options, sequences);
  const std::string kind = file.extension().string();
  if (kind == ".jsonl" || kind == ".ndjson" || kind == ".json") {
    JAJU_RETURN_IF_ERROR(read_lines(file, model_dir, collector));
  } else {
    JAJU_ASSIGN(const std::string text, beginning_of(file, options.max_tokens));
    JAJU_ASSIGN(const auto tokenizer, Tokenizer::load(model_dir));
    collector.add(tokenizer->encode(text, SpecialText::as_text));
  }
  if (sequences.empty()) return error("{} holds no text of at least 2 tokens", file.string());
  return sequences;
}

}  // namespace jaju::data
