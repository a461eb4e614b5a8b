#include "cli/gguf_tokenizer.h"

#include <algorithm>
#include <system_error>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "chat/chat.h"
#include "tokenizer/gguf_vocab.h"
#include "tokenizer/tokenizer.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kMaxTokenizerBytes = 256 << 20;
constexpr int64_t kMaxSmallBytes = 1 << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A string of the metadata, or nothing. Errors: another type, or not UTF-8.
Result<std::optional<std::string>> text_of(const Gguf& file, const char* key) {
  const GgufValue* value = file.find(key);
  if (value == nullptr) return std::optional<std::string>();
  const auto text = value->text();
  if (!text || !utf8_valid(*text)) return error("{}: '{}' must be a string of UTF-8", file.file_name(0), key);
  return std::optional<std::string>(*text);
}

Result<std::vector<std::string>> strings_of(const Gguf& file, const char* key) {
  std::vector<std::string> strings;
  const GgufValue* value = file.find(key);
  if (value == nullptr) return strings;
  if (!value->is_array() || (value->size() > 0 && value->element_type() != GgufValueType::string)) {
    return error("{}: '{}' must be an array of strings", file.file_name(0), key);
  }
  strings.reserve(static_cast<size_t>(value->size()));
  for (int64_t i = 0; i < value->size(); ++i) strings.emplace_back(*value->at(i).text());
  return strings;
}

Result<GgufVocab> vocab_of(const Gguf& file) {
  const std::string& what = file.file_name(0);
  GgufVocab vocab;
  JAJU_ASSIGN(const auto pre, text_of(file, "tokenizer.ggml.pre"));
  vocab.pre = pre.value_or("default");
  JAJU_ASSIGN(vocab.tokens, strings_of(file, "tokenizer.ggml.tokens"));
  JAJU_ASSIGN(vocab.merges, strings_of(file, "tokenizer.ggml.merges"));
  if (const GgufValue* types = file.find("tokenizer.ggml.token_type")) {
    for (int64_t i = 0; i < types->size(); ++i) {
      const auto type = types->at(i).integer();
      if (!type || *type < 0 || *type > 255) {
        return error("{}: 'tokenizer.ggml.token_type' must be an array of small integers", what);
      }
      vocab.types.push_back(static_cast<int32_t>(*type));
    }
    if (!types->is_array()) return error("{}: 'tokenizer.ggml.token_type' must be an array", what);
  }
  return vocab;
}

Result<std::string> tokenizer_json(const Gguf& file, const fs::path& own) {
  if (!own.empty()) {
    std::error_code ignored;
    return read_file(fs::is_directory(own, ignored) ? own / "tokenizer.json" : own, kMaxTokenizerBytes);
  }
  JAJU_ASSIGN(const auto carried, text_of(file, "tokenizer.huggingface.json"));
  if (carried) return *carried;
  JAJU_ASSIGN(const auto model, text_of(file, "tokenizer.ggml.model"));
  if (!model) return std::string();
  if (*model != "gpt2") {
    return error(
        "{}: the tokenizer is of the kind '{}', jaju imports byte-level BPE ('gpt2'): give the model's own "
        "tokenizer.json "
        "with --tokenizer",
        file.file_name(0), printable(model->substr(0, 60)));
  }
  JAJU_ASSIGN(const GgufVocab vocab, vocab_of(file));
  return tokenizer_json_from_gguf(vocab, file.file_name(0));
}

// The ids under `key` of tokenizer.ggml.*, in order, below the vocabulary.
std::vector<int64_t> ids_of(const Gguf& file, std::initializer_list<const char*> keys, int64_t vocab_size) {
  std::vector<int64_t> ids;
  for (const char* key : keys) {
    const GgufValue* value = file.find(std::string("tokenizer.ggml.") + key);
    const auto id = value != nullptr ? value->integer() : std::nullopt;
    if (id && *id >= 0 && *id < vocab_size && std::find(ids.begin(), ids.end(), *id) == ids.end())
      ids.push_back(*id);
  }
  return ids;
}

std::string config_json(const Gguf& file, const Tokenizer& tokenizer, int64_t vocab_size) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  for (const auto& [key, id_key] :
       {std::pair{"bos_token", "bos_token_id"}, std::pair{"eos_token", "eos_token_id"},
        std::pair{"pad_token", "padding_token_id"}}) {
    const std::vector<int64_t> ids = ids_of(file, {id_key}, vocab_size);
    if (!ids.empty()) config[key] = std::string(tokenizer.bytes_of(static_cast<TokenId>(ids[0])));
  }
  const GgufValue* add_bos = file.find("tokenizer.ggml.add_bos_token");
  config["add_bos_token"] = add_bos != nullptr && add_bos->boolean().value_or(false);
  config["clean_up_tokenization_spaces"] = false;
  return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Ids a JSON field holds: one, or a list.
std::vector<int64_t> ids_in(const nlohmann::json& object, const char* key, int64_t vocab_size) {
  std::vector<int64_t> ids;
  const auto found = object.find(key);
  if (found == object.end()) return ids;
  for (const auto& id : found->is_array() ? *found : nlohmann::json::array({*found})) {
    if (id.is_number_integer() && id.get<int64_t>() >= 0 && id.get<int64_t>() < vocab_size)
      ids.push_back(id.get<int64_t>());
  }
  return ids;
}

