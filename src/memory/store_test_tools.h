// For tests of the store: a model of plain bytes, and a reader that fails where it is told to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/extent.h"
#include "memory/extent_reader.h"

namespace jaju {

// Files of random bytes, `layers` x `experts` extents cut out of them.
class TestExtents {
 public:
  TestExtents(const std::string& name, int64_t layers, int64_t experts, int64_t bytes, int files = 2);
  ~TestExtents();

  const ExpertCatalog& catalog() const { return catalog_; }
  // The bytes of an expert, as written.
  const std::string& bytes(int64_t layer, int64_t expert) const {
    return bytes_[static_cast<size_t>(layer * catalog_.n_experts + expert)];
  }
  // Copies the files; returns their paths.
  std::vector<std::string> copy(const std::string& name) const;
  // Changes one byte of an expert, in the file only.
  void damage(int64_t layer, int64_t expert);
  // Changes a byte in every block of it, in these files (those of copy(), in their order).
  void damage_all_of(int64_t layer, int64_t expert, const std::vector<std::string>& files) const;

 private:
  std::string dir_;
  ExpertCatalog catalog_;
  std::vector<std::string> bytes_;
};

// What a drive may do to a read; `result` is what it would return.
using Fault = std::function<void(const PieceRead& piece, int64_t& result)>;

class FaultyReader final : public ExtentReader {
 public:
  FaultyReader(std::unique_ptr<ExtentReader> reader, Fault fault)
      : reader_(std::move(reader)), fault_(std::move(fault)) {}
  const char* name() const override { return "faulty"; }
  void start(const PieceRead& piece) override {
    pieces_[piece.tag] = piece;
    reader_->start(piece);
  }
  size_t finished(std::span<PieceDone> done) override {
    const size_t n = reader_->finished(done);
    for (size_t i = 0; i < n; ++i) fault_(pieces_[done[i].tag], done[i].result);
    return n;
  }
  void flush() override { reader_->flush(); }
  void wake() override { reader_->wake(); }

 private:
  std::unique_ptr<ExtentReader> reader_;
  Fault fault_;
  std::map<uint64_t, PieceRead> pieces_;
};

inline auto faulty(Fault fault) {
  return [fault = std::move(fault)](int depth,
                                    const ReadBuffers& buffers) -> Result<std::unique_ptr<ExtentReader>> {
    JAJU_ASSIGN(std::unique_ptr<ExtentReader> reader,
                open_extent_reader(ReaderKind::automatic, depth, buffers));
    return std::unique_ptr<ExtentReader>(std::make_unique<FaultyReader>(std::move(reader), fault));
  };
}

}  // namespace jaju
