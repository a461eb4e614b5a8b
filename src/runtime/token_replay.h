// The ids a model really sampled, found again by their bytes.
//
// A conversation's next turn arrives as text. Tokenised afresh, an answer may give other ids than the ones
// that were sampled (sampling may spell a word in unusual pieces), and the prefix cache, which is keyed by
// ids, would stop there. So the server remembers every finished sequence here and asks before it tokenises:
//
//   TokenReplay replay(bytes, 64 << 20);
//   replay.remember(tenant, prompt_ids + answer_ids [+ stop token]);                  // when a request
//   finished TokenReplay::Match m = replay.longest(tenant, pieces);                            // next turn,
//   before tokenising prompt = m.ids + tokenize(pieces from m.piece, m.offset on);
//
// Matches end only right behind a special token (or where the prompt ends): a tokenizer always splits there,
// so the tail tokenises as it would within the whole text, and what a person wrote is never cut in unusual
// pieces. Special tokens and text that spells one are different keys: outside words can not forge a special
// token.
//
// Thread-safe. Least recently used sequences go first when `max_bytes` is reached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jaju {

// A stretch of a rendered prompt: text (special < 0), or one special token.
struct ReplayPiece {
  std::string_view text;
  int32_t special = -1;
};

class TokenReplay {
 public:
  // token_bytes: per id what it spells; empty: a special or added token, which is never text.
  TokenReplay(std::shared_ptr<const std::vector<std::string>> token_bytes, int64_t max_bytes);

  // Ids outside the vocabulary are refused silently (nothing is remembered). A sequence that begins with all
  // of an older one takes its place.
  void remember(std::string_view tenant, std::span<const int32_t> ids);

  struct Match {
    std::vector<int32_t> ids;  // of the matched beginning; empty: none
    size_t piece = 0;          // the tail to tokenise begins with this piece; pieces.size(): there is none
    // For the log: bytes of text that agree with the nearest remembered sequence (matched or not), and
    // whether that one goes on differently there; else it ends, or the prompt does.
    size_t bytes = 0;
    bool differs = false;
  };
  // The longest beginning that was remembered for this tenant. Bytes of text are compared with what tokens
  // spell, so pieces may be cut in any places.
  Match longest(std::string_view tenant, std::span<const ReplayPiece> pieces);

  int64_t bytes() const;      // held now
  int64_t sequences() const;  // held now

 private:
  // Bytes as they are, special tokens escaped: token_replay.cc.
  using Key = std::string;
  struct Entry {
    std::vector<int32_t> ids;
    std::vector<uint32_t> ends;  // of each id in the key
    int64_t bytes = 0;           // this entry takes
    std::list<std::pair<std::string, Key>>::iterator age;
  };
  using Store = std::map<Key, Entry>;

  void erase(Store& store, Store::iterator entry);

  std::shared_ptr<const std::vector<std::string>> token_bytes_;
  int64_t max_bytes_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  std::list<std::pair<std::string, Key>> ages_;  // tenant and key, latest first
  std::map<std::string, Store, std::less<>> tenants_;
};

}  // namespace jaju
