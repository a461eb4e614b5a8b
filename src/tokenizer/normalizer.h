// Normalizers: text to text, before added tokens with `normalized` and before pre-tokenizing.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/spec.h"

namespace jaju {

class Normalizer {
 public:
  static Result<Normalizer> create(std::vector<NormalizerSpec> specs, const std::string& what);

  bool empty() const { return steps_.empty(); }
  // `text` is valid UTF-8, and so is what is left in it. Linear but for a sort of each run of combining
  // marks.
  void apply(std::string& text, RegexWorkspace& workspace) const;

 private:
  struct Step {
    NormalizerSpec spec;
    std::vector<Regex> regex;  // one for a regex replace
  };
  std::vector<Step> steps_;
};

// `text` with every match of a pattern (literal or regex) replaced by `content` as it stands.
std::string replace_all(const std::string& text, std::string_view literal, std::string_view content);
std::string replace_all(const std::string& text, const Regex& regex, std::string_view content,
                        RegexWorkspace& workspace);

}  // namespace jaju
