// A directory that gets its name only when it is complete: the work is done in PLACE.partial, which remembers
// by a mark whose work it is. The same work, interrupted and started again, finds what it had finished.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"

namespace jaju {

class StagedDir {
 public:
  // mark: what decides the bytes of the work; kept in PLACE.partial/stage.json. Files named *.partial in
  // there, cut off midway, are removed. Errors: `place` is there and not empty; PLACE.partial belongs to
  // another mark; the disk.
  static Result<StagedDir> open(const std::filesystem::path& place, const std::string& mark);

  // Where to write.
  const std::filesystem::path& stage() const { return stage_; }
  // Gives the directory its name. Errors: the disk.
  Status publish() const;

 private:
  StagedDir(std::filesystem::path place, std::filesystem::path stage)
      : place_(std::move(place)), stage_(std::move(stage)) {}
  std::filesystem::path place_;
  std::filesystem::path stage_;
};

}  // namespace jaju
