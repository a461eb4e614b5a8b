#include "tokenizer/tokenizer_writer.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "tokenizer/byte_level.h"

namespace jaju {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& value, int indent = -1) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

const char* name_of(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::removed:
      return "Removed";
    case SplitBehavior::isolated:
      return "Isolated";
    case SplitBehavior::merged_with_previous:
      return "MergedWithPrevious";
    case SplitBehavior::merged_with_next:
      return "MergedWithNext";
    case SplitBehavior::contiguous:
      break;
  }
  return "Contiguous";
}

ordered_json pre_tokenizer_json(const PreTokenizerSpec& spec) {
  using Kind = PreTokenizerSpec::Kind;
  switch (spec.kind) {
    case Kind::split:
      return {{"type", "Split"},
              {"pattern", {{spec.pattern.is_regex ? "Regex" : "String", spec.pattern.text}}},
              {"behavior", name_of(spec.behavior)},
              {"invert", spec.invert}};
    case Kind::byte_level:
      return {{"type", "ByteLevel"},
              {"add_prefix_space", spec.add_prefix_space},
              {"trim_offsets", true},
              {"use_regex", spec.use_regex}};
    case Kind::digits:
      return {{"type", "Digits"}, {"individual_digits", spec.individual_digits}};
    case Kind::whitespace:
      return {{"type", "Whitespace"}};
    case Kind::whitespace_split:
      return {{"type", "WhitespaceSplit"}};
    case Kind::punctuation:
      break;
  }
  return {{"type", "Punctuation"}, {"behavior", name_of(spec.behavior)}};
}

// A string in JSON, quoted.
std::string json_string(const std::string& text) {
  return dump(ordered_json(text));
}

}  // namespace

std::vector<PreTokenizerSpec> axk1_pre_tokenizer() {
  PreTokenizerSpec han_and_kana;
  han_and_kana.kind = PreTokenizerSpec::Kind::split;
  han_and_kana.pattern = {true, "[一-龥぀-ゟ゠-ヿ]+"};
  PreTokenizerSpec words = han_and_kana;
  words.pattern.text =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
      R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
  PreTokenizerSpec bytes;
  bytes.kind = PreTokenizerSpec::Kind::byte_level;
  bytes.add_prefix_space = false;
  bytes.use_regex = false;
  return {han_and_kana, words, bytes};
}

std::vector<AddedTokenSpec> axk1_special_tokens() {
  std::vector<AddedTokenSpec> tokens;
  for (const char* content : {"<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>",
                              "<tool_call>", "</tool_call>"}) {
    AddedTokenSpec token;
    token.content = content;
    token.normalized = false;
    token.special = token.content.starts_with("<|");
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<AddedTokenSpec> reserved_tokens(int64_t n) {
  std::vector<AddedTokenSpec> tokens;
  for (int64_t i = 0; i < n; ++i) {
    AddedTokenSpec token;
    token.content = fmt::format("<|reserved_{}|>", i);
    token.normalized = false;
    token.special = true;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Result<std::string> write_tokenizer_json(const TrainedBpe& model,
                                         const std::vector<PreTokenizerSpec>& pre_tokenizers,
                                         const std::vector<AddedTokenSpec>& added_tokens) {
  if (pre_tokenizers.empty() || pre_tokenizers.back().kind != PreTokenizerSpec::Kind::byte_level) {
    return error("a byte-level vocabulary needs a pre-tokenizer that ends with ByteLevel");
  }
  std::vector<std::string> spelt;
  std::unordered_set<std::string> taken;
  for (const std::string& token : model.tokens) {
    spelt.push_back(to_byte_level(token));
    if (!taken.insert(spelt.back()).second)
      return error("token '{}' is twice in the vocabulary", spelt.back());
  }
  ordered_json added = ordered_json::array();
  auto id = static_cast<int64_t>(spelt.size());
  for (const AddedTokenSpec& token : added_tokens) {
    if (token.content.empty()) return error("a special token has no spelling");
    if (!taken.insert(token.content).second) {
      return error(
          "special token '{}' is listed twice, or is a word of the vocabulary too; spell it another way",
          token.content);
    }
    added.push_back({{"id", id++},
                     {"content", token.content},
                     {"single_word", token.single_word},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  }
  ordered_json steps = ordered_json::array();
  for (const PreTokenizerSpec& spec : pre_tokenizers) steps.push_back(pre_tokenizer_json(spec));

  // By hand, because an ordered object of many keys takes quadratic time; a line per entry, so that a diff
  // reads.
  std::string out =
      "{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n\"added_tokens\": [";
  for (size_t i = 0; i < added.size(); ++i) out += (i > 0 ? ",\n" : "\n") + dump(added[i]);
  out += "\n],\n\"normalizer\": null,\n\"pre_tokenizer\": ";
  out += dump({{"type", "Sequence"}, {"pretokenizers", steps}}, 1);
  out += ",\n\"post_processor\": null,\n\"decoder\": ";
  out += dump(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  out +=
      ",\n\"model\": {\n\"type\": \"BPE\",\n\"dropout\": null,\n\"unk_token\": null,\n"
      "\"continuing_subword_prefix\": null,\n\"end_of_word_suffix\": null,\n\"fuse_unk\": false,\n"
      "\"byte_fallback\": false,\n\"ignore_merges\": false,\n\"vocab\": {";
  for (size_t i = 0; i < spelt.size(); ++i) {
    out += fmt::format("{}{}: {}", i > 0 ? ",\n" : "\n", json_string(spelt[i]), i);
  }
  out += "\n},\n\"merges\": [";
  for (size_t i = 0; i < model.merges.size(); ++i) {
    const auto& [left, right] = model.merges[i];
    out += fmt::format("{}[{}, {}]", i > 0 ? ",\n" : "\n", json_string(spelt[static_cast<size_t>(left)]),
                       json_string(spelt[static_cast<size_t>(right)]));
  }
  out += "\n]\n}\n}\n";
  return out;
}

std::string write_tokenizer_config(const std::vector<AddedTokenSpec>& added_tokens) {
  ordered_json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  struct Role {
    const char* key;
    const char* content;
  };
  for (const auto& [key, content] :
       {Role{"bos_token", "<|endoftext|>"}, {"eos_token", "<|im_end|>"}, {"pad_token", "<|pad|>"}}) {
    for (const AddedTokenSpec& token : added_tokens) {
      if (token.content == content) config[key] = content;
    }
  }
  config["add_bos_token"] = false;
  config["clean_up_tokenization_spaces"] = false;
  return dump(config, 2) + "\n";
}

}  // namespace jaju
