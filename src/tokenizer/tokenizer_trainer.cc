#include "tokenizer/tokenizer_trainer.h"

#include <algorithm>

namespace jaju {
namespace {

// A longer pre-token (a line of dashes, a page of Chinese without a full stop) is cut: joining in it takes
// time that grows with its length, and no token is near that long.
constexpr size_t kMaxWordBytes = 1024;

}  // namespace

Result<WordCounter> WordCounter::create(std::vector<PreTokenizerSpec> pre_tokenizers,
                                        const std::vector<AddedTokenSpec>& special_tokens, int threads) {
  JAJU_ASSIGN(PreTokenizer pre_tokenizer,
              PreTokenizer::create(std::move(pre_tokenizers), "the new tokenizer"));
  if (!pre_tokenizer.raw_bytes()) {
    return error("a byte-level vocabulary needs a pre-tokenizer that ends with ByteLevel");
  }
  std::vector<AddedTokenMatcher::Entry> entries;
  for (const AddedTokenSpec& token : special_tokens) {
    entries.push_back({token.content, token.id, token.single_word, token.lstrip, token.rstrip});
  }
  WordCounter counter(std::move(pre_tokenizer), AddedTokenMatcher(std::move(entries)));
  for (int i = 0; i < threads; ++i) counter.locals_.push_back(std::make_unique<Local>());
  return counter;
}

void WordCounter::add(int thread, std::string_view text) {
  Local& local = *locals_[static_cast<size_t>(thread)];
  local.matches.clear();
  if (!special_.empty()) special_.find(text, local.matches);
  size_t begin = 0;
  for (const AddedMatch& match : local.matches) {
    count(local, text.substr(begin, match.begin - begin));
    begin = match.end;
  }
  count(local, text.substr(begin));
}

void WordCounter::count(Local& local, std::string_view text) {
  if (text.empty()) return;
  local.regex.reset();
  pre_tokenizer_.split(text, local.pieces, local.regex);
  for (const Span& span : local.pieces.spans) {
    std::string_view word = local.pieces.view.substr(span.begin, span.end - span.begin);
    while (word.size() > kMaxWordBytes) {
      size_t cut = kMaxWordBytes;
      while ((static_cast<uint8_t>(word[cut]) & 0xc0) == 0x80) --cut;
      local.words.add(word.substr(0, cut), 1);
      word.remove_prefix(cut);
    }
    local.words.add(word, 1);
  }
}

void WordCounter::collect(int64_t max_bytes) {
  for (const auto& local : locals_) {
    words_.add_all(local->words);
    local->words.clear();
  }
  if (words_.bytes() <= max_bytes) return;
  // Twice as rare each time, so a table of any shape needs few passes.
  for (int64_t rare = 1; words_.bytes() > max_bytes / 2 && words_.size() > 0; rare *= 2) {
    dropped_ += words_.drop_rare(rare);
  }
}

Result<TrainedTokenizer> train_tokenizer(const std::vector<CorpusFile>& files,
                                         const TokenizerTrainOptions& options, ThreadTeam& team,
                                         const TokenizerTrainProgress& progress) {
  const auto n_special = static_cast<int64_t>(options.special_tokens.size());
  if (options.vocab_size < 256 + n_special) {
    return error("a vocabulary of {} has no room for the 256 bytes and {} special tokens", options.vocab_size,
                 n_special);
  }
  if (options.multiple_of < 1 || options.multiple_of > 65536) {
    return error("a vocabulary can be made a multiple of 1 to 65536, not of {}", options.multiple_of);
  }
  JAJU_ASSIGN(WordCounter counter,
              WordCounter::create(options.pre_tokenizers, options.special_tokens, team.size()));

  TrainedTokenizer result;
  struct alignas(64) Tally {
    int64_t documents = 0, bytes = 0;
  };
  std::vector<Tally> tallies(static_cast<size_t>(team.size()));
  CorpusOptions corpus;
  corpus.roles = true;
  corpus.sample_bytes = options.sample_bytes;
  const auto count_document = [&](int thread, const CorpusDocument& document) {
    Tally& tally = tallies[static_cast<size_t>(thread)];
    tally.documents += document.begins ? 1 : 0;
    for (const std::string& text : document.texts) {
      counter.add(thread, text);
      tally.bytes += static_cast<int64_t>(text.size());
    }
  };
  const auto between = [&](int64_t bytes) -> Status {
    counter.collect(options.max_table_bytes);
    if (progress.read) progress.read(bytes);
    if (progress.stop && progress.stop())
      return error("stopped before the vocabulary was learned; nothing was written");
    return {};
  };
  JAJU_RETURN_IF_ERROR(read_corpus(files, corpus, team, count_document, between));
  for (const Tally& tally : tallies) {
    result.documents += tally.documents;
    result.bytes += tally.bytes;
  }
  if (result.bytes == 0) return error("the files hold no text to learn a vocabulary from");
  result.words = counter.words().size();
  result.dropped_words = counter.dropped();

  BpeTrainOptions bpe;
  bpe.vocab_size = options.vocab_size - n_special;
  bpe.min_frequency = options.min_frequency;
  bpe.max_token_bytes = options.max_token_bytes;
  JAJU_ASSIGN(const TrainedBpe model, train_bpe(counter.words().sorted(), bpe, progress.learned));

  std::vector<AddedTokenSpec> added = options.special_tokens;
  const int64_t size = static_cast<int64_t>(model.tokens.size()) + n_special;
  result.reserved_tokens = (options.multiple_of - size % options.multiple_of) % options.multiple_of;
  for (AddedTokenSpec& token : reserved_tokens(result.reserved_tokens)) added.push_back(std::move(token));
  JAJU_ASSIGN(result.tokenizer_json, write_tokenizer_json(model, options.pre_tokenizers, added));
  result.tokenizer_config_json = write_tokenizer_config(added);
  result.special_tokens = static_cast<int64_t>(added.size());
  result.vocab_size = size + result.reserved_tokens;
  result.merges = static_cast<int64_t>(model.merges.size());
  result.last_count = model.counts.empty() ? 0 : model.counts.back();
  return result;
}

}  // namespace jaju
