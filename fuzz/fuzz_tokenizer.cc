// A tokenizer.json, and a text after it: whatever the file says, loading refuses it or encode and decode hold
// their promises.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The file ends at the first 0 byte, the text follows; without one the file is the text too.
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(all.find('\0'), all.size());
  const std::string_view json = all.substr(0, cut);
  const std::string_view text = (cut < all.size() ? all.substr(cut + 1) : all).substr(0, 2048);
  auto tokenizer = jaju::Tokenizer::parse(json, "fuzz");
  if (!tokenizer.ok()) {
    require(!tokenizer.message().empty());
    return 0;
  }
  const jaju::Tokenizer& t = **tokenizer;
  for (const auto special : {jaju::SpecialText::parse, jaju::SpecialText::as_text}) {
    const auto ids = t.encode(text, special);
    require(ids == t.encode(text, special));
    for (const auto id : ids) {
      require(id >= 0 && id < t.vocab_size());
      require(special == jaju::SpecialText::parse || !t.is_added(id));
    }
    for (const bool skip : {false, true}) {
      jaju::StreamDecoder stream(t, skip);
      std::string streamed;
      for (const auto id : ids) {
        const std::string piece = stream.push(id);
        require(jaju::utf8_valid(piece));
        streamed += piece;
      }
      streamed += stream.finish();
      require(streamed == t.decode(ids, skip));
    }
  }
  return 0;
}
