// Looks at the raw bytes of a request's head before any parser does, and refuses what parsers disagree about:
// the ground that request smuggling grows on.
//
// Refused: a bare LF or CR, NUL and other control bytes, obs-fold, white space before the colon or in front
// of the first field, an empty field name, more than one Content-Length, Transfer-Encoding or Host, a
// Content-Length that is not all digits, Content-Length together with Transfer-Encoding, a Transfer-Encoding
// other than "chunked", a target that is not in origin form ("/..."; "*" for OPTIONS), HTTP versions other
// than 1.0 and 1.1, HTTP/1.1 without Host, Transfer-Encoding in HTTP/1.0.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "server/limits.h"

namespace jaju::server {

struct HeadScan {
  enum class Verdict { need_more, complete, refused };
  Verdict verdict = Verdict::need_more;
  size_t bytes = 0;    // complete: length of the head, its empty line included
  int status = 400;    // refused: 400, 414, 431, 501 or 505
  std::string reason;  // refused: one sentence
};

// `bytes` is what has arrived so far. Linear in its length.
HeadScan scan_head(std::string_view bytes, const HttpLimits& limits);

}  // namespace jaju::server
