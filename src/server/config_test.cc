#include "server/config.h"

#include <gtest/gtest.h>

#include <set>

namespace jaju::server {
namespace {

TEST(ServeConfig, ReadsEverySettingOfAFile) {
  ServeConfig config;
  const Status read = apply_config_text(
      "# a comment\nmodel = \"nano\"\nport = 9000\nname = [\"a\", \"b\"]\nthink = true\nmax_body = "
      "\"1MiB\"\nheader_timeout = 2.5\n"
      "requests_per_minute = 60\naccess_log = \"off\"\nmemory = \"6.3G\"\ncache_bytes = \"2Gi\"\n"
      "reader = \"uring\"\nread_size = \"4Mi\"\nread_depth = 8\n",
      "f", &config);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(config.model, "nano");
  EXPECT_EQ(config.server.port, 9000);
  EXPECT_EQ(config.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.think, true);
  EXPECT_EQ(config.server.http.max_body_bytes, 1u << 20);
  EXPECT_EQ(config.server.http.header_timeout.count(), 2500);
  EXPECT_EQ(config.key_limits.requests_per_minute, 60);
  EXPECT_EQ(config.memory, 6'300'000'000);
  EXPECT_EQ(config.cache_bytes, int64_t{2} << 30);
  EXPECT_EQ(config.reader, "uring");
  EXPECT_EQ(config.read_size, int64_t{4} << 20);
  EXPECT_EQ(config.read_depth, 8);
}

TEST(ServeConfig, MistakesNameFileLineAndSetting) {
  ServeConfig config;
  for (const auto& [text, says] :
       std::vector<std::pair<std::string, std::string>>{{"port = 1\nprot = 2\n", "line 2, prot"},
                                                        {"port = -1\n", "port"},
                                                        {"port = \"x\"\n", "port"},
                                                        {"think = 2\n", "think"},
                                                        {"max_body = \"1 parsec\"\n", "max_body"},
                                                        {"header_timeout = nan\n", "header_timeout"},
                                                        {"port = 1\nport = 2\n", "line 2"},
                                                        {"[server]\nport = 1\n", "server"},
                                                        {"kv = \"f64\"\n", "kv"},
                                                        {"reader = \"mmap\"\n", "reader"},
                                                        {"read_depth = 0\n", "read_depth"},
                                                        {"read_size = \"1Ki\"\n", "4096"},
                                                        {"= 3", "line 1"},
                                                        {"포트 = 3", "line 1"},
                                                        {"name = [1]\n", "name"}}) {
    const Status read = apply_config_text(text, "f", &config);
    EXPECT_FALSE(read.ok()) << text;
    EXPECT_NE(read.message().find(says), std::string::npos) << read.message();
  }
}

TEST(ServeConfig, TheEnvironmentNamesSettingsToo) {
  ServeConfig config;
  std::string one = "JAJU_SERVE_MAX_SEQUENCES=7", other = "HOME=/", model = "JAJU_SERVE_MODEL=m";
  char* good[] = {one.data(), other.data(), model.data(), nullptr};
  ASSERT_TRUE(apply_environment(good, &config).ok());
  EXPECT_EQ(config.max_sequences, 7);
  EXPECT_EQ(config.model, "m");
  std::string wrong = "JAJU_SERVE_PROT=1";
  char* bad[] = {wrong.data(), nullptr};
  EXPECT_FALSE(apply_environment(bad, &config).ok());
}

TEST(ServeConfig, NamesAreUnique) {
  std::set<std::string> flags;
  for (const Setting& setting : settings())
    EXPECT_TRUE(flags.insert(flag_of(setting)).second) << setting.name;
}

}  // namespace
}  // namespace jaju::server
