#include "server/target.h"

#include "base/utf8.h"

namespace jaju::server {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Target> read_target(std::string_view target) {
  if (target.empty() || target[0] != '/') return std::nullopt;
  Target out;
  const size_t question = target.find('?');
  if (question != std::string_view::npos) out.query = target.substr(question + 1);
  const std::string_view raw = target.substr(0, question);
  if (raw.find('#') != std::string_view::npos || out.query.find('#') != std::string::npos)
    return std::nullopt;
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (i + 2 >= raw.size() || hex(raw[i + 1]) < 0 || hex(raw[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(hex(raw[i + 1]) * 16 + hex(raw[i + 2]));
      i += 2;
      if (c == '/' || c == '%') return std::nullopt;
    }
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f || c == '\\') return std::nullopt;
    out.path += c;
  }
  if (!utf8_valid(out.path)) return std::nullopt;
  for (size_t at = 0; at < out.path.size();) {
    size_t end = out.path.find('/', at + 1);
    if (end == std::string::npos) end = out.path.size();
    const std::string_view segment = std::string_view(out.path).substr(at + 1, end - at - 1);
    if (segment == "." || segment == ".." || (segment.empty() && end != out.path.size())) return std::nullopt;
    at = end;
    if (at + 1 == out.path.size() && at != 0) break;  // one slash at the end: another path, not a trick
  }
  return out;
}

}  // namespace jaju::server
