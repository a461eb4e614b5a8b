// The web chat's files, built from web/ and kept inside the program (cmake/JajuWebAssets.cmake), so that the
// page works without a network and without a file beside the binary.
//
// The server answers GET and HEAD of `path` with `body`, sets Content-Type and ETag from here, answers 304 to
// a matching If-None-Match, and sends web_content_security_policy() with every asset. Nothing here looks at a
// file system: a path that is not in the table does not exist.
#pragma once

#include <span>
#include <string_view>

namespace jaju {

struct WebAsset {
  std::string_view
      path;  // absolute, as in the request line, without a query: "/index.html", "/assets/app-1a2b3c4d.js"
  std::string_view content_type;  // with charset where the bytes are text
  std::string_view etag;          // a strong validator, with its quotes: "\"9f86d081884c7d65\""
  std::string_view
      cache_control;      // a year for names that carry a hash of their content, revalidation for the others
  std::string_view body;  // raw bytes, not compressed
};

// The asset of a request path, already percent-decoded; "/" is "/index.html". nullptr: there is none.
const WebAsset* find_web_asset(std::string_view path);

// Every asset, sorted by path.
std::span<const WebAsset> web_assets();

// The value of the Content-Security-Policy header (web/csp.txt). The page needs no inline script or style and
// talks to its own origin only; scripts may not build HTML except through the sanitizer (trusted types).
std::string_view web_content_security_policy();

}  // namespace jaju
