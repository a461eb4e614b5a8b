// Pre-tokenizers: cut a text into the pieces that BPE never merges across.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/spec.h"

namespace jaju {

struct Span {
  size_t begin, end;
};

// The pieces of one text. Scratch: reused between calls.
struct Pieces {
  std::string text;  // used only when a step rewrites the text (view() knows)
  std::string_view view;
  std::vector<Span> spans;  // never empty ones
  std::vector<Span> next;
  struct Part {
    Span span;
    bool match;
  };
  std::vector<Part> parts;
};

class PreTokenizer {
 public:
  static Result<PreTokenizer> create(std::vector<PreTokenizerSpec> specs, const std::string& what);

  // True when the last step turns pieces into byte-level characters. That mapping is then left out: pieces
  // come as raw bytes and the model reads them so.
  bool raw_bytes() const { return raw_bytes_; }

  // Pieces of `text` (valid UTF-8, which must outlive the use of `pieces`).
  void split(std::string_view text, Pieces& pieces, RegexWorkspace& workspace) const;

 private:
  struct Step {
    PreTokenizerSpec spec;
    std::vector<Regex> regex;
    bool map_bytes = false;
  };
  void split_step(const Step& step, Pieces& pieces, RegexWorkspace& workspace) const;

  std::vector<Step> steps_;
  bool raw_bytes_ = false;
};

}  // namespace jaju
