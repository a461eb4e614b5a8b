#include "data/shards.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/utf8.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "shards are little-endian and mapped as they are");

constexpr char kMagic[8] = {'J', 'A', 'J', 'U', 'T', 'O', 'K', '1'};
constexpr const char* kFormat = "jaju-tokens-1";
constexpr int64_t kHeaderBytes = 32;
constexpr int64_t kMaxManifestBytes = 64 << 20;
constexpr int64_t kMaxShards = 100000;  // five digits in a file's name

struct Header {
  char magic[8];
  uint64_t tokens;
  uint64_t documents;
  uint64_t hash;
};
static_assert(sizeof(Header) == kHeaderBytes);

std::string shard_name(int64_t index) {
  return fmt::format("shard-{:05d}.bin", index);
}

std::string hex(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

// One mapped shard whose header and offsets hold together.
struct MappedShard {
  std::unique_ptr<MappedFile> file;
  const uint32_t* tokens = nullptr;
  const uint64_t* ends = nullptr;
  int64_t n_tokens = 0;
  int64_t n_documents = 0;
  uint64_t hash = 0;
};

Result<MappedShard> map_shard(const fs::path& path) {
  MappedShard shard;
  JAJU_ASSIGN(shard.file, MappedFile::open(path));
  const int64_t size = shard.file->size();
  const std::byte* bytes = shard.file->data();
  const auto damaged = [&](const std::string& how) {
    return error("shard {} is damaged: {}; make the shards again with `jaju data prepare`", path.string(),
                 how);
  };
  Header header;
  if (size < kHeaderBytes) return damaged(fmt::format("{} bytes are less than its header", size));
  std::memcpy(&header, bytes, sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    return error("{} is not a token shard (it does not start with JAJUTOK1)", path.string());
  }
  const auto body = static_cast<uint64_t>(size - kHeaderBytes);
  // Both counts are compared with the real size before any arithmetic on them.
  if (header.tokens > body / 4 || header.documents > body / 8 ||
      4 * (header.tokens + header.tokens % 2) + 8 * header.documents != body) {
    return damaged(fmt::format("its header names {} tokens and {} documents, which its {} bytes do not hold",
                               header.tokens, header.documents, size));
  }
  shard.n_tokens = static_cast<int64_t>(header.tokens);
  shard.n_documents = static_cast<int64_t>(header.documents);
  shard.hash = header.hash;
  shard.tokens = reinterpret_cast<const uint32_t*>(bytes + kHeaderBytes);
  shard.ends = reinterpret_cast<const uint64_t*>(shard.tokens + header.tokens + header.tokens % 2);
  uint64_t before = 0;
  for (int64_t i = 0; i < shard.n_documents; ++i) {
    if (shard.ends[i] <= before) return damaged(fmt::format("the offset of document {} does not ascend", i));
    before = shard.ends[i];
  }
  if (before != header.tokens) return damaged("its last document does not end with its last token");
  return shard;
}

Status verify_hash(const MappedShard& shard, const fs::path& path) {
  const uint64_t hash =
      XXH3_64bits(shard.file->data() + kHeaderBytes, static_cast<size_t>(shard.file->size() - kHeaderBytes));
  JAJU_RETURN_IF_ERROR(shard.file->intact());
  if (hash == shard.hash) return {};
  return error(
      "shard {} is damaged: its content has the hash {}, its header says {}; make the shards again with "
      "`jaju data prepare`",
      path.string(), hex(hash), hex(shard.hash));
}

Status sync_directory(const fs::path& dir) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return error("cannot open {}: {}", dir.string(), std::strerror(errno));
  const bool synced = ::fsync(fd) == 0 || errno == EINVAL;  // some file systems have nothing to sync here
  const int reason = errno;
  ::close(fd);
  return synced ? Status() : error("cannot write {}: {}", dir.string(), std::strerror(reason));
}

}  // namespace

struct ShardWriter::Impl {
  fs::path dir;
  int64_t tokens_per_shard = 0;
  std::vector<Shard> shards;
  uint32_t max_id = 0;

  // The shard being written.
  std::FILE* file = nullptr;
  fs::path partial;
  XXH3_state_t* state = XXH3_createState();
  std::vector<uint64_t> ends;
  uint64_t tokens = 0;

  ~Impl() {
    drop();
    XXH3_freeState(state);
  }

  void drop() {
    if (file == nullptr) return;
    std::fclose(std::exchange(file, nullptr));
    std::error_code ignored;
    fs::remove(partial, ignored);
  }

