// Pieces to ids: equal to tokenizing the whole text, except that special tokens spelled by outside text stay
// text.
//
// The text is cut only at added tokens that lie within one trusted piece; all between two of them is encoded
// as plain text in one go. Cutting at every border between pieces would change the merges around it.
//
// Assumed of the tokenizer: encode(.., parse) matches added tokens from left to right, and bytes_of gives an
// added token's content as the text spells it. Each match is then found again by searching for its content.
#include "chat/chat.h"

namespace jaju {

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const std::vector<PromptPiece>& pieces) {
  std::vector<TokenId> ids;
  std::string plain;
  auto flush = [&] {
    std::vector<TokenId> more = tokenizer.encode(plain, SpecialText::as_text);
    ids.insert(ids.end(), more.begin(), more.end());
    plain.clear();
  };
  for (const PromptPiece& piece : pieces) {
    if (!piece.trusted) {
      plain += piece.text;
      continue;
    }
    size_t at = 0;
    for (TokenId id : tokenizer.encode(piece.text, SpecialText::parse)) {
      if (!tokenizer.is_added(id)) continue;
      std::string_view content = tokenizer.bytes_of(id);
      size_t found = content.empty() ? std::string::npos : piece.text.find(content, at);
      if (found == std::string::npos) continue;
      plain.append(piece.text, at, found - at);
      flush();
      ids.push_back(id);
      at = found + content.size();
    }
    plain.append(piece.text, at);
  }
  flush();
  return ids;
}

}  // namespace jaju
