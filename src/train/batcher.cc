#include "train/batcher.h"

#include <algorithm>

#include "base/check.h"
#include "base/split_mix.h"

namespace jaju::train {
namespace {

uint64_t source_key(uint64_t seed, size_t source, int64_t epoch) {
  return mix64(mix64(seed ^ (static_cast<uint64_t>(source) << 48)) + static_cast<uint64_t>(epoch));
}

bool loss_counts_everywhere(std::span<const uint32_t> document) {
  // The first token is never predicted.
  return std::all_of(document.begin() + 1, document.end(),
                     [](uint32_t t) { return (t & data::kLossBit) != 0; });
}

int64_t token_id(uint32_t word) {
  return static_cast<int64_t>(word & ~data::kLossBit);
}

}  // namespace

int64_t shuffled_index(int64_t i, int64_t n, uint64_t key) {
  JAJU_CHECK(i >= 0 && i < n);
  // A Feistel network over the next even number of bits, walked until it lands inside [0, n).
  int half = 1;
  while (half < 31 && (int64_t{1} << (2 * half)) < n) ++half;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  auto x = static_cast<uint64_t>(i);
  do {
    uint64_t left = x >> half;
    uint64_t right = x & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      const uint64_t next = left ^ (mix64(key + (round << 56) + right) & mask);
      left = right;
      right = next;
    }
    x = left << half | right;
  } while (x >= static_cast<uint64_t>(n));
  return static_cast<int64_t>(x);
}

void FlatBatch::append(std::span<const uint32_t> document, int64_t begin, int64_t end) {
  const auto length = static_cast<int64_t>(document.size());
  JAJU_CHECK(begin >= 0 && begin < end && end <= length);
  // The token at `i` as a target: its loss bit says whether it counts.
  const auto target = [&](int64_t i) {
    const uint32_t word = document[static_cast<size_t>(i)];
    return (word & data::kLossBit) != 0 ? token_id(word) : -1;
  };
  for (int64_t i = begin; i < end; ++i) {
    tokens.push_back(token_id(document[static_cast<size_t>(i)]));
    targets.push_back(i + 1 < length ? target(i + 1) : -1);
    mtp_targets.push_back(i + 1 < end && i + 2 < length ? target(i + 2) : -1);
  }
  document_ends.push_back(size());
}

void FlatBatch::clear() {
  tokens.clear();
  targets.clear();
  mtp_targets.clear();
  document_ends.clear();
}

Batcher::Batcher(std::vector<Source> sources, uint64_t seed, int64_t vocab_size)
    : sources_(std::move(sources)),
      cursors_(sources_.size()),
      weights_(sources_.size(), 0.0),
      seed_(seed),
      vocab_size_(vocab_size) {}

void Batcher::start_stage(const StageConfig& stage) {
  stage_ = stage;
  std::fill(weights_.begin(), weights_.end(), 0.0);
  for (const MixPart& part : stage.mix) {
    for (size_t s = 0; s < sources_.size(); ++s) {
      if (sources_[s].name == part.source) weights_[s] = part.weight;
    }
  }
  for (SourceCursor& cursor : cursors_) cursor.drawn = 0;
}

void Batcher::next_document(SourceCursor& cursor, const data::ShardSet& set) {
  cursor.offset = 0;
  if (++cursor.next >= set.documents()) {
    cursor.next = 0;
    ++cursor.epoch;
  }
}

// Moves past documents that cannot be used; stops at the first piece that can.
Status Batcher::find_piece(size_t source, Piece& piece) {
  SourceCursor& cursor = cursors_[source];
  const data::ShardSet& set = *sources_[source].set;
  const int64_t n = set.documents();
  for (int64_t tried = 0; tried <= n && n > 0; ++tried) {
    const int64_t index = shuffled_index(cursor.next, n, source_key(seed_, source, cursor.epoch));
    const std::span<const uint32_t> document = set.document(index);
    const auto length = static_cast<int64_t>(document.size());
    const int64_t left = length - cursor.offset;
    const bool too_long = length > stage_.context;
    const bool drop =
        too_long &&
        (stage_.long_documents == LongDocuments::drop ||
         (stage_.long_documents == LongDocuments::automatic && !loss_counts_everywhere(document)));
    if (left >= 2 && !drop) {  // one token alone predicts nothing
      piece = {source, document, cursor.offset, cursor.offset + std::min(left, stage_.context)};
      return {};
    }
    if (drop) ++cursor.dropped;
    next_document(cursor, set);
  }
  return error(
      "the source '{}' has no document that fits stage '{}' (context {}): raise the context or take the "
      "source "
      "out of the mix",
      sources_[source].name, stage_.name, stage_.context);
}

