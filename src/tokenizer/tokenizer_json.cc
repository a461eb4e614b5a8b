// Reads tokenizer.json (see spec.h). The file is outside data: every field is checked for kind and range, and
// nothing is allocated by a number it states, only by how much it really holds.
#include <simdjson.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/utf8.h"
#include "tokenizer/spec.h"

namespace jaju {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kMaxJsonDepthHere = 64;
constexpr int kMaxNesting = 8;              // of Sequence parts
constexpr size_t kMaxParts = 256;           // steps in one list
constexpr size_t kMaxAddedBytes = 4 << 20;  // contents of all added tokens together
constexpr size_t kMaxVocab = 16'000'000;

// Largest id a file of n tokens may use: tables are as long as the largest id.
int64_t max_token_id(size_t n) {
  return static_cast<int64_t>(n) * 4 + 100'000;
}

// An object of the file and where it stands, for messages.
class Node {
 public:
  Node(object value, std::string where) : object_(value), where_(std::move(where)) {}
  const std::string& where() const { return where_; }

  // The member, or nothing when absent or null.
  std::optional<element> member(std::string_view name) const {
    element e;
    if (object_.at_key(name).get(e) != simdjson::SUCCESS || e.is_null()) return std::nullopt;
    return e;
  }

  Result<std::string> string(std::string_view name) const {
    const auto e = member(name);
    std::string_view text;
    if (!e || e->get(text) != simdjson::SUCCESS)
      return error("{}: field '{}' must be a string", where_, name);
    return std::string(text);
  }
  Result<std::string> string_or(std::string_view name, std::string fallback) const {
    if (!member(name)) return fallback;
    return string(name);
  }
  Result<bool> boolean(std::string_view name) const {
    const auto e = member(name);
    bool value = false;
    if (!e || e->get(value) != simdjson::SUCCESS)
      return error("{}: field '{}' must be true or false", where_, name);
    return value;
  }
  Result<bool> boolean_or(std::string_view name, bool fallback) const {
    if (!member(name)) return fallback;
    return boolean(name);
  }
  Result<int64_t> count(std::string_view name) const {
    const auto e = member(name);
    int64_t value = -1;
    if (!e || e->get(value) != simdjson::SUCCESS || value < 0) {
      return error("{}: field '{}' must be a whole number, 0 or more", where_, name);
    }
    return value;
  }
  Result<array> list(std::string_view name) const {
    const auto e = member(name);
    array value;
    if (!e || e->get(value) != simdjson::SUCCESS)
      return error("{}: field '{}' must be an array", where_, name);
    return value;
  }
  Result<Node> node(std::string_view name) const {
    const auto e = member(name);
    object value;
    const std::string at = fmt::format("{}: {}", where_, name);
    if (!e || e->get(value) != simdjson::SUCCESS) return error("{} must be an object", at);
    return Node(value, at);
  }

