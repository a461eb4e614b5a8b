#include "data/documents.h"

#include <xxhash.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/utf8.h"
#include "data/records.h"
#include "data/shards.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;  // arguments and schemas keep their order, as the template shows them

Result<Message> message_from_json(const Json& object, const std::string& place) {
  if (!object.is_object()) return error("{}: a message must be an object with role and content", place);
  Message message;
  const auto read = [&](const char* key, std::string& field) -> Status {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return {};
    if (!found->is_string()) return error("{}: '{}' of a message must be a string", place, key);
    field = found->get_ref<const std::string&>();
    return {};
  };
  JAJU_RETURN_IF_ERROR(read("role", message.role));
  JAJU_RETURN_IF_ERROR(read("content", message.content));
  JAJU_RETURN_IF_ERROR(read("tool_call_id", message.tool_call_id));
  for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
    if (message.reasoning.empty()) JAJU_RETURN_IF_ERROR(read(key, message.reasoning));
  }
  if (message.role != "system" && message.role != "user" && message.role != "assistant" &&
      message.role != "tool") {
    return error("{}: the role '{}' is not system, user, assistant or tool", place, printable(message.role));
  }
  const auto calls = object.find("tool_calls");
  if (calls == object.end() || calls->is_null()) return message;
  if (!calls->is_array()) return error("{}: 'tool_calls' must be a list", place);
  for (const Json& call : *calls) {
    const auto function = call.is_object() ? call.find("function") : call.end();
    if (!call.is_object() || function == call.end() || !function->is_object() ||
        !function->value("name", Json()).is_string()) {
      return error("{}: a tool call must be {{\"function\": {{\"name\", \"arguments\"}}}}", place);
    }
    ToolCall tool_call;
    tool_call.name = (*function)["name"].get<std::string>();
    if (const auto id = call.find("id"); id != call.end() && id->is_string())
      tool_call.id = id->get<std::string>();
    const auto arguments = function->find("arguments");
    tool_call.arguments = nlohmann::ordered_json::object();
    if (arguments != function->end()) {
      // OpenAI's API gives the object as a string; data sets hold either.
      const std::string text = arguments->is_string() ? arguments->get<std::string>() : arguments->dump();
      JAJU_ASSIGN(tool_call.arguments, parse_ordered_json(text, place + ", arguments of a tool call"));
      if (!tool_call.arguments.is_object())
        return error("{}: the arguments of a tool call must be an object", place);
    }
    message.tool_calls.push_back(std::move(tool_call));
  }
  return message;
}

}  // namespace

Result<DocumentFormat> parse_document_format(std::string_view name) {
  for (const DocumentFormat format :
       {DocumentFormat::text, DocumentFormat::book, DocumentFormat::think, DocumentFormat::direct,
        DocumentFormat::both, DocumentFormat::messages}) {
    if (name == name_of(format)) return format;
  }
  return error("there is no format '{}'; a document is made as text, book, think, direct, both or messages",
               printable(name));
}

std::string_view name_of(DocumentFormat format) {
  switch (format) {
    case DocumentFormat::text:
      return "text";
    case DocumentFormat::book:
      return "book";
    case DocumentFormat::think:
      return "think";
    case DocumentFormat::direct:
      return "direct";
    case DocumentFormat::both:
      return "both";
    case DocumentFormat::messages:
      return "messages";
  }
  return "text";
}

Result<std::unique_ptr<DocumentMaker>> DocumentMaker::create(const fs::path& tokenizer_dir) {
  std::unique_ptr<DocumentMaker> maker(new DocumentMaker);
  std::error_code ignored;
  const bool is_dir = fs::is_directory(tokenizer_dir, ignored);
  const fs::path file = is_dir ? tokenizer_dir / "tokenizer.json" : tokenizer_dir;
  JAJU_ASSIGN(maker->tokenizer_, Tokenizer::load(file));
  JAJU_ASSIGN(maker->tokenizer_hash_, hash_file(file));
  JAJU_ASSIGN(maker->template_, ChatTemplate::load(is_dir ? tokenizer_dir : tokenizer_dir.parent_path()));
  const std::string& text = maker->template_->text();
  maker->template_hash_ = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  const auto special = [&](const char* content, TokenId* id) -> Status {
    const std::optional<TokenId> found = maker->tokenizer_->id_of(content);
    if (!found || !maker->tokenizer_->is_added(*found)) {
      return error("{}: the tokenizer has no added token {}; `jaju tokenizer train` makes one that does",
                   file.string(), content);
    }
    *id = *found;
    return {};
  };
  JAJU_RETURN_IF_ERROR(special("<|endoftext|>", &maker->end_of_text_));
  JAJU_RETURN_IF_ERROR(special("<|im_end|>", &maker->im_end_));
  JAJU_RETURN_IF_ERROR(special("</think>", &maker->think_end_));
  return maker;
}

void DocumentMaker::add(std::string_view text, uint32_t loss, std::vector<uint32_t>* tokens) const {
  for (const TokenId id : tokenizer_->encode(text, SpecialText::as_text)) {
    tokens->push_back(static_cast<uint32_t>(id) | loss);
  }
}