  Status cannot(const fs::path& path, int reason) {
    drop();
    return error("cannot write {}: {}", path.string(), std::strerror(reason));
  }

  Status write(const void* data, size_t bytes) {
    XXH3_64bits_update(state, data, bytes);
    if (bytes != 0 && std::fwrite(data, 1, bytes, file) != bytes) return cannot(partial, errno);
    return {};
  }

  Status begin() {
    if (static_cast<int64_t>(shards.size()) >= kMaxShards) {
      return error("{} would need more than {} shards; ask for larger ones with --shard-tokens", dir.string(),
                   kMaxShards);
    }
    partial = dir / (shard_name(static_cast<int64_t>(shards.size())) + ".partial");
    file = std::fopen(partial.c_str(), "wbe");
    if (file == nullptr) return error("cannot write {}: {}", partial.string(), std::strerror(errno));
    const Header empty{};
    if (std::fwrite(&empty, 1, sizeof(empty), file) != sizeof(empty)) return cannot(partial, errno);
    XXH3_64bits_reset(state);
    ends.clear();
    tokens = 0;
    return {};
  }

  Status close() {
    if (file == nullptr) return {};
    const uint32_t zero = 0;
    if (tokens % 2 != 0) JAJU_RETURN_IF_ERROR(write(&zero, sizeof(zero)));
    JAJU_RETURN_IF_ERROR(write(ends.data(), ends.size() * sizeof(uint64_t)));
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.tokens = tokens;
    header.documents = ends.size();
    header.hash = XXH3_64bits_digest(state);
    if (std::fseek(file, 0, SEEK_SET) != 0 ||
        std::fwrite(&header, 1, sizeof(header), file) != sizeof(header) || std::fflush(file) != 0 ||
        ::fsync(::fileno(file)) != 0) {
      return cannot(partial, errno);
    }
    if (std::fclose(std::exchange(file, nullptr)) != 0) {
      return error("cannot write {}: {}", partial.string(), std::strerror(errno));
    }
    const std::string name = shard_name(static_cast<int64_t>(shards.size()));
    std::error_code failed;
    fs::rename(partial, dir / name, failed);
    if (failed) return error("cannot write {}: {}", (dir / name).string(), failed.message());
    JAJU_RETURN_IF_ERROR(sync_directory(dir));
    shards.push_back(
        {name, static_cast<int64_t>(tokens), static_cast<int64_t>(ends.size()), hex(header.hash)});
    return {};
  }

  // Removes every shard file from number `from` on, and what was half-written.
  Status remove_from(int64_t from) {
    std::error_code failed;
    std::vector<fs::path> doomed;
    for (const fs::directory_entry& entry : fs::directory_iterator(dir, failed)) {
      const std::string name = entry.path().filename().string();
      if (name.size() < 15 || name.compare(0, 6, "shard-") != 0) continue;
      const std::string_view number =
          std::string_view(name).substr(6, 5);  // another's shard-train.bin has none
      if (number.find_first_not_of("0123456789") != std::string_view::npos) continue;
      const bool whole = name == name.substr(0, 11) + ".bin";
      if (name == name.substr(0, 11) + ".bin.partial" || (whole && name >= shard_name(from))) {
        doomed.push_back(entry.path());
      }
    }
    for (const fs::path& path : doomed) {
      if (!failed) fs::remove(path, failed);
    }
    if (failed) return error("cannot clean {}: {}", dir.string(), failed.message());
    return {};
  }
};

ShardWriter::ShardWriter() : impl_(std::make_unique<Impl>()) {}
ShardWriter::~ShardWriter() = default;

Result<std::unique_ptr<ShardWriter>> ShardWriter::create(const fs::path& dir, int64_t tokens_per_shard) {
  JAJU_CHECK(tokens_per_shard > 0);
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) return error("cannot create {}: {}", dir.string(), failed.message());
  fs::remove(dir / "manifest.json", failed);
  if (failed) return error("cannot write in {}: {}", dir.string(), failed.message());
  std::unique_ptr<ShardWriter> writer(new ShardWriter);
  Impl& impl = *writer->impl_;
  impl.dir = dir;
  impl.tokens_per_shard = tokens_per_shard;
  for (int64_t i = 0; i < kMaxShards; ++i) {
    const fs::path path = dir / shard_name(i);
    if (!fs::exists(path, failed)) break;
    const Result<MappedShard> shard = map_shard(path);
    if (!shard.ok() || !verify_hash(*shard, path).ok()) break;
    for (int64_t t = 0; t < shard->n_tokens; ++t) {
      impl.max_id = std::max(impl.max_id, shard->tokens[t] & ~kLossBit);
    }
    impl.shards.push_back({shard_name(i), shard->n_tokens, shard->n_documents, hex(shard->hash)});
  }
  JAJU_RETURN_IF_ERROR(impl.remove_from(static_cast<int64_t>(impl.shards.size())));
  return writer;
}

