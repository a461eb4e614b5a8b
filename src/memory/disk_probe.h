// How fast a drive gives whole experts at random places, for one way of asking: O_DIRECT or not, the size of
// the pieces an expert is read in, and how many pieces are under way at a time. Only reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "memory/direct_file.h"
#include "memory/machine_profile.h"

namespace jaju {

// One expert of A.X K1 in q4: what is read where no model says otherwise.
inline constexpr int64_t kUsualExtent = 24'817'664;

class DiskProbe {
 public:
  // Files to read from; extents are drawn from all of them, each at most once until all were read. Those
  // smaller than an extent are left out. Errors: a file cannot be opened; none is large enough.
  static Result<std::unique_ptr<DiskProbe>> open(const std::vector<std::filesystem::path>& files,
                                                 int64_t extent_bytes);
  // A file of `bytes` random bytes made in `dir`. Its name is removed before anything is written, so however
  // the program ends nothing is left behind. Errors: no room (twice the bytes are asked for), the disk.
  static Result<std::unique_ptr<DiskProbe>> on_new_file(const std::filesystem::path& dir, int64_t bytes,
                                                        int64_t extent_bytes,
                                                        const std::atomic<bool>* cancel = nullptr);
  DiskProbe(const DiskProbe&) = delete;
  DiskProbe& operator=(const DiskProbe&) = delete;

  bool direct_works() const { return direct_works_; }  // the file system takes O_DIRECT
  int64_t extent_bytes() const { return extent_bytes_; }
  int64_t extents() const { return static_cast<int64_t>(order_.size()); }

  // Reads for about `seconds`, at least one extent, with `depth` threads of one piece each. By the page cache
  // (direct false) the files are dropped from it first, as far as the system lets us.
  // Errors: piece_bytes is no multiple of 4096, the disk, no memory, cancelled.
  Result<ReadSpeed> measure(bool direct, int64_t piece_bytes, int depth, double seconds,
                            const std::atomic<bool>* cancel = nullptr);

 private:
  struct File {
    DirectFile direct, cached;
  };
  struct Place {
    int32_t file = 0;
    int64_t offset = 0;
  };
  DiskProbe() = default;
  Status add(const std::string& path);
  Status place_extents();

  std::vector<File> files_;
  std::vector<Place> order_;  // extents, shuffled
  size_t next_ = 0;           // of order_; goes round
  int64_t extent_bytes_ = 0;
  bool direct_works_ = true;
};

}  // namespace jaju
