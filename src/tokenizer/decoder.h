// From tokens back to text, as the file's decoders say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/spec.h"

namespace jaju {

class Decoder {
 public:
  static Result<Decoder> create(std::vector<DecoderSpec> specs, bool has_decoder, const std::string& what);

  // True when text is simply the tokens' bytes, joined, with invalid UTF-8 replaced: the byte-level case.
  bool joins_bytes() const { return joins_bytes_; }

  // Runs the chain over the tokens' contents (valid UTF-8).
  std::string decode(std::vector<std::string> tokens) const;

  // The same, token by token: the joined results of push() and finish() are decode() of all tokens. Chains we
  // cannot take apart (a regex Replace, anything unusual behind Fuse) give everything at finish().
  struct Stream {
    std::string run;       // bytes of byte-fallback tokens in a row
    int64_t stripped = 0;  // leading characters already stripped; -1: the text has begun
    bool first = true;
    std::vector<std::string> held;
  };
  std::string push(Stream& stream, std::string token) const;
  std::string finish(Stream& stream) const;

  // What one token becomes before joining, when joins_bytes(): bytes of its characters, or its content when
  // some character is outside the byte-level alphabet.
  static std::string byte_level_bytes(std::string_view content);
  // The byte of a byte-fallback token "<0xNN>", or -1.
  static int fallback_byte(std::string_view content);

 private:
  struct Step {
    DecoderSpec spec;
    std::vector<Regex> regex;
  };
  std::string flush_run(Stream& stream) const;
  std::string strip_start(Stream& stream, std::string text) const;

  std::vector<Step> steps_;
  bool has_decoder_ = false;
  bool joins_bytes_ = false;
  // Literal Replaces, then at most ByteFallback, Fuse and a Strip of the start: what push() takes apart.
  bool streams_ = false;
  bool byte_fallback_ = false;
  size_t n_replaces_ = 0;
  int strip_step_ = -1;  // in steps_
};

}  // namespace jaju