Result<Batcher::Piece> Batcher::peek() {
  size_t chosen = sources_.size();
  double lowest = 0;
  for (size_t s = 0; s < sources_.size(); ++s) {
    if (weights_[s] <= 0) continue;
    const double share = static_cast<double>(cursors_[s].drawn) / weights_[s];
    if (chosen == sources_.size() || share < lowest) {
      chosen = s;
      lowest = share;
    }
  }
  JAJU_CHECK(chosen < sources_.size());
  Piece piece;
  JAJU_RETURN_IF_ERROR(find_piece(chosen, piece));
  return piece;
}

void Batcher::take(const Piece& piece) {
  SourceCursor& cursor = cursors_[piece.source];
  cursor.drawn += piece.end - piece.begin;
  cursor.offset = piece.end;
  if (cursor.offset >= static_cast<int64_t>(piece.document.size())) {
    next_document(cursor, *sources_[piece.source].set);
  }
}

Status Batcher::next(FlatBatch& batch) {
  batch.clear();
  while (true) {
    JAJU_ASSIGN(const Piece piece, peek());
    if (batch.size() > 0 && batch.size() + piece.end - piece.begin > stage_.batch_tokens) return {};
    for (int64_t i = piece.begin;
         i < std::min<int64_t>(piece.end + 1, static_cast<int64_t>(piece.document.size())); ++i) {
      if (token_id(piece.document[static_cast<size_t>(i)]) >= vocab_size_) {
        return error(
            "the source '{}' holds token {}, but the model's vocab_size is {}: it was prepared with another "
            "tokenizer, "
            "or a shard is damaged (`jaju data check` tells)",
            sources_[piece.source].name, token_id(piece.document[static_cast<size_t>(i)]), vocab_size_);
      }
    }
    batch.append(piece.document, piece.begin, piece.end);
    take(piece);
  }
}

nlohmann::json Batcher::save() const {
  nlohmann::json list = nlohmann::json::array();
  for (size_t s = 0; s < sources_.size(); ++s) {
    const SourceCursor& c = cursors_[s];
    list.push_back({{"name", sources_[s].name},
                    {"hash", sources_[s].set->hash()},
                    {"documents", sources_[s].set->documents()},
                    {"epoch", c.epoch},
                    {"next", c.next},
                    {"offset", c.offset},
                    {"drawn", c.drawn},
                    {"dropped", c.dropped}});
  }
  return list;
}

Status Batcher::restore(const nlohmann::json& state) {
  if (!state.is_array() || state.size() != sources_.size()) {
    return error(
        "the checkpoint was made with {} data sources, the recipe names {}: give the recipe it was made with",
        state.is_array() ? state.size() : 0, sources_.size());
  }
  std::vector<SourceCursor> cursors;
  for (size_t s = 0; s < sources_.size(); ++s) {
    const nlohmann::json& entry = state[s];
    const auto integer = [&](const char* key) -> int64_t {
      const auto found = entry.find(key);
      return found != entry.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
    };
    const auto text = [&](const char* key) -> std::string {
      const auto found = entry.find(key);
      return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
    };
    if (!entry.is_object() || text("name") != sources_[s].name || text("hash") != sources_[s].set->hash()) {
      return error(
          "the data source '{}' is not the one the checkpoint was made with: it was prepared anew, or "
          "renamed",
          sources_[s].name);
    }
    const SourceCursor c{integer("epoch"), integer("next"), integer("offset"), integer("drawn"),
                         integer("dropped")};
    if (c.epoch < 0 || c.next < 0 || c.next >= std::max<int64_t>(1, sources_[s].set->documents()) ||
        c.offset < 0 || c.drawn < 0 || c.dropped < 0) {
      return error("the checkpoint's place in the data source '{}' makes no sense", sources_[s].name);
    }
    cursors.push_back(c);
  }
  cursors_ = std::move(cursors);
  return {};
}

}  // namespace jaju::train