Result<std::vector<TokenId>> DocumentMaker::prompt(const std::vector<Message>& messages, bool thinking,
                                                   bool generation_prompt, const std::string& place,
                                                   const nlohmann::ordered_json& tools) const {
  PromptOptions options;
  options.tools = tools;
  options.thinking = thinking;
  options.add_generation_prompt = generation_prompt;
  const Result<std::vector<PromptPiece>> pieces = template_->render(messages, options);
  if (!pieces.ok()) return error("{}: {}", place, pieces.message());
  return encode_prompt(*tokenizer_, *pieces);
}

Status DocumentMaker::make_chat(const Problem& problem, bool thinking, const std::string& place,
                                Document* document) const {
  if (thinking && problem.thinking.empty()) {
    document->no_thinking = true;
    return {};
  }
  Message user;
  user.role = "user";
  user.content = problem.question;
  JAJU_ASSIGN(const std::vector<TokenId> ids, prompt({user}, thinking, true, place));
  for (const TokenId id : ids) document->tokens.push_back(static_cast<uint32_t>(id));
  if (thinking) {
    add(problem.thinking, kLossBit, &document->tokens);
    document->tokens.push_back(static_cast<uint32_t>(think_end_) | kLossBit);
  }
  add(problem.answer, kLossBit, &document->tokens);
  document->tokens.push_back(static_cast<uint32_t>(im_end_) | kLossBit);
  return {};
}

// Each assistant turn is what the template adds to the prompt that asks for it, up to <|im_end|>. As long as
// the next prompt repeats all of that, the turns share one document, as they would share a prefix cache.
Status DocumentMaker::make_messages(const std::string& record, const std::string& place,
                                    std::vector<Document>* documents) const {
  JAJU_ASSIGN(const Json object, parse_ordered_json(record, place));
  const auto list = object.is_object() ? object.find("messages") : object.end();
  if (!object.is_object() || list == object.end() || !list->is_array()) {
    return error("{}: expected an object with a list 'messages'", place);
  }
  const Json tools = object.value("tools", Json());
  if (!tools.is_null() && !tools.is_array()) return error("{}: 'tools' must be a list", place);
  std::vector<Message> messages;
  std::vector<uint32_t> tokens;
  const auto repeats = [&](const std::vector<TokenId>& ids) {
    if (ids.size() < tokens.size()) return false;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (static_cast<uint32_t>(ids[i]) != (tokens[i] & ~kLossBit)) return false;
    }
    return true;
  };
  bool any = false;
  for (const Json& entry : *list) {
    JAJU_ASSIGN(Message message, message_from_json(entry, place));
    if (message.role != "assistant") {
      messages.push_back(std::move(message));
      continue;
    }
    any = true;
    JAJU_ASSIGN(const std::vector<TokenId> asked,
                prompt(messages, !message.reasoning.empty(), true, place, tools));
    messages.push_back(std::move(message));
    JAJU_ASSIGN(const std::vector<TokenId> answered, prompt(messages, false, false, place, tools));
    size_t end = answered.size();
    while (end > asked.size() && answered[end - 1] != im_end_) --end;
    if (end <= asked.size() || !std::equal(asked.begin(), asked.end(), answered.begin())) {
      return error(
          "{}: the chat template does not repeat its prompt before the assistant's turn; problems can be "
          "prepared as think or direct",
          place);
    }
    if (!tokens.empty() && !repeats(asked)) {
      documents->push_back({std::move(tokens), false});
      tokens.clear();
    }
    for (size_t i = tokens.size(); i < asked.size(); ++i) tokens.push_back(static_cast<uint32_t>(asked[i]));
    for (size_t i = asked.size(); i < end; ++i)
      tokens.push_back(static_cast<uint32_t>(answered[i]) | kLossBit);
  }
  if (!any) return error("{}: no message is by the assistant, so there is nothing to learn", place);
  documents->push_back({std::move(tokens), false});
  return {};
}

Status DocumentMaker::make(DocumentFormat format, bool json, const std::string& record,
                           const std::string& place, std::vector<Document>* documents) const {
  const uint32_t end = static_cast<uint32_t>(end_of_text_) | kLossBit;
  if (format == DocumentFormat::messages) return make_messages(record, place, documents);
  if (format == DocumentFormat::text) {
    Document document;
    if (json) {
      JAJU_ASSIGN(const nlohmann::json object, parse_json(record, place));
      const auto text = object.is_object() ? object.find("text") : object.end();
      if (!object.is_object() || text == object.end() || !text->is_string()) {
        return error(
            "{}: expected an object with a string 'text'; problems are prepared as book, think, direct or "
            "both",
            place);
      }
      add(text->get_ref<const std::string&>(), kLossBit, &document.tokens);
    } else {
      add(record, kLossBit, &document.tokens);
    }
    document.tokens.push_back(end);
    documents->push_back(std::move(document));
    return {};
  }
  JAJU_ASSIGN(const Problem problem, problem_from_json(record, place));
  if (format == DocumentFormat::book) {
    Document document;
    std::string page = problem.question + '\n';
    if (!problem.thinking.empty()) page += problem.thinking + '\n';
    add(page + problem.answer, kLossBit, &document.tokens);
    document.tokens.push_back(end);
    documents->push_back(std::move(document));
    return {};
  }
  for (const bool thinking : {true, false}) {
    if (format == (thinking ? DocumentFormat::direct : DocumentFormat::think)) continue;
    Document document;
    JAJU_RETURN_IF_ERROR(make_chat(problem, thinking, place, &document));
    documents->push_back(std::move(document));
  }
  return {};
}

}  // namespace jaju::data
