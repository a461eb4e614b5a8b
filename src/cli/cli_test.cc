#include "cli/cli.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/doctor_checks.h"
#include "cli/model_path.h"
#include "cli/repl.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

TEST(Nearest, FindsSlipsOnly) {
  const std::vector<std::string> verbs = {"run", "show", "tokenize", "logits", "doctor", "version"};
  EXPECT_EQ(nearest("rnu", verbs), "run");
  EXPECT_EQ(nearest("shwo", verbs), "show");
  EXPECT_EQ(nearest("tokenise", verbs), "tokenize");
  EXPECT_EQ(nearest("docter", verbs), "doctor");
  EXPECT_EQ(nearest("vers", verbs), "version");
  EXPECT_EQ(nearest("serve", verbs), "");
  EXPECT_EQ(nearest("x", verbs), "");
  EXPECT_EQ(nearest("", verbs), "");
}

TEST(Readable, ShowsWhatIsNoText) {
  EXPECT_EQ(readable("안a"), "안a");
  EXPECT_EQ(readable("a\n\t\x1b"), "a\\n\\t\\x1b");
  EXPECT_EQ(readable("\xec\x95"), "\\xec\\x95");
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(with_commas(518983059456), "518,983,059,456");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-12345), "-12,345");
  EXPECT_EQ(short_count(518983059456), "519 B");
  EXPECT_EQ(short_count(32780000000), "32.8 B");
  EXPECT_EQ(short_count(240000), "240 k");
}

TEST(ParseIds, TakesListsAndNamesMistakes) {
  EXPECT_EQ(*parse_ids("1,2,3", "x"), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(*parse_ids(" 7 , -1\n", "x"), (std::vector<int32_t>{7, -1}));
  for (const char* bad : {"", " ", ",", "1,", "1,,2", "1 2", "a", "1.5", "99999999999", "1;2", "[1,2]"}) {
    const Result<std::vector<int32_t>> ids = parse_ids(bad, "--tokens");
    ASSERT_FALSE(ids.ok()) << bad;
    EXPECT_NE(ids.message().find("--tokens"), std::string::npos);
  }
}

TEST(LooksLikePath, TellsPathsFromPrompts) {
  EXPECT_TRUE(looks_like_path("models/nano"));
  EXPECT_TRUE(looks_like_path("./x"));
  EXPECT_TRUE(looks_like_path("/data/A.X-K1/"));
  EXPECT_TRUE(looks_like_path("skt/A.X-K1"));
  EXPECT_FALSE(looks_like_path("hello"));
  EXPECT_FALSE(looks_like_path("1/2+1/3"));
  EXPECT_FALSE(looks_like_path("1/2"));
  EXPECT_FALSE(looks_like_path("what is a/b?"));
  for (const char* name : {"s3", "A.X-K1", "nano_q4", "k1-q4i"}) EXPECT_TRUE(looks_like_name(name)) << name;
  for (const char* word : {"", "what", "Hello.", "17", "1/2", "2+2", "사과", "what-is this"})
    EXPECT_FALSE(looks_like_name(word)) << word;
  EXPECT_FALSE(looks_like_path("사과 12개"));
}

TEST(FindModel, ErrorsSayWhereItLooked) {
  const Result<fs::path> missing = find_model("no-such-model");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.message().find("models/no-such-model"), std::string::npos) << missing.message();
  EXPECT_FALSE(find_model("").ok());
  EXPECT_FALSE(find_model("../..").ok());
  EXPECT_FALSE(is_model(std::string(100000, 'a')));
  EXPECT_TRUE(find_model(JAJU_TESTS_DIR "/golden/tiny-chat").ok());
  EXPECT_TRUE(find_model(JAJU_TESTS_DIR "/golden/tiny-chat/config.json").ok());
}

TEST(SetParameter, ChangesOneFieldOrNothing) {
  AskOptions options;
  EXPECT_TRUE(set_parameter("temperature", {"0.25"}, 100, &options).ok());
  EXPECT_EQ(options.sampling.temperature, 0.25f);
  EXPECT_TRUE(set_parameter("seed", {"42"}, 100, &options).ok());
  EXPECT_TRUE(options.fixed_seed);
  EXPECT_EQ(options.sampling.seed, 42u);
  EXPECT_TRUE(set_parameter("num_predict", {"7"}, 100, &options).ok());
  EXPECT_EQ(options.sampling.max_tokens, 7);
  EXPECT_TRUE(set_parameter("stop", {"a", "b"}, 100, &options).ok());
  EXPECT_EQ(options.stop, (std::vector<std::string>{"a", "b"}));
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"temperature", "-1"},
                                                                                    {"temperature", "hot"},
                                                                                    {"top_p", "2"},
                                                                                    {"top_k", "1.5"},
                                                                                    {"colour", "red"},
                                                                                    {"seed", ""}}) {
    EXPECT_FALSE(set_parameter(name, {value}, 100, &options).ok()) << name;
  }
  EXPECT_EQ(options.sampling.temperature, 0.25f);
}

