#include "server/head_scan.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace jaju::server {
namespace {

bool is_token_char(char c) {
  const auto u = static_cast<unsigned char>(c);
  return std::isalnum(u) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

HeadScan refuse(int status, std::string reason) {
  HeadScan scan;
  scan.verdict = HeadScan::Verdict::refused;
  scan.status = status;
  scan.reason = std::move(reason);
  return scan;
}

struct Seen {
  bool version_1_1 = false;
  int host = 0, content_length = 0, transfer_encoding = 0;
};

// Empty: fine.
HeadScan request_line(std::string_view line, const HttpLimits& limits, Seen* seen) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse(400, "the request line is not METHOD TARGET VERSION");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (method.empty() || method.size() > 20 || !std::all_of(method.begin(), method.end(), is_token_char)) {
    return refuse(400, "the request's method is not a token");
  }
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/")
    return refuse(400, "the request line does not end in HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "this server speaks HTTP/1.1");
  seen->version_1_1 = version == "HTTP/1.1";
  if (target.size() > limits.max_target_bytes) {
    return refuse(414, fmt::format("the target is longer than {} bytes", limits.max_target_bytes));
  }
  if (target.empty() || (target[0] != '/' && !(target == "*" && method == "OPTIONS"))) {
    return refuse(400, "the target must begin with '/' (absolute-form and authority-form are refused)");
  }
  for (const char c : target) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f) return refuse(400, "the target holds a byte that must be percent-encoded");
  }
  return {};
}

HeadScan field(std::string_view line, Seen* seen) {
  if (line[0] == ' ' || line[0] == '\t')
    return refuse(400, "a header field is folded over two lines (obs-fold)");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return refuse(400, "a header line has no field name");
  const std::string_view name = line.substr(0, colon);
  if (!std::all_of(name.begin(), name.end(), is_token_char)) {
    return refuse(400, "a header field's name holds a character that names may not have");
  }
  const std::string key = lower(name);
  const std::string_view value = trim(line.substr(colon + 1));
  if (key == "host") {
    if (++seen->host > 1) return refuse(400, "Host is given twice");
  } else if (key == "content-length") {
    if (++seen->content_length > 1) return refuse(400, "Content-Length is given twice");
    const bool digits = !value.empty() && value.size() <= 18 &&
                        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return refuse(400, "Content-Length is not a number");
  } else if (key == "transfer-encoding") {
    if (++seen->transfer_encoding > 1) return refuse(400, "Transfer-Encoding is given twice");
    if (lower(value) != "chunked")
      return refuse(501, "the only Transfer-Encoding this server reads is chunked");
  } else if (key == "content-encoding") {
    if (lower(value) != "identity")
      return refuse(415, "compressed request bodies are not read; send the JSON as it is");
  }
  return {};
}

}  // namespace

HeadScan scan_head(std::string_view bytes, const HttpLimits& limits) {
  Seen seen;
  size_t at = 0;
  int n_lines = 0;
  // An empty line in front of a request is allowed once (RFC 9112, 2.2).
  if (bytes.size() >= 2 && bytes[0] == '\r' && bytes[1] == '\n') at = 2;
  const size_t start = at;
  size_t line_start = at;
  for (; at < bytes.size(); ++at) {
    if (at - start >= limits.max_header_bytes) {
      return refuse(431, fmt::format("the request's head is longer than {} bytes", limits.max_header_bytes));
    }
    const auto u = static_cast<unsigned char>(bytes[at]);
    if (u == '\n') return refuse(400, "a line of the request's head ends in a bare LF");
    if (u == '\r') {
      if (at + 1 == bytes.size()) break;
      if (bytes[at + 1] != '\n') return refuse(400, "the request's head holds a bare CR");
      const std::string_view line = bytes.substr(line_start, at - line_start);
      if (line.empty()) {
        if (n_lines == 0) return refuse(400, "the request line is empty");
        if (seen.version_1_1 && seen.host == 0) return refuse(400, "HTTP/1.1 needs a Host field");
        if (seen.transfer_encoding != 0 && seen.content_length != 0) {
          return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
        }
        if (seen.transfer_encoding != 0 && !seen.version_1_1)
          return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
        HeadScan scan;
        scan.verdict = HeadScan::Verdict::complete;
        scan.bytes = at + 2;
        return scan;
      }
      if (n_lines - 1 >= limits.max_header_count) {
        return refuse(431, fmt::format("more than {} header fields", limits.max_header_count));
      }
      HeadScan wrong = n_lines == 0 ? request_line(line, limits, &seen) : field(line, &seen);
      if (wrong.verdict == HeadScan::Verdict::refused) return wrong;
      ++n_lines;
      ++at;
      line_start = at + 1;
      continue;
    }
    if ((u < 0x20 && u != '\t') || u == 0x7f) return refuse(400, "the request's head holds a control byte");
    if (n_lines == 0 && at - line_start > limits.max_target_bytes + 64) {
      return refuse(414, fmt::format("the target is longer than {} bytes", limits.max_target_bytes));
    }
  }
  return {};
}

}  // namespace jaju::server
