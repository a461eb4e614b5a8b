// A line of a JSONL corpus: refused, or texts that a vocabulary can be learned from and that the tokenizer it
// gives reads and writes unchanged.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "tokenizer/corpus.h"
#include "tokenizer/tokenizer_trainer.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  jaju::CorpusLineReader reader;
  jaju::CorpusOptions options;
  options.roles = size % 2 == 0;
  const auto read = reader.read(line, options, "fuzz");
  if (!read.ok()) {
    require(!read.message().empty());
    return 0;
  }
  auto counter = jaju::WordCounter::create(jaju::axk1_pre_tokenizer(), jaju::axk1_special_tokens(), 1);
  require(counter.ok());
  for (const std::string& text : (*read)->texts) {
    require(jaju::utf8_valid(text) && !text.empty());
    counter->add(0, text);
  }
  counter->collect(1'000'000);
  jaju::BpeTrainOptions bpe;
  bpe.vocab_size = 256 + 16;
  const auto model = jaju::train_bpe(counter->words().sorted(), bpe);
  require(model.ok());
  const auto json =
      jaju::write_tokenizer_json(*model, jaju::axk1_pre_tokenizer(), jaju::axk1_special_tokens());
  require(json.ok());
  const auto tokenizer = jaju::Tokenizer::parse(*json, "fuzz");
  require(tokenizer.ok());
  for (const std::string& text : (*read)->texts) {
    require((*tokenizer)->decode((*tokenizer)->encode(text)) == text);
  }
  return 0;
}
