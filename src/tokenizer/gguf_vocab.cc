#include "tokenizer/gguf_vocab.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/utf8.h"
#include "tokenizer/tokenizer_writer.h"

namespace jaju {
namespace {

using nlohmann::ordered_json;

PreTokenizerSpec split(const char* pattern) {
  PreTokenizerSpec spec;
  spec.kind = PreTokenizerSpec::Kind::split;
  spec.pattern = {true, pattern};
  return spec;
}

PreTokenizerSpec byte_level(bool use_regex) {
  PreTokenizerSpec spec;
  spec.kind = PreTokenizerSpec::Kind::byte_level;
  spec.add_prefix_space = false;
  spec.use_regex = use_regex;
  return spec;
}

// What a name stands for: the pre-tokenizer of the model it is called after, as its tokenizer.json has it.
struct KnownPre {
  const char* name;
  std::vector<PreTokenizerSpec> steps;
  bool ignore_merges = false;
  bool nfc = false;
};

const std::vector<KnownPre>& known_pres() {
  static const std::vector<KnownPre> known = [] {
    std::vector<KnownPre> list;
    // A.X K1 and K2 share one; llama.cpp named it after K2.
    list.push_back({"axk2", axk1_pre_tokenizer(), false, false});
    list.push_back({"axk1", axk1_pre_tokenizer(), false, false});
    list.push_back({"deepseek-v3",
                    {split(R"(\p{N}{1,3})"), split("[一-龥぀-ゟ゠-ヿ]+"),
                     split("[!\"#$%&'()*+,\\-./"
                           ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                           "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
                     byte_level(false)},
                    false,
                    false});
    list.push_back({"gpt-2", {byte_level(true)}, false, false});
    list.push_back(
        {"llama-bpe",
         {split(
              R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
              R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"),
          byte_level(false)},
         true,
         false});
    list.push_back(
        {"qwen2",
         {split(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
                R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"),
          byte_level(false)},
         false,
         true});
    return list;
  }();
  return known;
}

bool same(const PreTokenizerSpec& a, const PreTokenizerSpec& b) {
  using Kind = PreTokenizerSpec::Kind;
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::byte_level)
    return a.add_prefix_space == b.add_prefix_space && a.use_regex == b.use_regex;
  return a.pattern.is_regex == b.pattern.is_regex && a.pattern.text == b.pattern.text &&
         a.behavior == b.behavior && a.invert == b.invert && a.individual_digits == b.individual_digits;
}

bool is_nfc(const std::vector<NormalizerSpec>& steps) {
  return steps.size() == 1 && steps[0].kind == NormalizerSpec::Kind::nfc;
}

const char* name_of_pre(const TokenizerSpec& spec) {
  for (const KnownPre& known : known_pres()) {
    const bool same_steps = std::equal(spec.pre_tokenizers.begin(), spec.pre_tokenizers.end(),
                                       known.steps.begin(), known.steps.end(), same);
    const bool same_normalizer = known.nfc ? is_nfc(spec.normalizers) : spec.normalizers.empty();
    if (same_steps && same_normalizer && spec.model.ignore_merges == known.ignore_merges) return known.name;
  }
  return "default";
}

ordered_json step_json(const PreTokenizerSpec& step) {
  if (step.kind == PreTokenizerSpec::Kind::byte_level) {
    return {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", step.use_regex}};
  }
  return {{"type", "Split"},
          {"pattern", {{"Regex", step.pattern.text}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

// What `vocab` says, checked: types as many as tokens, text valid, kinds known.
Status check(const GgufVocab& vocab, const std::string& what) {
  if (vocab.tokens.empty()) return error("{}: 'tokenizer.ggml.tokens' is missing or empty", what);
  if (!vocab.types.empty() && vocab.types.size() != vocab.tokens.size()) {
    return error("{}: 'tokenizer.ggml.token_type' has {} entries for {} tokens", what, vocab.types.size(),
                 vocab.tokens.size());
  }
  for (size_t i = 0; i < vocab.tokens.size(); ++i) {
    if (!utf8_valid(vocab.tokens[i])) return error("{}: token {} is not valid UTF-8", what, i);
    if (vocab.types.empty()) continue;
    const int32_t type = vocab.types[i];
    if (type < static_cast<int32_t>(GgufTokenType::normal) ||
        type > static_cast<int32_t>(GgufTokenType::byte)) {
      return error("{}: token {} has the unknown type {}", what, i, type);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> known_gguf_pre_tokenizers() {
  std::vector<std::string> names;
  for (const KnownPre& known : known_pres()) names.emplace_back(known.name);
  return names;
}

Result<std::string> tokenizer_json_from_gguf(const GgufVocab& vocab, const std::string& what) {
  const auto known = std::find_if(known_pres().begin(), known_pres().end(),
                                  [&](const KnownPre& k) { return vocab.pre == k.name; });
  if (known == known_pres().end()) {
    return error(
        "{}: the pre-tokenizer '{}' is not one jaju knows: give the model's own tokenizer.json with "
        "--tokenizer",
        what, printable(vocab.pre.substr(0, 60)));
  }
  JAJU_RETURN_IF_ERROR(check(vocab, what));
  const auto type_of = [&](size_t id) {
    return vocab.types.empty() ? GgufTokenType::normal : static_cast<GgufTokenType>(vocab.types[id]);
  };
  const auto is_added = [&](size_t id) {
    const GgufTokenType type = type_of(id);
    return type == GgufTokenType::control || type == GgufTokenType::user_defined ||
           type == GgufTokenType::unknown;
  };
  size_t normal_end = 0;
  size_t added_begin = vocab.tokens.size();
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    if (type_of(id) == GgufTokenType::unused) continue;
    if (!is_added(id)) normal_end = id + 1;
    if (is_added(id)) added_begin = std::min(added_begin, id);
  }
  // Readers number added tokens behind the vocabulary; where they lie elsewhere, the vocabulary names them
  // too.
  const bool added_in_vocab = added_begin < normal_end;

  ordered_json added = ordered_json::array();
  std::string entries;
  std::unordered_set<std::string_view> spelt;
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string& token = vocab.tokens[id];
    if (type_of(id) == GgufTokenType::unused) continue;
    if (is_added(id)) {
      added.push_back({{"id", id},
                       {"content", token},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", type_of(id) == GgufTokenType::control}});
      if (!added_in_vocab) continue;
    }
    if (!spelt.insert(token).second)
      return error("{}: token '{}' is in the vocabulary twice", what, printable(token));
    entries += fmt::format("{}{}: {}", entries.empty() ? "\n" : ",\n", ordered_json(token).dump(), id);
  }
  std::string merges;
  for (const std::string& merge : vocab.merges) {
    const size_t space = merge.find(' ', 1);
    const bool two =
        utf8_valid(merge) && space != std::string::npos && merge.find(' ', space + 1) == std::string::npos;
    if (!two) return error("{}: the merge '{}' is not two tokens", what, printable(merge));
    merges +=
        fmt::format("{}[{}, {}]", merges.empty() ? "\n" : ",\n", ordered_json(merge.substr(0, space)).dump(),
                    ordered_json(merge.substr(space + 1)).dump());
  }

  ordered_json steps = ordered_json::array();
  for (const PreTokenizerSpec& step : known->steps) steps.push_back(step_json(step));
  // By hand, because an ordered object of many keys takes quadratic time.
  std::string out =
      "{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n\"added_tokens\": [";
  for (size_t i = 0; i < added.size(); ++i) out += (i > 0 ? ",\n" : "\n") + added[i].dump();
  out += fmt::format("\n],\n\"normalizer\": {},\n\"pre_tokenizer\": ",
                     known->nfc ? "{\"type\": \"NFC\"}" : "null");
  out += ordered_json({{"type", "Sequence"}, {"pretokenizers", steps}}).dump(1);
  out += ",\n\"post_processor\": null,\n\"decoder\": ";
  out += "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}";
  out += fmt::format(
      ",\n\"model\": {{\n\"type\": \"BPE\",\n\"dropout\": null,\n\"unk_token\": null,\n"
      "\"continuing_subword_prefix\": null,\n\"end_of_word_suffix\": null,\n\"fuse_unk\": false,\n"
      "\"byte_fallback\": false,\n\"ignore_merges\": {},\n\"vocab\": {{",
      known->ignore_merges);
  out += entries + "\n},\n\"merges\": [" + merges + "\n]\n}\n}\n";
  // Read back as any tokenizer.json is: what parses here opens there, and merges of unknown tokens end here.
  const Result<TokenizerSpec> spec = parse_tokenizer_json(out, what + ", as a tokenizer.json");
  if (!spec.ok()) return spec.status();
  return out;
}

Result<GgufVocab> gguf_from_tokenizer(const TokenizerSpec& spec, int64_t size, const std::string& what) {
  const bool bytes =
      !spec.pre_tokenizers.empty() && spec.pre_tokenizers.back().kind == PreTokenizerSpec::Kind::byte_level;
  if (!bytes || !spec.model.continuing_subword_prefix.empty() || !spec.model.end_of_word_suffix.empty()) {
    return error("{} is no byte-level BPE, which is the only kind jaju writes to GGUF", what);
  }
  GgufVocab out;
  out.pre = name_of_pre(spec);
  const auto n = static_cast<size_t>(size);
  out.tokens.resize(n);
  out.types.assign(n, static_cast<int32_t>(GgufTokenType::unused));
  const auto put = [&](TokenId id, const std::string& content, GgufTokenType type) -> Status {
    if (id < 0 || id >= size) {
      return error("{} has token {}, but the model's vocabulary ends at {}: they do not belong together",
                   what, id, size);
    }
    out.tokens[static_cast<size_t>(id)] = content;
    out.types[static_cast<size_t>(id)] = static_cast<int32_t>(type);
    return {};
  };
  std::unordered_map<TokenId, const std::string*> spelling;
  for (const VocabEntry& entry : spec.model.vocab) {
    JAJU_RETURN_IF_ERROR(put(entry.id, entry.content, GgufTokenType::normal));
    spelling.emplace(entry.id, &entry.content);
  }
  for (const AddedTokenSpec& token : spec.added_tokens) {
    JAJU_RETURN_IF_ERROR(
        put(token.id, token.content, token.special ? GgufTokenType::control : GgufTokenType::user_defined));
  }
  for (size_t id = 0; id < n; ++id) {
    if (out.types[id] == static_cast<int32_t>(GgufTokenType::unused))
      out.tokens[id] = fmt::format("[PAD{}]", id);
  }
  for (const MergeSpec& merge : spec.model.merges) {
    out.merges.push_back(*spelling.at(merge.left) + " " + *spelling.at(merge.right));
  }
  return out;
}

}  // namespace jaju