 private:
  object object_;
  std::string where_;
};

Result<PatternSpec> read_pattern(const Node& node) {
  PatternSpec spec;
  JAJU_ASSIGN(const Node pattern, node.node("pattern"));
  if (pattern.member("Regex")) {
    spec.is_regex = true;
    JAJU_ASSIGN(spec.text, pattern.string("Regex"));
  } else if (pattern.member("String")) {
    JAJU_ASSIGN(spec.text, pattern.string("String"));
  } else {
    return error("{}: field 'pattern' needs a 'Regex' or a 'String'", node.where());
  }
  return spec;
}

Result<SplitBehavior> read_behavior(const Node& node) {
  JAJU_ASSIGN(const std::string name, node.string("behavior"));
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  return error("{}: behavior '{}' is not one we know", node.where(), name);
}

Status read_normalizer(const Node& node, NormalizerSpec& spec, const std::string& type) {
  using Kind = NormalizerSpec::Kind;
  static const std::unordered_map<std::string_view, Kind> kKinds = {{"NFC", Kind::nfc},
                                                                    {"NFD", Kind::nfd},
                                                                    {"NFKC", Kind::nfkc},
                                                                    {"NFKD", Kind::nfkd},
                                                                    {"Lowercase", Kind::lowercase},
                                                                    {"Strip", Kind::strip},
                                                                    {"StripAccents", Kind::strip_accents},
                                                                    {"Replace", Kind::replace},
                                                                    {"Prepend", Kind::prepend},
                                                                    {"ByteLevel", Kind::byte_level}};
  const auto kind = kKinds.find(type);
  if (kind == kKinds.end())
    return error("{}: a normalizer of kind '{}' is not supported", node.where(), type);
  spec.kind = kind->second;
  if (spec.kind == Kind::strip) {
    JAJU_ASSIGN(spec.left, node.boolean("strip_left"));
    JAJU_ASSIGN(spec.right, node.boolean("strip_right"));
  } else if (spec.kind == Kind::replace) {
    JAJU_ASSIGN(spec.pattern, read_pattern(node));
    JAJU_ASSIGN(spec.content, node.string("content"));
  } else if (spec.kind == Kind::prepend) {
    JAJU_ASSIGN(spec.content, node.string("prepend"));
  }
  return {};
}

Status read_pre_tokenizer(const Node& node, PreTokenizerSpec& spec, const std::string& type) {
  using Kind = PreTokenizerSpec::Kind;
  if (type == "Split") {
    spec.kind = Kind::split;
    JAJU_ASSIGN(spec.pattern, read_pattern(node));
    JAJU_ASSIGN(spec.behavior, read_behavior(node));
    JAJU_ASSIGN(spec.invert, node.boolean_or("invert", false));
  } else if (type == "ByteLevel") {
    spec.kind = Kind::byte_level;
    JAJU_ASSIGN(spec.add_prefix_space, node.boolean("add_prefix_space"));
    JAJU_ASSIGN(spec.use_regex, node.boolean_or("use_regex", true));
  } else if (type == "Digits") {
    spec.kind = Kind::digits;
    JAJU_ASSIGN(spec.individual_digits, node.boolean("individual_digits"));
  } else if (type == "Whitespace") {
    spec.kind = Kind::whitespace;
  } else if (type == "WhitespaceSplit") {
    spec.kind = Kind::whitespace_split;
  } else if (type == "Punctuation") {
    spec.kind = Kind::punctuation;
    if (node.member("behavior")) {
      JAJU_ASSIGN(spec.behavior, read_behavior(node));
    }
  } else {
    return error("{}: a pre-tokenizer of kind '{}' is not supported", node.where(), type);
  }
  return {};
}

Status read_decoder(const Node& node, DecoderSpec& spec, const std::string& type) {
  using Kind = DecoderSpec::Kind;
  if (type == "ByteLevel") {
    spec.kind = Kind::byte_level;
  } else if (type == "ByteFallback") {
    spec.kind = Kind::byte_fallback;
  } else if (type == "Fuse") {
    spec.kind = Kind::fuse;
  } else if (type == "Strip") {
    spec.kind = Kind::strip;
    JAJU_ASSIGN(spec.content, node.string("content"));
    JAJU_ASSIGN(spec.start, node.count("start"));
    JAJU_ASSIGN(spec.stop, node.count("stop"));
    if (spec.content.empty() || utf8_length(spec.content) != static_cast<int>(spec.content.size())) {
      return error("{}: field 'content' of Strip must be one character", node.where());
    }
  } else if (type == "Replace") {
    spec.kind = Kind::replace;
    JAJU_ASSIGN(spec.pattern, read_pattern(node));
    JAJU_ASSIGN(spec.content, node.string("content"));
  } else {
    return error("{}: a decoder of kind '{}' is not supported", node.where(), type);
  }
  return {};
}

// Flattens Sequences: `members` is the name of a Sequence's list.
template <typename Spec>
Status read_parts(const Node& node, std::string_view members,
                  Status (*read)(const Node&, Spec&, const std::string&), std::vector<Spec>& out,
                  int depth = 0) {
  if (depth > kMaxNesting) return error("{}: Sequences are nested deeper than {}", node.where(), kMaxNesting);
  JAJU_ASSIGN(const std::string type, node.string("type"));
  if (type != "Sequence") {
    if (out.size() >= kMaxParts) return error("{}: more than {} steps", node.where(), kMaxParts);
    Spec spec{};
    JAJU_RETURN_IF_ERROR(read(node, spec, type));
    out.push_back(std::move(spec));
    return {};
  }
  JAJU_ASSIGN(const array list, node.list(members));
  size_t i = 0;
  for (const element e : list) {
    object value;
    const std::string where = fmt::format("{}[{}]", node.where(), i++);
    if (e.get(value) != simdjson::SUCCESS) return error("{} must be an object", where);
    JAJU_RETURN_IF_ERROR(read_parts(Node(value, where), members, read, out, depth + 1));
  }
  return {};
}

// It would only add tokens, which encode never does; but a kind nobody knows may mean more than that.
Status check_post_processor(const Node& node, int depth = 0) {
  static const std::unordered_set<std::string> kKnown = {"TemplateProcessing", "ByteLevel", "BertProcessing",
                                                         "RobertaProcessing", "Sequence"};
  JAJU_ASSIGN(const std::string type, node.string("type"));
  if (!kKnown.contains(type) || depth > kMaxNesting) {
    return error("{}: a post-processor of kind '{}' is not supported", node.where(), type);
  }
  if (type != "Sequence") return {};
  JAJU_ASSIGN(const array list, node.list("processors"));
  for (const element e : list) {
    object value;
    if (e.get(value) != simdjson::SUCCESS) return error("{}: processors must be objects", node.where());
    JAJU_RETURN_IF_ERROR(check_post_processor(Node(value, node.where()), depth + 1));
  }
  return {};
}

class ModelReader {
 public:
  ModelReader(const Node& node, ModelSpec& model) : node_(node), model_(model) {}

