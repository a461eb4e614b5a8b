// One record of a source becomes documents of tokens with loss bits (prepare.h says how). Knows the tokenizer
// and the chat template; const after create(), so many threads may call make().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "chat/chat.h"
#include "data/prepare.h"
#include "data/problem.h"
#include "tokenizer/tokenizer.h"

namespace jaju::data {

struct Document {
  std::vector<uint32_t> tokens;  // with kLossBit
  bool no_thinking = false;  // a `think` document of a problem without a trace: nothing to learn, no tokens
};

class DocumentMaker {
 public:
  // Errors: no tokenizer, or one without <|endoftext|>, <|im_end|> or </think>.
  static Result<std::unique_ptr<DocumentMaker>> create(const std::filesystem::path& tokenizer_dir);

  // Appends to `documents`. `json`: the record is a JSON object, else plain text. `place` names it in errors.
  Status make(DocumentFormat format, bool json, const std::string& record, const std::string& place,
              std::vector<Document>* documents) const;

  const std::string& tokenizer_hash() const { return tokenizer_hash_; }
  const std::string& template_hash() const { return template_hash_; }
  int64_t vocab_size() const { return tokenizer_->vocab_size(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  DocumentMaker() = default;
  Status make_chat(const Problem& problem, bool thinking, const std::string& place, Document* document) const;
  // "tools", if it is there, stand in the prompt as they would when serving.
  Status make_messages(const std::string& record, const std::string& place,
                       std::vector<Document>* documents) const;
  void add(std::string_view text, uint32_t loss, std::vector<uint32_t>* tokens) const;
  Result<std::vector<TokenId>> prompt(const std::vector<Message>& messages, bool thinking,
                                      bool generation_prompt, const std::string& place,
                                      const nlohmann::ordered_json& tools = nullptr) const;

  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<ChatTemplate> template_;
  std::string tokenizer_hash_;
  std::string template_hash_;
  TokenId end_of_text_ = -1;
  TokenId im_end_ = -1;
  TokenId think_end_ = -1;
};

}  // namespace jaju::data
