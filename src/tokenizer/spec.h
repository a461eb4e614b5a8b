// What a tokenizer.json says, as plain structs: filled by tokenizer_json.cc, used by the part each one names.
// "Sequence" parts are flattened, so every list runs in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/tokenizer.h"

namespace jaju {

struct PatternSpec {
  bool is_regex = false;
  std::string text;
};

struct NormalizerSpec {
  enum class Kind { nfc, nfd, nfkc, nfkd, lowercase, strip, strip_accents, replace, prepend, byte_level };
  Kind kind;
  bool left = true, right = true;  // strip
  PatternSpec pattern;             // replace
  std::string content;             // replace, prepend
};

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct PreTokenizerSpec {
  enum class Kind { split, byte_level, digits, whitespace, whitespace_split, punctuation };
  Kind kind;
  PatternSpec pattern;                               // split
  SplitBehavior behavior = SplitBehavior::isolated;  // split, punctuation
  bool invert = false;                               // split
  bool add_prefix_space = true;                      // byte_level
  bool use_regex = true;                             // byte_level
  bool individual_digits = false;                    // digits
};

struct DecoderSpec {
  enum class Kind { byte_level, byte_fallback, fuse, strip, replace };
  Kind kind;
  PatternSpec pattern;  // replace
  std::string content;  // replace, strip (one character)
  int64_t start = 0;    // strip: at most this many at the start of each piece
  int64_t stop = 0;     // strip: and at its end
};

struct AddedTokenSpec {
  TokenId id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = true, special = false;
};

struct VocabEntry {
  std::string content;  // as the file spells it: mapped characters for a byte-level model
  TokenId id = 0;
};

struct MergeSpec {
  TokenId left, right, result;
};

struct ModelSpec {
  std::vector<VocabEntry> vocab;
  std::vector<MergeSpec> merges;  // best first
  std::string unk_token;          // empty: none
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
};

struct TokenizerSpec {
  std::vector<NormalizerSpec> normalizers;
  std::vector<PreTokenizerSpec> pre_tokenizers;
  std::vector<DecoderSpec> decoders;
  bool has_decoder = false;  // without one, tokens are joined by a space
  std::vector<AddedTokenSpec> added_tokens;
  ModelSpec model;
};

// Reads a tokenizer.json. `what` names the file in messages. Everything is checked: kinds, types, ids
// (non-negative, unique, below max_token_id), merges (both parts and their result are in the vocabulary).
Result<TokenizerSpec> parse_tokenizer_json(std::string_view json, const std::string& what);

}  // namespace jaju