Status ShardWriter::append(std::span<const uint32_t> tokens) {
  JAJU_CHECK(!tokens.empty());
  Impl& impl = *impl_;
  if (impl.file == nullptr) JAJU_RETURN_IF_ERROR(impl.begin());
  JAJU_RETURN_IF_ERROR(impl.write(tokens.data(), tokens.size_bytes()));
  for (const uint32_t token : tokens) impl.max_id = std::max(impl.max_id, token & ~kLossBit);
  impl.tokens += tokens.size();
  impl.ends.push_back(impl.tokens);
  return static_cast<int64_t>(impl.tokens) >= impl.tokens_per_shard ? impl.close() : Status();
}

Status ShardWriter::close_shard() {
  return impl_->close();
}

Status ShardWriter::keep(int64_t n_shards) {
  JAJU_CHECK(impl_->file == nullptr && n_shards >= 0);
  if (n_shards >= static_cast<int64_t>(impl_->shards.size())) return {};
  impl_->shards.resize(static_cast<size_t>(n_shards));
  return impl_->remove_from(n_shards);
}

Status ShardWriter::finish() {
  JAJU_RETURN_IF_ERROR(impl_->close());
  const int64_t vocab_size = impl_->shards.empty() ? 0 : static_cast<int64_t>(impl_->max_id) + 1;
  return write_shard_manifest(impl_->dir, impl_->shards, vocab_size, nlohmann::ordered_json::object());
}

const std::vector<ShardWriter::Shard>& ShardWriter::shards() const {
  return impl_->shards;
}

Status write_shard_manifest(const fs::path& dir, const std::vector<ShardWriter::Shard>& shards,
                            int64_t vocab_size, const nlohmann::ordered_json& more) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  int64_t tokens = 0;
  int64_t documents = 0;
  for (const ShardWriter::Shard& shard : shards) {
    tokens += shard.tokens;
    documents += shard.documents;
    list.push_back({{"file", shard.file},
                    {"tokens", shard.tokens},
                    {"documents", shard.documents},
                    {"hash", shard.hash}});
  }
  nlohmann::ordered_json manifest = {
      {"format", kFormat}, {"vocab_size", vocab_size}, {"documents", documents}, {"tokens", tokens}};
  manifest.update(more);
  manifest["shards"] = std::move(list);
  const std::string text =
      manifest.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return write_file_atomic(dir / "manifest.json", text);
}

struct ShardSet::Impl {
  std::vector<MappedShard> shards;
  std::vector<int64_t> first_document;  // of each shard
  int64_t documents = 0;
  int64_t tokens = 0;
  int64_t vocab_size = 0;
  std::string hash;
};

ShardSet::ShardSet() : impl_(std::make_unique<Impl>()) {}
ShardSet::~ShardSet() = default;

namespace {

Result<int64_t> count_of(const nlohmann::json& object, const char* key, const std::string& what) {
  const auto found = object.find(key);
  if (found == object.end()) return error("{}: '{}' is missing", what, key);
  if (!found->is_number_integer() || *found < 0 || *found > (int64_t{1} << 60)) {
    return error("{}: '{}' must be a whole number, at least 0", what, key);
  }
  return found->get<int64_t>();
}

Result<std::string> text_of(const nlohmann::json& object, const char* key, const std::string& what) {
  const auto found = object.find(key);
  if (found == object.end()) return error("{}: '{}' is missing", what, key);
  if (!found->is_string()) return error("{}: '{}' must be a string", what, key);
  return found->get<std::string>();
}

}  // namespace

