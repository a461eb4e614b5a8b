#include "runtime/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "base/file.h"
#include "base/mapped_file.h"

namespace jaju {
namespace {

constexpr size_t kBuffer = size_t{1} << 20;
constexpr int64_t kEndBytes = 24;  // the end record

// A temporary file beside `path` that becomes it in finish(), or goes.
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& path)
      : path_(path), temporary_(path.string() + ".tmp-XXXXXX") {
    fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);  // mode 0600
  }
  ~NewFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Status write(std::string_view content) {
    if (fd_ < 0) return failed();
    while (!content.empty()) {
      const ssize_t n = ::write(fd_, content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed();
      content.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }
  Status finish() {
    if (fd_ < 0 || ::fsync(fd_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) return failed();
    ::close(fd_);
    fd_ = -1;
    // The rename too.
    const int dir = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
      ::fsync(dir);
      ::close(dir);
    }
    return {};
  }

 private:
  Status failed() const { return error("cannot write {}: {}", path_.string(), std::strerror(errno)); }

  std::filesystem::path path_;
  std::string temporary_;
  int fd_ = -1;
};

std::string in_words(int64_t pages, int64_t bytes) {
  return fmt::format("{} pages, {}", pages, human_bytes(static_cast<double>(bytes)));
}

// It decides what the model is told it has read: nobody else may have written it.
Status check_owner(const std::filesystem::path& path, bool& absent) {
  struct stat info {};
  absent = false;
  if (::lstat(path.c_str(), &info) != 0) {
    absent = errno == ENOENT;
    return absent ? Status() : error("cannot read {}: {}", path.string(), std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return error("{} is not a regular file", path.string());
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return error("{} can be read or written by others: make it yours alone (chmod 600), or remove it",
                 path.string());
  }
  return {};
}

}  // namespace

std::filesystem::path cache_file_path(const std::filesystem::path& dir, const CacheFileKey& key) {
  return dir / fmt::format("prefix-{:016x}.kv", key.model[0]);
}

Result<std::string> save_cache_file(const std::filesystem::path& path, const CacheFileKey& key,
                                    const PrefixCache& cache, const PagePool& pool, int64_t most_bytes) {
  const std::filesystem::path dir = path.parent_path();
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return error("cannot make the directory {}: {}", dir.string(), std::strerror(errno));
  }
  NewFile file(path);
  std::string buffer;
  append_cache_header(key, buffer);
  std::map<std::string, uint32_t, std::less<>> tenants;
  int64_t pages = 0, bytes = static_cast<int64_t>(buffer.size()) + kEndBytes;
  Status status;
  cache.visit([&](const PrefixCache::Visit& v) {
    const size_t before = buffer.size();
    const auto [tenant, fresh] =
        tenants.try_emplace(std::string(v.tenant), static_cast<uint32_t>(tenants.size()));
    if (fresh) append_tenant_record(v.tenant, buffer);
    const auto n = static_cast<int64_t>(v.tokens.size());
    if (bytes + static_cast<int64_t>(buffer.size() - before) + page_record_bytes(key, n) > most_bytes) {
      buffer.resize(before);
      return false;  // what was used longer ago would not fit either, as a rule
    }
    append_page_record(
        tenant->second, v.parent, v.tokens, key.layers,
        [&](int64_t layer) {
          return std::string_view(reinterpret_cast<const char*>(pool.layer(*v.page, layer)),
                                  static_cast<size_t>(n * key.layout.bytes()));
        },
        buffer);
    bytes += static_cast<int64_t>(buffer.size() - before);
    ++pages;
    if (buffer.size() >= kBuffer) {
      status = file.write(buffer);
      buffer.clear();
    }
    return status.ok();
  });
  JAJU_RETURN_IF_ERROR(status);
  append_end_record(static_cast<uint64_t>(pages), buffer);
  JAJU_RETURN_IF_ERROR(file.write(buffer));
  JAJU_RETURN_IF_ERROR(file.finish());
  return fmt::format("wrote {} to {}", in_words(pages, bytes), path.string());
}

Result<std::string> load_cache_file(const std::filesystem::path& path, const CacheFileKey& key,
                                    PrefixCache& cache, PagePool& pool, int64_t most_bytes) {
  bool absent = false;
  JAJU_RETURN_IF_ERROR(check_owner(path, absent));
  if (absent) return fmt::format("{} is not there yet", path.string());
  JAJU_ASSIGN(const std::unique_ptr<MappedFile> file, MappedFile::open(path));
  if (file->size() > most_bytes) {
    return error("{} is {}, more than the {} allowed for it", path.string(),
                 human_bytes(static_cast<double>(file->size())),
                 human_bytes(static_cast<double>(most_bytes)));
  }
  std::map<std::string, PrefixCache::Place, std::less<>> tenants;
  std::vector<PrefixCache::Place> loaded;
  const auto parsed = parse_cache_file(
      {file->data(), static_cast<size_t>(file->size())}, key, path.string(), [&](const CacheFilePage& p) {
        CachePage* const page = pool.take();
        if (page == nullptr) return false;
        const auto n = static_cast<int64_t>(p.tokens.size());
        const auto bytes = static_cast<size_t>(n * key.layout.bytes());
        for (int64_t layer = 0; layer < key.layers; ++layer) {
          std::memcpy(pool.layer(*page, layer), p.latents.data() + static_cast<size_t>(layer) * bytes, bytes);
        }
        auto tenant = tenants.find(p.tenant);
        if (tenant == tenants.end()) {
          tenant = tenants.emplace(std::string(p.tenant), cache.open(p.tenant)).first;
        }
        const auto& parent = p.parent < 0 ? tenant->second : loaded[static_cast<size_t>(p.parent)];
        loaded.push_back(cache.load(parent, p.tokens, page));
        return true;
      });
  // The file was made of the latest first: the other way round they are touched in their old order.
  for (size_t i = loaded.size(); i-- > 0;) cache.renew(loaded[i]);
  for (auto& [name, place] : tenants) cache.close(place);
  if (!parsed.ok()) return parsed.status();
  if (Status intact = file->intact(); !intact.ok()) {
    cache.clear();
    return intact;
  }
  return fmt::format("read {} from {}{}", in_words(parsed->pages, file->size()), path.string(),
                     parsed->damaged ? "; the rest of it is damaged" : "");
}

}  // namespace jaju
