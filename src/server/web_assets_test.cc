#include "server/web_assets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace jaju {
namespace {

const std::filesystem::path kDist = std::filesystem::path(JAJU_TESTS_DIR).parent_path() / "web/dist";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(WebAssets, AreTheBytesOfWebDist) {
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kDist)) {
    if (!entry.is_regular_file() || entry.path().filename() == "sources.sha") continue;
    ++n_files;
    const std::string path = "/" + std::filesystem::relative(entry.path(), kDist).string();
    const WebAsset* asset = find_web_asset(path);
    ASSERT_NE(asset, nullptr) << path;
    EXPECT_EQ(asset->path, path);
    EXPECT_TRUE(asset->body == read_file(entry.path())) << path << " differs from web/dist";
  }
  EXPECT_EQ(n_files, web_assets().size());
  EXPECT_GT(n_files, 3u);
}

TEST(WebAssets, RootIsTheIndex) {
  const WebAsset* index = find_web_asset("/");
  ASSERT_NE(index, nullptr);
  EXPECT_EQ(index, find_web_asset("/index.html"));
  EXPECT_EQ(index->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(index->cache_control, "no-cache");
}

TEST(WebAssets, OtherPathsDoNotExist) {
  for (const char* path : {"", "index.html", "//", "//index.html", "/index.html/", "/../index.html",
                           "/assets", "/assets/", "/sources.sha", "/Index.html", "/\xff", "/zzz"}) {
    EXPECT_EQ(find_web_asset(path), nullptr) << path;
  }
}

TEST(WebAssets, HashedNamesMayBeKeptAndEtagsDiffer) {
  std::vector<std::string_view> etags;
  for (const WebAsset& asset : web_assets()) {
    EXPECT_EQ(asset.cache_control.find("immutable") != std::string_view::npos,
              asset.path.starts_with("/assets/"))
        << asset.path;
    EXPECT_EQ(asset.etag.front(), '"');
    EXPECT_EQ(asset.etag.back(), '"');
    etags.push_back(asset.etag);
  }
  std::sort(etags.begin(), etags.end());
  EXPECT_EQ(std::adjacent_find(etags.begin(), etags.end()), etags.end());
}

// The page must work without a network, and no injected markup may run: the policy names no other origin and
// nothing inline.
TEST(WebAssets, PolicyIsStrict) {
  const std::string_view policy = web_content_security_policy();
  EXPECT_TRUE(policy.starts_with("default-src 'none'; ")) << policy;
  for (const char* word : {"unsafe", "http", "*", "data:", "blob:", "\n"}) {
    EXPECT_EQ(policy.find(word), std::string_view::npos) << word;
  }
  for (const char* word :
       {"script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
        "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"}) {
    EXPECT_NE(policy.find(word), std::string_view::npos) << word;
  }
}

TEST(WebAssets, NamesNoOtherHost) {
  const std::string_view index = find_web_asset("/")->body;
  EXPECT_EQ(index.find("http://"), std::string_view::npos);
  EXPECT_EQ(index.find("https://"), std::string_view::npos);
  EXPECT_EQ(index.find("<style"), std::string_view::npos);
  EXPECT_EQ(index.find("style="), std::string_view::npos);
  // Every script has a src.
  for (size_t at = index.find("<script"); at != std::string_view::npos; at = index.find("<script", at + 1)) {
    EXPECT_NE(index.substr(at, index.find('>', at) - at).find(" src="), std::string_view::npos);
  }
}

}  // namespace
}  // namespace jaju
