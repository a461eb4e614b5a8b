// Who may come in, and how much of the model they may have.
//
// The key file has one key a line, hashed, and may be read anew while the server runs:
//
//   # name  SHA-256 of the key, in hex  [requests_per_minute=60] [tokens_per_minute=100000] [concurrent=4]
//   #       [priority=1] [tenant=NAME] [metrics]
//   alice   5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8  concurrent=4
//
// `jaju serve --new-key NAME` makes one and shows the key once. Keys are 256 random bits, so a plain SHA-256
// can not be searched. A tenant shares its prefix cache; without the word every key is a tenant of its own.
// `metrics` is a key for /metrics alone.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace jaju::server {

using Clock = std::chrono::steady_clock;
using Digest = std::array<unsigned char, 32>;

struct KeyLimits {
  double requests_per_minute = 0;  // 0: no limit
  double tokens_per_minute = 0;    // prompt and answer together
  int concurrent = 0;              // requests at a time
};

// What a key has used; lives on when the file is read anew. Thread-safe.
class Account {
 public:
  // Seconds to wait when a limit is reached and why; nullopt: go on. A request that goes on counts.
  struct Refusal {
    double retry_after_seconds = 1;
    std::string why;
  };
  std::optional<Refusal> enter(const KeyLimits& limits, Clock::time_point now);
  void leave();
  // Tokens that were read or made. May overdraw: a request's length is known late.
  void charge(const KeyLimits& limits, int64_t tokens, Clock::time_point now);
  int running() const;

 private:
  struct Bucket {
    double filled = -1;  // -1: never used, full
    Clock::time_point at;
    void refill(double per_minute, Clock::time_point now);
  };
  mutable std::mutex mutex_;
  Bucket requests_, tokens_;
  int running_ = 0;
};

struct Principal {
  std::string name;    // "" when the server has no keys
  std::string tenant;  // partition of caches
  KeyLimits limits;
  int priority = 0;
  bool metrics_only = false;
  std::shared_ptr<Account> account;
};

class KeyStore {
 public:
  // No keys: everybody is the principal with an empty name and these limits.
  static std::unique_ptr<KeyStore> open_to_all(const KeyLimits& limits);
  // Errors name the line. `limits` hold for keys that do not name their own.
  static Result<std::unique_ptr<KeyStore>> parse(std::string_view text, const std::string& what,
                                                 const KeyLimits& limits);
  static Result<std::unique_ptr<KeyStore>> load(const std::filesystem::path& file, const KeyLimits& limits);
  // Takes another store's keys; accounts of the same names go on. On the caller to keep others out.
  void replace(const KeyStore& fresh);

  bool has_keys() const;
  std::vector<std::string> names() const;
  // The principal of a presented key; null: none has it. Takes the same time whichever key it is and whether
  // it is one: digests of equal length, every one compared, none left early.
  std::shared_ptr<const Principal> find(std::string_view presented) const;

 private:
  struct Entry {
    Digest digest;
    std::shared_ptr<const Principal> principal;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::shared_ptr<const Principal> everybody_;
};

Digest sha256(std::string_view bytes);
std::string hex(const Digest& digest);

// A new random key ("jaju_..."), and the line of the key file that admits it.
struct NewKey {
  std::string key;
  std::string line;
};
Result<NewKey> make_key(const std::string& name);

}  // namespace jaju::server