  Status read() {
    JAJU_ASSIGN(const std::string type, node_.string_or("type", "BPE"));
    if (type != "BPE")
      return error("{}: a model of kind '{}' is not supported, only BPE", node_.where(), type);
    if (const auto dropout = node_.member("dropout")) {
      double value = 0;
      if (dropout->get(value) != simdjson::SUCCESS || value != 0) {
        return error("{}: dropout makes encoding random and is for training only; set it to null",
                     node_.where());
      }
    }
    JAJU_ASSIGN(model_.unk_token, node_.string_or("unk_token", ""));
    JAJU_ASSIGN(model_.continuing_subword_prefix, node_.string_or("continuing_subword_prefix", ""));
    JAJU_ASSIGN(model_.end_of_word_suffix, node_.string_or("end_of_word_suffix", ""));
    JAJU_ASSIGN(model_.fuse_unk, node_.boolean_or("fuse_unk", false));
    JAJU_ASSIGN(model_.byte_fallback, node_.boolean_or("byte_fallback", false));
    JAJU_ASSIGN(model_.ignore_merges, node_.boolean_or("ignore_merges", false));
    JAJU_RETURN_IF_ERROR(read_vocab());
    if (!model_.unk_token.empty() && !ids_.contains(model_.unk_token)) {
      return error("{}: unk_token '{}' is not in the vocabulary", node_.where(), model_.unk_token);
    }
    return read_merges();
  }

  const std::unordered_map<std::string_view, TokenId>& ids() const { return ids_; }

