// Tokenizer: byte-level BPE driven by a Hugging Face tokenizer.json. Text in, ids out, and back.
//
// What the file says is what happens: normalizer, pre-tokenizers, model, added tokens with their flags,
// decoder. A part of a kind we do not know is an error that names it, never a silent skip. Only what is not
// about turning text into ids is left alone: `truncation`, `padding` and the post-processor. Immutable after
// load; encode and decode may be called from many threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju {

using TokenId = int32_t;

// How text that spells an added or special token is read.
enum class SpecialText {
  parse,   // "<|im_end|>" in the text becomes its id (Hugging Face's behaviour; templates)
  as_text  // it is split into ordinary tokens: text from users can never become a special (or any added)
           // token. Where the model's own vocabulary contains an added token, that entry counts as absent.
};

class Tokenizer {
 public:
  // `path` is tokenizer.json or the directory that holds it (at most 256 MB).
  static Result<std::unique_ptr<Tokenizer>> load(const std::filesystem::path& path);
  static Result<std::unique_ptr<Tokenizer>> parse(std::string_view json, const std::string& what);
  ~Tokenizer();

  // Ids of `text`, adding nothing (no BOS/EOS). Invalid UTF-8 is replaced by U+FFFD first. Linear time for patterns
  // without runaway backtracking; one that meets the regex engine's match limit leaves the rest of the text as one
  // piece, the same way every time.
  std::vector<TokenId> encode(std::string_view text, SpecialText special = SpecialText::parse) const;

  // The added tokens encode(parse) would read in `text` (valid UTF-8), from left to right, white space they
  // swallow (lstrip, rstrip) included. Where a normalizer rewrites text, tokens with the `normalized` flag
  // are not looked for.
  struct AddedSpan {
    size_t begin = 0;
    size_t end = 0;
    TokenId id = -1;
  };
  std::vector<AddedSpan> find_added(std::string_view text) const;

  // Bytes of one token: its raw bytes for a BPE token, its content for an added token. Empty for an unknown
  // id.
  std::string_view bytes_of(TokenId id) const;
  // Text of ids, as Hugging Face decode(ids, skip_special_tokens = skip_special): unknown ids are left out,
  // bytes joined, invalid UTF-8 replaced by U+FFFD. (A file without a decoder: tokens joined by a space.)
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  // Largest id + 1.
  int64_t vocab_size() const;
  // Id of a token by its exact content: an added token, or a vocabulary entry.
  std::optional<TokenId> id_of(std::string_view content) const;
  // True for added tokens (special or not).
  bool is_added(TokenId id) const;
  bool is_special(TokenId id) const;

 private:
  friend class StreamDecoder;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Turns a stream of ids into text that never ends inside a character (one Hangul syllable is three bytes).
// All that push() and finish() return, joined, is decode() of all ids.
class StreamDecoder {
 public:
  // `tokenizer` must outlive this.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false);
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;

  // The text that became complete with this token; may be empty.
  std::string push(TokenId id);
  // What is left at the end, unfinished bytes as U+FFFD. Afterwards a new text may begin.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jaju
