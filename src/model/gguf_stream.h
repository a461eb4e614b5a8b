// Turns rows of one number type into rows of another in pieces of fixed size: what import and export share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/thread_team.h"
#include "formats/gguf_blocks.h"

namespace jaju {

class RowStream {
 public:
  explicit RowStream(ThreadTeam& team) : team_(team) {}

  // Fills `out` with rows [first, first + count); called from many threads at once.
  using Read = std::function<void(int64_t first, int64_t count, float* out)>;
  using Append = std::function<Status(const void* data, int64_t bytes)>;

  // rows x cols values in order, stored as `type`, to `append`. `what` names the tensor in errors: values
  // that are not finite, or that the type cannot hold.
  Status run(int64_t rows, int64_t cols, const Read& read, GgufType type, const Append& append,
             const std::string& what);

 private:
  ThreadTeam& team_;
  std::vector<float> values_;  // one piece
  std::vector<std::byte> encoded_;
};

}  // namespace jaju
