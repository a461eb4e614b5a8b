// The one gate in front of all routes: which address, which site, which route, which key, how much.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/auth.h"
#include "server/http_types.h"
#include "server/routes.h"

namespace jaju::server {

struct GateOptions {
  // Names in Host that are ours, beside all addresses. Checked where no key is asked for: a page on the web
  // can make a browser resolve its own name to our address and read our answers (DNS rebinding). Empty, or
  // one of them "*": any.
  std::vector<std::string> hosts;
  // Origins whose pages may call us from a browser; "*": any. Empty: only our own page.
  std::vector<std::string> cors_origins;
  int metrics_listener = -1;  // the listener that serves /metrics (and /health, /ready) alone; -1: none
  bool metrics_open = false;  // no key needed on that listener
};

class Gate {
 public:
  Gate(GateOptions options, KeyStore& keys) : options_(std::move(options)), keys_(keys) {}

  // Looks at the head of a request; sets its principal, slot, answer headers and record. An answer ends it.
  std::optional<HttpResponse> check(HttpRequest& request) const;

 private:
  std::optional<ApiError> admit(HttpRequest& request) const;

  const GateOptions options_;
  KeyStore& keys_;
};

}  // namespace jaju::server
