// The vocabulary of a GGUF file (`tokenizer.ggml.*`) <-> tokenizer.json.
//
// GGUF keeps a byte-level BPE as a list of tokens, their types and the merges, and the pre-tokenizer only by
// a name ("deepseek-v3") whose patterns every program must know. We know those below; for any other name the
// model's own tokenizer.json is needed. A file of ours carries that JSON too (`tokenizer.huggingface.json`,
// a key of the format), so what it cannot say in tokens and merges is not lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tokenizer/spec.h"

namespace jaju {

// tokenizer.ggml.token_type
enum class GgufTokenType : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct GgufVocab {
  std::string pre;                  // tokenizer.ggml.pre
  std::vector<std::string> tokens;  // by id; byte-level spelling, control and user-defined ones as they are
  std::vector<int32_t> types;       // as many
  std::vector<std::string> merges;  // "left right", best first
};

// The pre-tokenizer names tokenizer_json_from_gguf can turn into patterns.
std::vector<std::string> known_gguf_pre_tokenizers();

// tokenizer.json for a vocabulary of tokenizer.ggml.model "gpt2". `what` names the file in messages. Unused
// tokens are left out. Errors: an unknown pre-tokenizer, types that do not match the tokens, invalid UTF-8, a
// merge whose parts are no tokens.
Result<std::string> tokenizer_json_from_gguf(const GgufVocab& vocab, const std::string& what);

// The reverse. `size` is the model's vocabulary: ids without a token become unused ones, "[PAD123]". `pre` is
// "default" when the pre-tokenizer is none of the known ones. Errors: not a byte-level BPE, a token beyond
// `size`.
Result<GgufVocab> gguf_from_tokenizer(const TokenizerSpec& spec, int64_t size, const std::string& what);

}  // namespace jaju