 private:
  Status read_vocab() {
    JAJU_ASSIGN(const Node vocab, node_.node("vocab"));
    object entries;
    if (node_.member("vocab")->get(entries) != simdjson::SUCCESS)
      return error("{} must be an object", vocab.where());
    for (const auto field : entries) {
      int64_t id = -1;
      if (field.value.get(id) != simdjson::SUCCESS || id < 0) {
        return error("{}: the id of '{}' must be a whole number, 0 or more", vocab.where(), field.key);
      }
      if (model_.vocab.size() >= kMaxVocab || id >= static_cast<int64_t>(kMaxVocab) * 4) {
        return error("{}: token '{}' with id {} is beyond the largest vocabulary we read ({})", vocab.where(),
                     field.key, id, kMaxVocab);
      }
      model_.vocab.push_back({std::string(field.key), static_cast<TokenId>(id)});
    }
    const int64_t limit = max_token_id(model_.vocab.size());
    ids_.reserve(model_.vocab.size());
    std::vector<TokenId> seen;
    seen.reserve(model_.vocab.size());
    for (const auto& entry : model_.vocab) {
      if (entry.id >= limit) {
        return error("{}: id {} of '{}' is far beyond the {} tokens of the file", vocab.where(), entry.id,
                     entry.content, model_.vocab.size());
      }
      if (!ids_.emplace(entry.content, entry.id).second) {
        return error("{}: token '{}' is listed twice", vocab.where(), entry.content);
      }
      seen.push_back(entry.id);
    }
    std::sort(seen.begin(), seen.end());
    const auto twice = std::adjacent_find(seen.begin(), seen.end());
    if (twice != seen.end()) return error("{}: id {} belongs to two tokens", vocab.where(), *twice);
    return {};
  }

  Status read_merges() {
    JAJU_ASSIGN(const array merges, node_.list("merges"));
    const size_t prefix = model_.continuing_subword_prefix.size();
    std::string joined;
    for (const element e : merges) {
      const size_t n = model_.merges.size();
      if (n >= kMaxVocab) return error("{}: more than {} merges", node_.where(), kMaxVocab);
      std::string_view text;
      std::string_view left;
      std::string_view right;
      array pair;
      if (e.get(text) == simdjson::SUCCESS) {
        const size_t space = text.find(' ');
        if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
          return error("{}: merge {} ('{}') must be two tokens with one space between", node_.where(), n,
                       text);
        }
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else if (e.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
                 pair.at(0).get(left) != simdjson::SUCCESS || pair.at(1).get(right) != simdjson::SUCCESS) {
        return error("{}: merge {} must be \"a b\" or [\"a\", \"b\"]", node_.where(), n);
      }
      if (right.size() < prefix)
        return error("{}: merge {} ('{}' '{}') lacks the continuing prefix", node_.where(), n, left, right);
      joined.assign(left);
      joined += right.substr(prefix);
      MergeSpec merge{};
      for (const auto& [name, id] : {std::pair{left, &merge.left}, std::pair{right, &merge.right},
                                     std::pair{std::string_view(joined), &merge.result}}) {
        const auto found = ids_.find(name);
        if (found == ids_.end()) {
          return error("{}: merge {} ('{}' '{}') needs token '{}', which is not in the vocabulary",
                       node_.where(), n, left, right, name);
        }
        *id = found->second;
      }
      model_.merges.push_back(merge);
    }
    return {};
  }