// tokenizer_config.json's eos_token: a string, or an object with its content. Empty when there is none.
Result<std::string> named_end(const fs::path& dir) {
  if (!is_there(dir / "tokenizer_config.json")) return std::string();
  JAJU_ASSIGN(const nlohmann::json object, read_json(dir / "tokenizer_config.json", 32 << 20));
  if (!object.is_object() || !object.contains("eos_token")) return std::string();
  const nlohmann::json& token = object["eos_token"];
  if (token.is_object() && token.contains("content") && token["content"].is_string()) {
    return token["content"].get<std::string>();
  }
  return token.is_string() ? token.get<std::string>() : std::string();
}

}  // namespace

Result<std::map<std::string, std::string>> tokenizer_files_from_gguf(const Gguf& file, int64_t vocab_size,
                                                                     const fs::path& own_tokenizer,
                                                                     std::vector<std::string>& notes) {
  const std::string& what = file.file_name(0);
  std::map<std::string, std::string> files;
  JAJU_ASSIGN(std::string json, tokenizer_json(file, own_tokenizer));
  if (json.empty()) {
    notes.emplace_back(
        "the file holds no tokenizer: put the model's tokenizer.json beside the imported weights");
  } else {
    const std::string source = own_tokenizer.empty() ? what + ", its tokenizer" : own_tokenizer.string();
    JAJU_ASSIGN(const auto tokenizer, Tokenizer::parse(json, source));
    if (tokenizer->vocab_size() > vocab_size) {
      return error("{} has {} tokens, the model {}: they do not belong together", source,
                   tokenizer->vocab_size(), vocab_size);
    }
    files["tokenizer_config.json"] = config_json(file, *tokenizer, vocab_size);
    files["tokenizer.json"] = std::move(json);
  }
  JAJU_ASSIGN(const auto chat, text_of(file, "tokenizer.chat_template"));
  if (chat) {
    files["chat_template.jinja"] = *chat;
    const auto parsed = ChatTemplate::parse(*chat, "the chat template");
    if (!parsed.ok()) notes.push_back("the chat template cannot be used as it is: " + parsed.message());
  }
  JAJU_ASSIGN(const auto generation, text_of(file, "jaju.generation_config"));
  if (generation) {
    JAJU_ASSIGN(const nlohmann::json object, parse_json(*generation, what + ": 'jaju.generation_config'"));
    if (!object.is_object()) return error("{}: 'jaju.generation_config' must be a JSON object", what);
    files["generation_config.json"] = *generation;
  }
  return files;
}

Status tokenizer_to_gguf(const fs::path& dir, const ModelConfig& config, GgufMetadata& out,
                         std::vector<std::string>& notes) {
  nlohmann::json generation = nlohmann::json::object();
  std::string generation_text;
  if (is_there(dir / "generation_config.json")) {
    JAJU_ASSIGN(generation_text, read_file(dir / "generation_config.json", kMaxSmallBytes));
    JAJU_ASSIGN(generation, parse_json(generation_text, (dir / "generation_config.json").string()));
  }
  if (!is_there(dir / "tokenizer.json")) {
    notes.push_back(dir.string() + " has no tokenizer.json: the file will hold the weights only");
  } else {
    const std::string what = (dir / "tokenizer.json").string();
    JAJU_ASSIGN(const std::string json, read_file(dir / "tokenizer.json", kMaxTokenizerBytes));
    JAJU_ASSIGN(const TokenizerSpec spec, parse_tokenizer_json(json, what));
    JAJU_ASSIGN(const GgufVocab vocab, gguf_from_tokenizer(spec, config.vocab_size, what));
    out.text("tokenizer.ggml.model", "gpt2");
    out.text("tokenizer.ggml.pre", vocab.pre);
    out.texts("tokenizer.ggml.tokens", vocab.tokens);
    out.integers("tokenizer.ggml.token_type", vocab.types);
    out.texts("tokenizer.ggml.merges", vocab.merges);
    if (vocab.pre == "default") {
      notes.push_back(
          what +
          " cuts text in a way GGUF has no name for: jaju reads it back exactly, other programs may not");
    }
    // config.json's word first, then generation_config.json's.
    const auto first = [&](int64_t id, const char* key) {
      const std::vector<int64_t> ids = ids_in(generation, key, config.vocab_size);
      return id >= 0 ? id : ids.empty() ? -1 : ids[0];
    };
    if (const int64_t id = first(config.bos_token_id, "bos_token_id"); id >= 0)
      out.u32("tokenizer.ggml.bos_token_id", id);
    if (const int64_t id = first(config.pad_token_id, "pad_token_id"); id >= 0)
      out.u32("tokenizer.ggml.padding_token_id", id);
    std::vector<int64_t> ends = config.eos_token_ids;
    for (const int64_t id : ids_in(generation, "eos_token_id", config.vocab_size)) {
      if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
    }
    // Of several, the one the tokenizer calls its end comes first.
    JAJU_ASSIGN(const std::string end, named_end(dir));
    std::stable_partition(ends.begin(), ends.end(),
                          [&](int64_t id) { return vocab.tokens[static_cast<size_t>(id)] == end; });
    const char* const end_keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                    "tokenizer.ggml.eom_token_id"};
    for (size_t i = 0; i < ends.size() && i < std::size(end_keys); ++i) out.u32(end_keys[i], ends[i]);
    out.boolean("tokenizer.ggml.add_bos_token", false);
    out.boolean("tokenizer.ggml.add_space_prefix", false);
    out.text("tokenizer.huggingface.json", json);
  }
  JAJU_ASSIGN(const auto chat, ChatTemplate::load(dir));
  if (chat->source() != "built-in") out.text("tokenizer.chat_template", chat->text());
  if (!generation_text.empty()) out.text("jaju.generation_config", generation_text);
  return {};
}

}  // namespace jaju::cli
