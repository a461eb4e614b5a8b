// Documents of shard sets, in a shuffled order, mixed by weight and packed into flat batches.
//
// Everything is a function of the seed and the cursor: a batcher that is given a saved cursor makes the same
// batches as one that never stopped. Within an epoch a source gives each of its documents once, in an order
// of its own; the next document comes from the source that is furthest behind its share of the tokens, so the
// mix holds over any stretch, not only on average.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/shards.h"
#include "train/config.h"

namespace jaju::train {

// What model.h's Batch holds, before it becomes tensors.
struct FlatBatch {
  std::vector<int64_t> tokens;
  std::vector<int64_t> targets;      // the next token of the document, -1 where no loss counts
  std::vector<int64_t> mtp_targets;  // the token after that, -1 where none
  std::vector<int64_t> document_ends;

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  // Appends tokens [begin, end) of `document` (tokens with loss bits) as one document. A piece that was cut
  // keeps the target of its last token, which is the first token of the next piece; an MTP target needs its
  // middle token inside the piece.
  void append(std::span<const uint32_t> document, int64_t begin, int64_t end);
  void clear();
};

// Bijection of [0, n), different for every key: the order of one epoch without a table of n entries.
int64_t shuffled_index(int64_t i, int64_t n, uint64_t key);

// Where a source stands.
struct SourceCursor {
  int64_t epoch = 0;
  int64_t next = 0;     // how many documents of this epoch are behind us
  int64_t offset = 0;   // tokens of the current document that are behind us, when it is cut
  int64_t drawn = 0;    // tokens in all; decides whose turn it is
  int64_t dropped = 0;  // documents too long for their stage
};

class Batcher {
 public:
  struct Source {
    std::string name;
    const data::ShardSet* set = nullptr;  // borrowed
  };
  // `vocab_size` of the model: a token id beyond it is an error when it is met.
  Batcher(std::vector<Source> sources, uint64_t seed, int64_t vocab_size);

  // Chooses mix, context, batch size and treatment of long documents; shares are counted from here on.
  void start_stage(const StageConfig& stage);
  // Fills `batch` with whole documents up to the stage's batch_tokens: at least one document, and no further
  // one that does not fit. Errors: a token id outside the vocabulary, a source without a usable document.
  Status next(FlatBatch& batch);

  // Documents left out because they are longer than a stage's context, by source.
  const std::vector<SourceCursor>& cursors() const { return cursors_; }
  nlohmann::json save() const;
  // Takes up the stage given to start_stage at the saved place. Errors: sources that are not the saved ones.
  Status restore(const nlohmann::json& state);

 private:
  struct Piece {
    size_t source = 0;
    std::span<const uint32_t> document;
    int64_t begin = 0;
    int64_t end = 0;
  };
  Result<Piece> peek();
  Status find_piece(size_t source, Piece& piece);
  void take(const Piece& piece);
  void next_document(SourceCursor& cursor, const data::ShardSet& set);

  std::vector<Source> sources_;
  std::vector<SourceCursor> cursors_;
  std::vector<double> weights_;  // of the stage; 0: not in its mix
  StageConfig stage_;
  uint64_t seed_;
  int64_t vocab_size_;
};

}  // namespace jaju::train