  const Node& node_;
  ModelSpec& model_;
  std::unordered_map<std::string_view, TokenId>
      ids_;  // views into model_.vocab, complete before it is filled
};

// Ids as the library assigns them: a content of the vocabulary keeps its id there, others follow behind. A
// file that says otherwise was edited by hand, and which id its model was trained with nobody can tell.
Status read_added_tokens(const Node& root, const std::unordered_map<std::string_view, TokenId>& vocab_ids,
                         std::vector<AddedTokenSpec>& out) {
  if (!root.member("added_tokens")) return {};
  JAJU_ASSIGN(const array list, root.list("added_tokens"));
  const auto vocab_size = static_cast<int64_t>(vocab_ids.size());
  int64_t next = vocab_size;
  std::unordered_set<std::string> contents;
  size_t bytes = 0;
  size_t i = 0;
  for (const element e : list) {
    object value;
    const std::string where = fmt::format("{}: added_tokens[{}]", root.where(), i++);
    if (e.get(value) != simdjson::SUCCESS) return error("{} must be an object", where);
    const Node node(value, where);
    AddedTokenSpec token;
    JAJU_ASSIGN(const int64_t id, node.count("id"));
    JAJU_ASSIGN(token.content, node.string("content"));
    JAJU_ASSIGN(token.single_word, node.boolean_or("single_word", false));
    JAJU_ASSIGN(token.lstrip, node.boolean_or("lstrip", false));
    JAJU_ASSIGN(token.rstrip, node.boolean_or("rstrip", false));
    JAJU_ASSIGN(token.special, node.boolean_or("special", false));
    JAJU_ASSIGN(token.normalized, node.boolean_or("normalized", !token.special));
    if (token.content.empty()) return error("{}: the content is empty", where);
    if (!contents.insert(token.content).second)
      return error("{}: '{}' is listed twice", where, token.content);
    bytes += token.content.size();
    if (bytes > kMaxAddedBytes)
      return error("{}: the added tokens have more than {} bytes", where, kMaxAddedBytes);
    const auto known = vocab_ids.find(token.content);
    const int64_t expected = known != vocab_ids.end() ? known->second : next;
    if (id != expected) {
      return error("{}: '{}' has id {}, but the tokens before it make it {}: correct the file", where,
                   token.content, id, expected);
    }
    if (known == vocab_ids.end()) ++next;
    token.id = static_cast<TokenId>(id);
    out.push_back(std::move(token));
  }
  return {};
}

}  // namespace

Result<TokenizerSpec> parse_tokenizer_json(std::string_view json, const std::string& what) {
  simdjson::dom::parser parser;
  if (const auto code = parser.allocate(std::max<size_t>(json.size(), 64), kMaxJsonDepthHere)) {
    return error("{}: not enough memory to parse {} bytes ({})", what, json.size(),
                 simdjson::error_message(code));
  }
  element document;
  if (const auto code = parser.parse(json.data(), json.size(), true).get(document)) {
    return error("{}: not valid JSON: {}", what, simdjson::error_message(code));
  }
  object top;
  if (document.get(top) != simdjson::SUCCESS) return error("{}: a tokenizer must be a JSON object", what);
  const Node root(top, what);

  TokenizerSpec spec;
  if (root.member("normalizer")) {
    JAJU_ASSIGN(const Node node, root.node("normalizer"));
    JAJU_RETURN_IF_ERROR(read_parts(node, "normalizers", read_normalizer, spec.normalizers));
  }
  if (root.member("pre_tokenizer")) {
    JAJU_ASSIGN(const Node node, root.node("pre_tokenizer"));
    JAJU_RETURN_IF_ERROR(read_parts(node, "pretokenizers", read_pre_tokenizer, spec.pre_tokenizers));
  }
  if (root.member("post_processor")) {
    JAJU_ASSIGN(const Node node, root.node("post_processor"));
    JAJU_RETURN_IF_ERROR(check_post_processor(node));
  }
  if (root.member("decoder")) {
    spec.has_decoder = true;
    JAJU_ASSIGN(const Node node, root.node("decoder"));
    JAJU_RETURN_IF_ERROR(read_parts(node, "decoders", read_decoder, spec.decoders));
  }
  JAJU_ASSIGN(const Node model, root.node("model"));
  ModelReader reader(model, spec.model);
  JAJU_RETURN_IF_ERROR(reader.read());
  JAJU_RETURN_IF_ERROR(read_added_tokens(root, reader.ids(), spec.added_tokens));
  // A piece of the vocabulary and an added token never share an id unless they share their content.
  std::unordered_map<TokenId, std::string_view> by_id;
  if (!spec.added_tokens.empty()) {
    for (const auto& entry : spec.model.vocab) by_id.emplace(entry.id, entry.content);
  }
  for (const auto& token : spec.added_tokens) {
    const auto [found, fresh] = by_id.emplace(token.id, token.content);
    if (!fresh && found->second != token.content) {
      return error("{}: id {} belongs to both '{}' and '{}'", what, token.id, found->second, token.content);
    }
  }
  return spec;
}

}  // namespace jaju
