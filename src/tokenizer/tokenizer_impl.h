// The parts of a loaded tokenizer; shared by tokenizer.cc and stream_decoder.cc only.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace jaju {

struct Tokenizer::Impl {
  // Everything one encode() call writes to; pooled.
  struct Context {
    RegexWorkspace regex;
    Pieces pieces;
    BpeScratch plain_scratch;
    std::unique_ptr<BpeScratch>
        strict_scratch;  // of the model without added tokens, when that is another one
    std::vector<AddedMatch> matches, normalized_matches;
    std::string normalized;
  };
  struct Token {
    std::string content;  // as the file spells it
    std::string bytes;    // what bytes_of() says
    bool exists = false, added = false, special = false;
    bool skipped = false;  // by decode(skip_special)
  };

  Impl(TokenizerSpec spec, Normalizer normalizer_, PreTokenizer pre_tokenizer_, Decoder decoder_,
       Context& context);

  std::unique_ptr<Context> acquire() const;
  void release(std::unique_ptr<Context> context) const;

  void encode(std::string_view text, bool parse, Context& context, std::vector<TokenId>& out) const;
  void encode_normalized(std::string_view text, bool parse, Context& context,
                         std::vector<TokenId>& out) const;
  void encode_plain(std::string_view text, bool parse, Context& context, std::vector<TokenId>& out) const;

  const Token* token(TokenId id) const {
    return id >= 0 && static_cast<size_t>(id) < tokens.size() && tokens[static_cast<size_t>(id)].exists
               ? &tokens[static_cast<size_t>(id)]
               : nullptr;
  }
  // What a token gives the decoder: its bytes when decoder.joins_bytes(), else its content.
  std::string_view decoded(TokenId id, const Token& token) const;

  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe model;
  std::unique_ptr<Bpe> strict_model;  // only when the vocabulary contains added tokens
  Decoder decoder;
  AddedTokenMatcher added, normalized_added;
  std::vector<Token> tokens;
  std::unordered_map<std::string_view, TokenId> ids;  // views into tokens
  // Added tokens that decode to something else than their content: those with `normalized` to its normalized
  // form (as the library does since 0.22), and those the byte-level decoder reads as characters of its
  // alphabet.
  std::unordered_map<TokenId, std::string> added_decoded;

  mutable std::mutex pool_mutex;
  mutable std::vector<std::unique_ptr<Context>> pool;
};

}  // namespace jaju
