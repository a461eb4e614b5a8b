// Memory in huge pages, for what is large and read from end to end.
#pragma once

#include <cstddef>
#include <thread>

namespace jaju {

inline constexpr size_t kHugePage = size_t{2} << 20;

// Zeros that start at a huge page and are taken page by page as they are first touched, huge ones where the
// system has them; a tail smaller than a huge page gets small ones. Neither in a core file nor in a child.
// Null where the system does not give that much.
std::byte* map_huge_pages(size_t bytes);
void unmap_huge_pages(std::byte* data, size_t bytes);

// A thread that has the system give the pages of [data, data + bytes), which start at a page, from the last to
// the first: who fills the memory from its start need not wait for all of them, for clearing pages is slow
// where a hypervisor has to find them first. Ends early when told to; no thread where there is none to be had.
std::jthread take_pages(std::byte* data, size_t bytes);

// Memory of map_huge_pages that knows its end.
class HugePageMemory {
 public:
  HugePageMemory() = default;
  explicit HugePageMemory(size_t bytes);  // data() is null where the system does not give that much
  HugePageMemory(HugePageMemory&& other) noexcept;
  HugePageMemory& operator=(HugePageMemory&& other) noexcept;
  ~HugePageMemory();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  // The same memory, read-only, in place of what is mapped at `to`, which is at a huge page; in one step: who
  // reads there finds the one or the other. Null afterwards, and still there where the system refuses
  // (false).
  bool move_to(std::byte* to);

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Whether the system has huge pages for who asks for them.
bool has_huge_pages();

}  // namespace jaju
