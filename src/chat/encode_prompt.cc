// Pieces to ids: equal to tokenizing the whole text, except that special tokens spelled by outside text stay
// text, and that tokens which swallow white space (lstrip, rstrip) or want a word's border (single_word) see
// only the trusted piece they stand in.
//
// The text is cut only at added tokens that lie within one trusted piece; all between two of them is encoded
// as plain text in one go. Cutting at every border between pieces would change the merges around it.
#include "chat/chat.h"

namespace jaju {

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const std::vector<PromptPiece>& pieces) {
  std::vector<TokenId> ids;
  std::string plain;
  const auto flush = [&] {
    const std::vector<TokenId> more = tokenizer.encode(plain, SpecialText::as_text);
    ids.insert(ids.end(), more.begin(), more.end());
    plain.clear();
  };
  for (const PromptPiece& piece : pieces) {
    size_t at = 0;
    if (piece.trusted) {
      for (const Tokenizer::AddedSpan& span : tokenizer.find_added(piece.text)) {
        // White space that the token before swallowed (rstrip) may be an added token itself.
        if (at < span.begin) plain.append(piece.text, at, span.begin - at);
        flush();
        ids.push_back(span.id);
        at = span.end;
      }
    }
    plain.append(piece.text, at);
  }
  flush();
  return ids;
}

}  // namespace jaju