// A made-up /proc and /sys.
class FakeMachine : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  Check find(const std::string& name) {
    for (const Check& check : check_machine(root_)) {
      if (check.name == name) return check;
    }
    ADD_FAILURE() << "no check " << name;
    return {};
  }
  fs::path root_ = fs::temp_directory_path() / ("jaju-doctor-" + std::to_string(::getpid()));
};

TEST_F(FakeMachine, WarnsOfWhatIsAmiss) {
  put("proc/meminfo",
      "MemTotal:       16000000 kB\nMemAvailable:     100000 kB\nSwapTotal:       1000 kB\nSwapFree:         "
      "100 kB\n");
  put("proc/self/cgroup", "0::/box/inner\n");
  put("sys/fs/cgroup/box/memory.max", "2000000000\n");
  put("sys/fs/cgroup/box/inner/memory.max", "max\n");
  put("sys/fs/cgroup/box/inner/cpu.max", "150000 100000\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n");
  for (const char* name : {"memory", "swap", "cgroup", "huge pages", "governor"}) {
    const Check check = find(name);
    EXPECT_EQ(check.level, Level::warn) << name;
    EXPECT_FALSE(check.cost.empty()) << name;
    EXPECT_FALSE(check.fix.empty()) << name;
  }
  EXPECT_NE(find("cgroup").finding.find("2.00 GB"), std::string::npos) << find("cgroup").finding;
  EXPECT_NE(find("cgroup").finding.find("1.5 CPUs"), std::string::npos) << find("cgroup").finding;
}

TEST_F(FakeMachine, KnowsLimitsOfOldCgroups) {
  put("proc/self/cgroup", "4:memory:/old/inner\n0::/\n");
  put("sys/fs/cgroup/memory/old/memory.limit_in_bytes", "3000000000\n");
  put("sys/fs/cgroup/memory/old/inner/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_NE(find("cgroup").finding.find("3.00 GB"), std::string::npos) << find("cgroup").finding;
}

TEST_F(FakeMachine, IsContentWithAGoodOne) {
  put("proc/meminfo",
      "MemTotal:       16000000 kB\nMemAvailable:   12000000 kB\nSwapTotal:       0 kB\nSwapFree:         0 "
      "kB\n");
  put("proc/self/cgroup", "4:memory:/old\n0::/\n");
  put("sys/fs/cgroup/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/memory/old/memory.limit_in_bytes", "9223372036854771712\n");  // of version 1: none
  put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
      "intel_pstate\n");  // its powersave still speeds up
  for (const char* name : {"memory", "swap", "cgroup", "huge pages", "governor", "numa"}) {
    EXPECT_EQ(find(name).level, Level::ok) << name << ": " << find(name).finding;
  }
}

TEST_F(FakeMachine, KnowsWhatMayStayOnTheDisk) {
  put("proc/meminfo", "MemTotal:       2000 kB\nMemAvailable:   1000 kB\n");
  EXPECT_EQ(check_fit(900'000, 0, root_).level, Level::ok);
  EXPECT_EQ(check_fit(9'000'000, 0, root_).level, Level::warn);          // not packed
  EXPECT_EQ(check_fit(9'000'000, 5'000'000, root_).level, Level::warn);  // the rest does not fit either
  const Check packed = check_fit(9'000'000, 8'500'000, root_);
  EXPECT_EQ(packed.level, Level::ok);
  EXPECT_NE(packed.finding.find("jaju plan"), std::string::npos) << packed.finding;
}

TEST(DoctorModel, FailsWhereTheModelIsDamaged) {
  const fs::path dir = fs::temp_directory_path() / ("jaju-model-" + std::to_string(::getpid()));
  fs::create_directories(dir);
  std::ofstream(dir / "config.json") << "{";
  bool failed = false;
  for (const Check& check : check_model(dir)) failed = failed || check.level == Level::fail;
  EXPECT_TRUE(failed);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace jaju::cli