Result<ShardManifest> parse_shard_manifest(std::string_view json, const std::string& what) {
  JAJU_ASSIGN(const nlohmann::json object, parse_json(json, what));
  if (!object.is_object()) return error("{}: a manifest must be a JSON object", what);
  JAJU_ASSIGN(const std::string format, text_of(object, "format", what));
  if (format != kFormat) {
    return error(
        "{} has the format '{}', not {}: these are no token shards of this version; `jaju data prepare` "
        "makes some",
        what, printable(format), kFormat);
  }
  ShardManifest manifest;
  JAJU_ASSIGN(manifest.vocab_size, count_of(object, "vocab_size", what));
  if (manifest.vocab_size > (int64_t{1} << 31)) {
    return error("{}: vocab_size {} does not fit in 31 bits", what, manifest.vocab_size);
  }
  const auto shards = object.find("shards");
  if (shards == object.end() || !shards->is_array()) return error("{}: 'shards' must be a list", what);
  for (const nlohmann::json& entry : *shards) {
    const std::string place = fmt::format("{}: shard {}", what, manifest.shards.size());
    if (!entry.is_object()) return error("{} must be an object", place);
    ShardWriter::Shard shard;
    JAJU_ASSIGN(shard.file, text_of(entry, "file", place));
    // Only our own names, so no manifest can point outside its directory.
    if (shard.file != shard_name(static_cast<int64_t>(manifest.shards.size()))) {
      return error("{}: 'file' must be {}", place, shard_name(static_cast<int64_t>(manifest.shards.size())));
    }
    JAJU_ASSIGN(shard.tokens, count_of(entry, "tokens", place));
    JAJU_ASSIGN(shard.documents, count_of(entry, "documents", place));
    JAJU_ASSIGN(shard.hash, text_of(entry, "hash", place));
    manifest.shards.push_back(std::move(shard));
  }
  return manifest;
}

Result<std::unique_ptr<ShardSet>> ShardSet::open(const fs::path& dir, bool verify) {
  const fs::path path = dir / "manifest.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return error("{} has no manifest.json: it is not a shard set, or `jaju data prepare` has not finished",
                 dir.string());
  }
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxManifestBytes));
  JAJU_ASSIGN(const ShardManifest manifest, parse_shard_manifest(text, path.string()));
  std::unique_ptr<ShardSet> set(new ShardSet);
  Impl& impl = *set->impl_;
  impl.vocab_size = manifest.vocab_size;
  impl.hash = hex(XXH3_64bits(text.data(), text.size()));
  for (const ShardWriter::Shard& entry : manifest.shards) {
    const fs::path file = dir / entry.file;
    JAJU_ASSIGN(MappedShard shard, map_shard(file));
    if (shard.n_tokens != entry.tokens || shard.n_documents != entry.documents ||
        hex(shard.hash) != entry.hash) {
      return error(
          "shard {} is not the one its manifest names ({} tokens, {} documents, hash {}); make the shards "
          "again with `jaju data prepare`",
          file.string(), entry.tokens, entry.documents, entry.hash.substr(0, 16));
    }
    if (verify) {
      JAJU_RETURN_IF_ERROR(verify_hash(shard, file));
      for (int64_t t = 0; t < shard.n_tokens; ++t) {
        const int64_t id = shard.tokens[t] & ~kLossBit;
        if (id >= impl.vocab_size) {
          return error("shard {}: token {} is not in the vocabulary of {} its manifest names", file.string(),
                       id, impl.vocab_size);
        }
      }
    }
    impl.first_document.push_back(impl.documents);
    impl.documents += shard.n_documents;
    impl.tokens += shard.n_tokens;
    impl.shards.push_back(std::move(shard));
  }
  return set;
}

int64_t ShardSet::documents() const {
  return impl_->documents;
}
int64_t ShardSet::tokens() const {
  return impl_->tokens;
}
int64_t ShardSet::vocab_size() const {
  return impl_->vocab_size;
}
const std::string& ShardSet::hash() const {
  return impl_->hash;
}

Status ShardSet::intact() const {
  for (const MappedShard& shard : impl_->shards) JAJU_RETURN_IF_ERROR(shard.file->intact());
  return {};
}

std::span<const uint32_t> ShardSet::document(int64_t index) const {
  JAJU_CHECK(index >= 0 && index < impl_->documents);
  const std::vector<int64_t>& first = impl_->first_document;
  const size_t s =
      static_cast<size_t>(std::upper_bound(first.begin(), first.end(), index) - first.begin()) - 1;
  const MappedShard& shard = impl_->shards[s];
  const int64_t i = index - first[s];
  // Clamped again: a file that shrinks under us turns its pages, offsets included, into zeros (intact()
  // tells).
  const uint64_t end = std::min(shard.ends[i], static_cast<uint64_t>(shard.n_tokens));
  const uint64_t begin = i == 0 ? 0 : std::min(shard.ends[i - 1], end);
  return {shard.tokens + begin, static_cast<size_t>(end - begin)};
}

}  // namespace jaju::data
