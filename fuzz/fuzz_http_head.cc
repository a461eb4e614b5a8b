// Bytes: the beginning of a connection. What the scan lets through has one reading only.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/head_scan.h"
#include "server/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaju::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HttpLimits limits;
  limits.max_header_bytes = 2048;
  limits.max_target_bytes = 512;
  const HeadScan scan = scan_head(bytes, limits);
  if (scan.verdict == HeadScan::Verdict::refused && (scan.reason.empty() || scan.status < 400)) std::abort();
  if (scan.verdict == HeadScan::Verdict::complete) {
    const std::string_view head = bytes.substr(0, scan.bytes);
    if (!head.ends_with("\r\n\r\n") || head.size() > limits.max_header_bytes + 4) std::abort();
    if (head.substr(2, head.size() - 6).find("\r\n\r\n") != std::string_view::npos) std::abort();
    for (size_t i = 0; i < head.size(); ++i) {
      if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) std::abort();
      if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) std::abort();
    }
    // A shorter beginning never gives another verdict than "more" (a refusal may come early, but not here).
    if (scan_head(bytes.substr(0, scan.bytes / 2), limits).verdict != HeadScan::Verdict::need_more)
      std::abort();
  }
  const auto target = read_target(bytes);
  if (target &&
      (target->path.empty() || target->path[0] != '/' || target->path.find("/../") != std::string::npos ||
       target->path.find("//") != std::string::npos)) {
    std::abort();
  }
  return 0;
}
