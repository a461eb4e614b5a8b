#include "server/head_scan.h"

#include <gtest/gtest.h>

#include "server/target.h"

namespace jaju::server {
namespace {

using Verdict = HeadScan::Verdict;

const std::string kGood = "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

TEST(HeadScan, EveryBeginningOfAGoodHeadNeedsMore) {
  for (size_t n = 0; n < kGood.size(); ++n) {
    EXPECT_EQ(scan_head(kGood.substr(0, n), {}).verdict, Verdict::need_more) << n;
  }
  const HeadScan scan = scan_head(kGood + "hello", {});
  EXPECT_EQ(scan.verdict, Verdict::complete);
  EXPECT_EQ(scan.bytes, kGood.size());
}

TEST(HeadScan, RefusesAsSoonAsTheByteIsThere) {
  EXPECT_EQ(scan_head("GET / HTTP/1.1\n", {}).verdict, Verdict::refused);
  EXPECT_EQ(scan_head("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n", {}).verdict, Verdict::refused);
  EXPECT_EQ(scan_head("GET http://a/ HTTP/1.1\r\n", {}).verdict, Verdict::refused);
  EXPECT_EQ(scan_head(std::string("GET / HTTP/1.1\r\nX: \0", 20), {}).verdict, Verdict::refused);
}

TEST(HeadScan, LengthAndEncodingExcludeEachOther) {
  for (const char* fields : {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                             "transfer-encoding: Chunked\r\ncontent-length: 3\r\n"}) {
    const HeadScan scan = scan_head(std::string("POST / HTTP/1.1\r\nHost: a\r\n") + fields + "\r\n", {});
    EXPECT_EQ(scan.verdict, Verdict::refused);
    EXPECT_EQ(scan.status, 400);
  }
}

TEST(HeadScan, LimitsHold) {
  HttpLimits limits;
  limits.max_header_count = 3;
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(scan_head(head + "A: 1\r\nB: 2\r\n\r\n", limits).verdict, Verdict::complete);
  EXPECT_EQ(scan_head(head + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits).status, 431);
  limits.max_header_bytes = 64;
  EXPECT_EQ(scan_head(head + "A: " + std::string(64, 'x'), limits).status, 431);
  limits.max_header_bytes = 1 << 20;
  EXPECT_EQ(scan_head("GET /" + std::string(limits.max_target_bytes, 'x') + " HTTP/1.1\r\n", limits).status,
            414);
}

TEST(Target, IsDecodedOnce) {
  const auto target = read_target("/a%20b/%EA%B0%80?c=%2F");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a b/가");
  EXPECT_EQ(target->query, "c=%2F");
  EXPECT_TRUE(read_target("/"));
  EXPECT_TRUE(read_target("/a/"));
}

TEST(Target, WithTwoReadingsIsNone) {
  for (const char* raw :
       {"",     "a",     "*",       "//",        "//a",   "/a//b",  "/a//", "/.",      "/..",
        "/./a", "/a/..", "/a/../b", "/%2e%2e/a", "/%2f",  "/a%2Fb", "/%25", "/%",      "/%4",
        "/%zz", "/a\\b", "/a%5cb",  "/a%00",     "/a%0a", "/a#b",   "/%ff", "/%c0%af", "/%ed%a0%80"}) {
    EXPECT_FALSE(read_target(raw)) << raw;
  }
}

}  // namespace
}  // namespace jaju::server
