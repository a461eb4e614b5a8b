#include "server/gate.h"

#include <gtest/gtest.h>

#include <set>

#include "server/target.h"
#include "server/web_assets.h"

namespace jaju::server {
namespace {

HttpRequest make_request(const std::string& method, const std::string& path, Headers headers = {}) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.headers = std::move(headers);
  request.headers.emplace_back("host", "127.0.0.1:8080");
  request.record = std::make_shared<RequestRecord>();
  return request;
}

int status(const Gate& gate, HttpRequest request) {
  const auto answer = gate.check(request);
  return answer ? answer->status : 200;
}

std::unique_ptr<KeyStore> one_key() {
  auto store =
      KeyStore::parse("a " + hex(sha256("KEY")) + "\nm " + hex(sha256("METRICS")) + " metrics\n", "keys", {});
  return *std::move(store);
}

// A path of the table that a request can have.
std::string example(const Route& route) {
  std::string path = route.path;
  if (const size_t at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, "nano");
  return path;
}

TEST(Gate, EveryRouteWantsAKeyExceptTheOnesNamedHere) {
  const auto keys = one_key();
  const Gate gate({}, *keys);
  std::set<std::string> open;
  ASSERT_GT(routes().size(), 20u);
  for (const Route& route : routes()) {
    const std::string path = example(route);
    if (route.access == Route::Access::open) {
      if (find_web_asset(path) == nullptr) open.insert(path);  // the files of the web page
      continue;
    }
    EXPECT_EQ(status(gate, make_request(route.method, path)), 401) << path;
    EXPECT_EQ(status(gate, make_request(route.method, path, {{"authorization", "Bearer WRONG"}})), 401)
        << path;
    EXPECT_EQ(status(gate, make_request(route.method, path, {{"authorization", "Bearer KEY"}})), 200) << path;
    EXPECT_EQ(status(gate, make_request(route.method, path, {{"authorization", "bearer KEY"}})), 200) << path;
    EXPECT_EQ(status(gate, make_request(route.method, path, {{"x-api-key", "KEY"}})), 200) << path;
    EXPECT_EQ(status(gate, make_request(route.method, path, {{"x-api-key", "METRICS"}})),
              path == "/metrics" ? 200 : 403)
        << path;
    EXPECT_EQ(status(gate, make_request("DELETE", path)), 401) << path;
  }
  // Adding to what is open is a decision: this list and docs/serve.md say which.
  EXPECT_EQ(open, (std::set<std::string>{"/health", "/ready"}));
}

TEST(Gate, NoSpellingOfARouteGetsAround) {
  const auto keys = one_key();
  const Gate gate({}, *keys);
  for (const Route& route : routes()) {
    if (route.access == Route::Access::open) continue;
    const std::string path = example(route);
    std::string upper = path;
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    for (const std::string& trick :
         {"/" + path, path + "/", path + ".", path + "%20", path + ";x", path + "?key=KEY", "/." + path,
          "/x/.." + path, "/%2e" + path, "/%2f" + path.substr(1), upper, "/health/.." + path, path + "%00",
          "/health" + path, path + "%2f..%2f..%2fhealth", "/assets/.." + path}) {
      const auto target = read_target(trick);
      if (!target) continue;  // 400 before the gate
      EXPECT_EQ(status(gate, make_request(route.method, target->path)), 401) << trick;
    }
  }
}

TEST(Gate, PathsThatDoNotExistTellStrangersNothing) {
  const auto keys = one_key();
  const Gate gate({}, *keys);
  EXPECT_EQ(status(gate, make_request("GET", "/admin")), 401);
  EXPECT_EQ(status(gate, make_request("GET", "/admin", {{"authorization", "Bearer KEY"}})), 404);
  EXPECT_EQ(status(gate, make_request("PUT", "/v1/models", {{"authorization", "Bearer KEY"}})), 405);
}

TEST(Gate, WithoutKeysOnlyOurOwnNamesAndPages) {
  const auto keys = KeyStore::open_to_all({});
  GateOptions options;
  options.hosts = {"localhost", "127.0.0.1", "[::1]"};
  const Gate gate(options, *keys);
  EXPECT_EQ(status(gate, make_request("GET", "/v1/models")), 200);
  HttpRequest rebound = make_request("GET", "/v1/models");
  rebound.headers = {{"host", "evil.example:8080"}};
  EXPECT_EQ(status(gate, rebound), 403);
  rebound.headers = {{"host", "[::1]:8080"}};
  EXPECT_EQ(status(gate, rebound), 200);
  EXPECT_EQ(status(gate, make_request("POST", "/v1/chat/completions", {{"origin", "https://evil.example"}})),
            403);
  EXPECT_EQ(status(gate, make_request("POST", "/v1/chat/completions", {{"origin", "null"}})), 403);
  EXPECT_EQ(status(gate, make_request("POST", "/v1/chat/completions", {{"origin", "http://127.0.0.1:8080"}})),
            200);
  EXPECT_EQ(status(gate, make_request("POST", "/v1/chat/completions", {{"origin", "http://127.0.0.1:9999"}})),
            403);
}

TEST(Gate, NamesAreCheckedWhereverNoKeyIsAskedFor) {
  const auto keys = one_key();
  GateOptions options;
  options.hosts = {"localhost"};
  options.metrics_listener = 1;
  options.metrics_open = true;
  const Gate gate(options, *keys);
  HttpRequest rebound = make_request("GET", "/metrics");
  rebound.listener = 1;
  EXPECT_EQ(status(gate, rebound), 200) << "an address is no name";
  rebound.headers = {{"host", "evil.example:8080"}};
  EXPECT_EQ(status(gate, rebound), 403);
  rebound.headers = {{"host", "LOCALHOST:8080"}};
  EXPECT_EQ(status(gate, rebound), 200);
  rebound.headers = {{"host", "localhost.:8080"}};
  EXPECT_EQ(status(gate, rebound), 200);
  for (const char* none : {"", ":80"}) {
    rebound.headers = {{"host", none}};
    EXPECT_EQ(status(gate, rebound), 403) << none;
  }
  options.hosts.emplace_back("*");
  rebound.headers = {{"host", "any.example"}};
  EXPECT_EQ(status(Gate(options, *keys), rebound), 200);
}

TEST(Gate, APreflightMaySendWhatItAsksFor) {
  const auto keys = one_key();
  GateOptions options;
  options.cors_origins = {"https://app.example"};
  const Gate gate(options, *keys);
  const auto allowed = [&](const std::string& asked) {
    const auto answer = [&] {
      HttpRequest request = make_request("OPTIONS", "/v1/chat/completions",
                                         {{"origin", "https://app.example"},
                                          {"access-control-request-method", "POST"},
                                          {"access-control-request-headers", asked}});
      return gate.check(request);
    }();
    for (const auto& [name, value] : answer->headers) {
      if (name == "Access-Control-Allow-Headers") return value;
    }
    return std::string();
  };
  EXPECT_EQ(allowed("authorization,content-type,x-stainless-os"),
            "authorization,content-type,x-stainless-os");
  EXPECT_EQ(allowed("x\"y"), "");
}

TEST(Gate, ModelRoutesCountAgainstTheKey) {
  KeyLimits limits;
  limits.concurrent = 1;
  const auto keys = KeyStore::open_to_all(limits);
  const Gate gate({}, *keys);
  HttpRequest first = make_request("POST", "/v1/chat/completions");
  EXPECT_FALSE(gate.check(first));
  HttpRequest second = make_request("POST", "/api/chat");
  const auto refused = gate.check(second);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(status(gate, make_request("GET", "/v1/models")), 200);
  first.slot.reset();
  EXPECT_FALSE(gate.check(second));
}

}  // namespace
}  // namespace jaju::server
