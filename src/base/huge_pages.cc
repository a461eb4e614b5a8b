#include "base/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

namespace jaju {
namespace {

constexpr size_t kTaken = 8 * kHugePage;  // at once
#ifdef MADV_POPULATE_WRITE
constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
constexpr int kPopulateWrite = 23;  // Linux 5.14; older ones say no, and pages come when they are touched
#endif

}  // namespace

std::byte* map_huge_pages(size_t bytes) {
  // A little more, of which the part that starts at a huge page is kept.
  void* const at = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  auto* const base = static_cast<std::byte*>(at);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(at) % kHugePage) % kHugePage;
  if (before > 0) ::munmap(base, before);
  std::byte* const data = base + before;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t kept = (bytes + page - 1) / page * page;
  ::munmap(data + kept, kHugePage - before + bytes - kept);
  ::madvise(data, bytes, MADV_HUGEPAGE);
  // It is worth nothing in a core file, and a child that only calls exec needs none of it.
  ::madvise(data, bytes, MADV_DONTDUMP);
  ::madvise(data, bytes, MADV_DONTFORK);
  return data;
}

void unmap_huge_pages(std::byte* data, size_t bytes) {
  ::munmap(data, bytes);
}

std::jthread take_pages(std::byte* data, size_t bytes) {
  const auto take = [data, bytes](const std::stop_token& stop) {
    for (size_t left = bytes; left > 0 && !stop.stop_requested();) {
      const size_t piece = std::min(left, kTaken);
      left -= piece;
      if (::madvise(data + left, piece, kPopulateWrite) != 0) return;
    }
  };
  try {
    return std::jthread(take);
  } catch (const std::system_error&) {
    return {};
  }
}

HugePageMemory::HugePageMemory(size_t bytes)
    : data_(map_huge_pages(bytes)), size_(data_ != nullptr ? bytes : 0) {}

HugePageMemory::HugePageMemory(HugePageMemory&& other) noexcept {
  *this = std::move(other);
}

HugePageMemory& HugePageMemory::operator=(HugePageMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

HugePageMemory::~HugePageMemory() {
  if (data_ != nullptr) unmap_huge_pages(data_, size_);
}

bool HugePageMemory::move_to(std::byte* to) {
  if (::mprotect(data_, size_, PROT_READ) != 0) return false;
  if (::mremap(data_, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) return false;
  data_ = nullptr;
  size_ = 0;
  return true;
}

bool has_huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string modes;
  return std::getline(file, modes) && modes.find("[never]") == std::string::npos;
}

}  // namespace jaju
