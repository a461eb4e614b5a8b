// One line of JSONL to its texts (corpus.h).
#include <simdjson.h>

#include <algorithm>

#include "tokenizer/corpus.h"

namespace jaju {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kMaxDepth = 64;

// The member as a string; false when it is absent or null. Errors: another kind.
Result<bool> read_string(const object& from, std::string_view key, const std::string& what,
                         std::string_view& out) {
  element e;
  if (from.at_key(key).get(e) != simdjson::SUCCESS || e.is_null()) return false;
  if (e.get(out) != simdjson::SUCCESS) return error("{}: field '{}' must be a string", what, key);
  return true;
}

}  // namespace

struct CorpusLineReader::Impl {
  simdjson::dom::parser parser;
  Line line;

  void add(const CorpusOptions& options, std::string_view role, std::string_view text) {
    if (text.empty()) return;
    std::string& out = line.texts.emplace_back();
    if (options.roles && !role.empty()) {
      out += role;
      out += '\n';
    }
    out += text;
  }

  Status read_messages(const object& top, const CorpusOptions& options, const std::string& what) {
    array messages;
    if (top.at_key("messages").get(messages) != simdjson::SUCCESS) {
      return error("{}: field 'messages' must be an array", what);
    }
    for (const element e : messages) {
      object message;
      if (e.get(message) != simdjson::SUCCESS) return error("{}: every message must be an object", what);
      std::string_view role, text;
      JAJU_ASSIGN(const bool has_role, read_string(message, "role", what, role));
      if (!has_role) return error("{}: a message has no 'role'", what);
      JAJU_ASSIGN(const bool reasons, read_string(message, "reasoning_content", what, text));
      if (reasons) add(options, role, text);
      array parts;
      if (message.at_key("content").get(parts) == simdjson::SUCCESS) {
        for (const element part : parts) {
          object o;
          if (part.get(o) != simdjson::SUCCESS)
            return error("{}: the parts of 'content' must be objects", what);
          JAJU_ASSIGN(const bool is_text, read_string(o, "text", what, text));
          if (is_text) add(options, role, text);
        }
        continue;
      }
      JAJU_ASSIGN(const bool has_content, read_string(message, "content", what, text));
      if (has_content) add(options, reasons ? "" : role, text);
    }
    return {};
  }

  Status read_fields(const object& top, const CorpusOptions& options, const std::string& what) {
    struct Field {
      const char* key;
      const char* role;
    };
    bool any = false;
    for (const auto& [key, role] : {Field{"question", "user"}, {"thinking", ""}, {"answer", "assistant"}}) {
      std::string_view text;
      JAJU_ASSIGN(const bool has, read_string(top, key, what, text));
      any |= has;
      if (has) add(options, role, text);
    }
    if (any) return {};
    return error("{}: has none of 'text', 'messages' and 'question', 'thinking', 'answer'", what);
  }
};

CorpusLineReader::CorpusLineReader() : impl_(std::make_unique<Impl>()) {}
CorpusLineReader::~CorpusLineReader() = default;
CorpusLineReader::CorpusLineReader(CorpusLineReader&&) noexcept = default;

Result<const CorpusLineReader::Line*> CorpusLineReader::read(std::string_view text,
                                                             const CorpusOptions& options,
                                                             const std::string& what) {
  Line& line = impl_->line;
  line.group.clear();
  line.texts.clear();
  if (static_cast<int64_t>(text.size()) > kMaxCorpusLine) {
    return error("{}: has more than {} bytes", what, kMaxCorpusLine);
  }
  if (impl_->parser.capacity() < text.size()) {
    const size_t capacity = std::max<size_t>(text.size() + text.size() / 2, 4096);
    if (const auto code = impl_->parser.allocate(capacity, kMaxDepth)) {
      return error("{}: not enough memory for a line of {} bytes ({})", what, text.size(),
                   simdjson::error_message(code));
    }
  }
  element document;
  if (const auto code = impl_->parser.parse(text.data(), text.size(), true).get(document)) {
    return error("{}: is not valid JSON: {}", what, simdjson::error_message(code));
  }
  object top;
  if (document.get(top) != simdjson::SUCCESS) return error("{}: must be a JSON object", what);
  element group;
  std::string_view value;
  if (!options.group_key.empty() && top.at_key(options.group_key).get(group) == simdjson::SUCCESS) {
    int64_t number = 0;
    if (group.get(value) == simdjson::SUCCESS) {
      line.group = value;
    } else if (group.get(number) == simdjson::SUCCESS) {
      line.group = std::to_string(number);  // "difficulty"
    }
  }
  std::string_view whole;
  JAJU_ASSIGN(const bool has_text, read_string(top, "text", what, whole));
  if (has_text) {
    impl_->add(options, "", whole);
    return &line;
  }
  element messages;
  const bool chat = top.at_key("messages").get(messages) == simdjson::SUCCESS && !messages.is_null();
  JAJU_RETURN_IF_ERROR(chat ? impl_->read_messages(top, options, what)
                            : impl_->read_fields(top, options, what));
  return &line;
}

}  // namespace jaju
