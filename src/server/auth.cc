#include "server/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"

namespace jaju::server {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool read_digest(std::string_view text, Digest* out) {
  if (text.size() != 64) return false;
  for (size_t i = 0; i < 32; ++i) {
    const int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    (*out)[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return true;
}

bool is_key_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool read_count(std::string_view text, double* out) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 0 || value > 1'000'000'000)
    return false;
  *out = static_cast<double>(value);
  return true;
}

}  // namespace

void Account::Bucket::refill(double per_minute, Clock::time_point now) {
  if (filled == -1) {
    filled = per_minute;
  } else {
    filled = std::min(per_minute, filled + std::chrono::duration<double>(now - at).count() * per_minute / 60);
  }
  if (filled == -1) filled = -1.0001;  // overdrawn to exactly the mark of "never used"
  at = now;
}

std::optional<Account::Refusal> Account::enter(const KeyLimits& limits, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (limits.concurrent > 0 && running_ >= limits.concurrent) {
    return Refusal{1, fmt::format("this key may have {} requests at a time", limits.concurrent)};
  }
  if (limits.tokens_per_minute > 0) {
    tokens_.refill(limits.tokens_per_minute, now);
    if (tokens_.filled <= 0) {
      return Refusal{(1 - tokens_.filled) * 60 / limits.tokens_per_minute,
                     fmt::format("this key may use {} tokens a minute", limits.tokens_per_minute)};
    }
  }
  if (limits.requests_per_minute > 0) {
    requests_.refill(limits.requests_per_minute, now);
    if (requests_.filled < 1) {
      return Refusal{(1 - requests_.filled) * 60 / limits.requests_per_minute,
                     fmt::format("this key may send {} requests a minute", limits.requests_per_minute)};
    }
    requests_.filled -= 1;
  }
  ++running_;
  return std::nullopt;
}

void Account::leave() {
  const std::lock_guard lock(mutex_);
  --running_;
}

void Account::charge(const KeyLimits& limits, int64_t tokens, Clock::time_point now) {
  if (limits.tokens_per_minute <= 0) return;
  const std::lock_guard lock(mutex_);
  tokens_.refill(limits.tokens_per_minute, now);
  tokens_.filled -= static_cast<double>(tokens);
}

int Account::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::unique_ptr<KeyStore> KeyStore::open_to_all(const KeyLimits& limits) {
  auto store = std::make_unique<KeyStore>();
  auto everybody = std::make_shared<Principal>();
  everybody->limits = limits;
  everybody->account = std::make_shared<Account>();
  store->everybody_ = std::move(everybody);
  return store;
}

Result<std::unique_ptr<KeyStore>> KeyStore::parse(std::string_view text, const std::string& what,
                                                  const KeyLimits& limits) {
  auto store = std::make_unique<KeyStore>();
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (const size_t hash = line.find('#'); hash != std::string::npos) line.erase(hash);
    std::istringstream words(line);
    std::string name, digest, word;
    if (!(words >> name)) continue;
    const auto wrong = [&](std::string why) {
      return error("{}, line {}: {}", what, number, std::move(why));
    };
    if (!is_key_name(name)) return wrong("a key's name has letters, digits, '.', '_' and '-', at most 64");
    Entry entry;
    if (!(words >> digest) || !read_digest(digest, &entry.digest)) {
      return wrong(
          fmt::format("'{}' is not followed by the SHA-256 of its key, 64 hex digits; "
                      "`jaju serve --new-key {}` makes a key",
                      name, name));
    }
    auto principal = std::make_shared<Principal>();
    principal->name = name;
    principal->tenant = "key:" + name;
    principal->limits = limits;
    principal->account = std::make_shared<Account>();
    while (words >> word) {
      const size_t equals = word.find('=');
      const std::string field = word.substr(0, equals);
      const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
      double number_value = 0;
      if (field == "metrics" && equals == std::string::npos) {
        principal->metrics_only = true;
      } else if (field == "tenant" && is_key_name(value)) {
        principal->tenant = "tenant:" + value;
      } else if (field == "requests_per_minute" &&
                 read_count(value, &principal->limits.requests_per_minute)) {
      } else if (field == "tokens_per_minute" && read_count(value, &principal->limits.tokens_per_minute)) {
      } else if (field == "concurrent" && read_count(value, &number_value) && number_value <= 100000) {
        principal->limits.concurrent = static_cast<int>(number_value);
      } else if (field == "priority" && read_count(value, &number_value) && number_value <= 100) {
        principal->priority = static_cast<int>(number_value);
      } else {
        return wrong(
            fmt::format("'{}' is not a setting of a key, or its value is out of range", printable(word)));
      }
    }
    for (const Entry& other : store->entries_) {
      if (other.principal->name == name) return wrong(fmt::format("the name '{}' is there twice", name));
      if (other.digest == entry.digest)
        return wrong(fmt::format("'{}' has the key of '{}'", name, other.principal->name));
    }
    entry.principal = std::move(principal);
    store->entries_.push_back(std::move(entry));
    if (store->entries_.size() > 10'000) return wrong("more than 10,000 keys");
  }
  if (store->entries_.empty()) {
    return error("{}: holds no key; `jaju serve --new-key NAME` adds one", what);
  }
  return store;
}

Result<std::unique_ptr<KeyStore>> KeyStore::load(const std::filesystem::path& file, const KeyLimits& limits) {
  struct stat info {};
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0) {
    return error("{}: everybody may write to it, so anybody could add a key; chmod it to 600", file.string());
  }
  JAJU_ASSIGN(const std::string text, read_file(file, 10'000'000));
  return parse(text, file.string(), limits);
}

void KeyStore::replace(const KeyStore& fresh) {
  std::vector<Entry> entries = fresh.entries_;
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries) {
    for (const Entry& old : entries_) {
      if (old.principal->name != entry.principal->name) continue;
      auto principal = std::make_shared<Principal>(*entry.principal);
      principal->account = old.principal->account;
      entry.principal = std::move(principal);
    }
  }
  entries_ = std::move(entries);
  everybody_ = nullptr;
}

bool KeyStore::has_keys() const {
  const std::lock_guard lock(mutex_);
  return everybody_ == nullptr;
}

std::vector<std::string> KeyStore::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.principal->name);
  return names;
}

std::shared_ptr<const Principal> KeyStore::find(std::string_view presented) const {
  const Digest digest = sha256(presented);
  const std::lock_guard lock(mutex_);
  if (everybody_ != nullptr) return everybody_;
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    const bool same = CRYPTO_memcmp(digest.data(), entry.digest.data(), digest.size()) == 0;
    found = same ? &entry : found;
  }
  return found != nullptr ? found->principal : nullptr;
}

Digest sha256(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return digest;
}

std::string hex(const Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

Result<NewKey> make_key(const std::string& name) {
  if (!is_key_name(name))
    return error("a key's name has letters, digits, '.', '_' and '-', at most 64; '{}' is none",
                 printable(name));
  unsigned char random[32];
  if (::getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
    return error("this machine gave no random bytes for a key");
  }
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  NewKey made;
  made.key = "jaju_";
  unsigned int bits = 0;
  int n_bits = 0;
  for (const unsigned char byte : random) {
    bits = bits << 8 | byte;
    for (n_bits += 8; n_bits >= 6; n_bits -= 6) made.key += kLetters[bits >> (n_bits - 6) & 63];
  }
  made.key += kLetters[(bits << (6 - n_bits)) & 63];
  made.line = name + " " + hex(sha256(made.key)) + "\n";
  return made;
}

}  // namespace jaju::server
