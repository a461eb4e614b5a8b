#include "memory/machine_profile.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

MachineProfile sample() {
  MachineProfile p;
  p.machine = {"Some \"CPU\" 9", 8, int64_t{64} << 30};
  p.measured = "2026-11-28T14:00:00Z";
  p.threads = 4;
  p.speeds = {{1, 2e10, 1e11, 2e11, 4e11, 1.5e10, 1e11}, {4, 5e10, 4e11, 0, 1.6e12, 4e10, 5e11}};
  DriveProfile d;
  d.device = "259:2";
  d.where = "/models/한국어";
  d.extent_bytes = 24'817'664;
  d.speeds = {{true, 1 << 20, 8, 6.5e9}, {false, 1 << 20, 8, 2e9}};
  d.best = d.speeds[0];
  p.drives = {d};
  return p;
}

TEST(MachineProfile, ComesBackAsItWas) {
  const std::string text = to_json(sample());
  const auto again = parse_machine_profile(text, "file");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(to_json(*again), text);
  EXPECT_EQ(again->machine.cpu, "Some \"CPU\" 9");
  EXPECT_EQ(again->at(4)->int8, 1.6e12);
  EXPECT_EQ(again->at(2), nullptr);
  ASSERT_NE(again->drive("259:2"), nullptr);
  EXPECT_EQ(again->drive("259:2")->best.depth, 8);
  EXPECT_EQ(again->drive("8:0"), nullptr);
}

// Every field in turn taken away, and in turn of another type: one sentence that names it.
TEST(MachineProfile, EveryFieldIsAskedFor) {
  const std::string text = to_json(sample());
  for (const char* field :
       {"measured",        "machine", "cpu",          "cores", "memory_bytes", "threads",     "speeds",
        "stream",          "f32",     "bf16",         "int8",  "decode_bytes", "prompt_ops",  "drives",
        "device",          "where",   "extent_bytes", "best",  "direct",       "piece_bytes", "depth",
        "bytes_per_second"}) {
    const std::string quoted = "\"" + std::string(field) + "\":";
    const size_t at = text.find(quoted);
    ASSERT_NE(at, std::string::npos) << field;
    std::string gone = text;
    gone.replace(at, quoted.size(), "\"" + std::string(field) + "_\":");
    for (const std::string& damaged :
         {gone, text.substr(0, at + quoted.size()) + " null, \"x\":" + text.substr(at + quoted.size())}) {
      const auto result = parse_machine_profile(damaged, "file");
      ASSERT_FALSE(result.ok()) << field;
      EXPECT_NE(result.message().find(field), std::string::npos) << field << ": " << result.message();
    }
  }
}

TEST(MachineProfile, WhatIsRefusedAndWhy) {
  const std::string text = to_json(sample());
  const auto with = [&](const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.substr(0, at) + to + text.substr(at + from.size());
  };
  const std::pair<std::string, const char*> bad[] = {
      {"", "file"},
      {"[]", "no machine profile"},
      {with("jaju-machine", "jaju-packed"), "format"},
      {with("\"version\": 1", "\"version\": 2"), "version"},
      {with("\"threads\": 4", "\"threads\": 0"), "threads"},
      {with("\"threads\": 4", "\"threads\": -4"), "threads"},
      {with("\"cores\": 8", "\"cores\": 8.5"), "machine.cores"},
      {with("\"stream\": 20000000000.0", "\"stream\": -1"), "speeds[0].stream"},
      {with("\"depth\": 8", "\"depth\": 5000"), "drives[0].best.depth"},
      {with("\"piece_bytes\": 1048576", "\"piece_bytes\": 1048577"), "multiple of 4096"},
      {with("\"threads\": 4,\n   \"stream\"", "\"threads\": 1,\n   \"stream\""), "speeds[1].threads"},
  };
  for (const auto& [json, says] : bad) {
    const auto result = parse_machine_profile(json, "file");
    ASSERT_FALSE(result.ok()) << says;
    EXPECT_NE(result.message().find(says), std::string::npos) << says << " -> " << result.message();
    EXPECT_EQ(result.message().find('\n'), std::string::npos) << result.message();
  }
}

TEST(MachineProfile, TheFewestThreadsThatAreEnough) {
  // Four of eight give all the bandwidth, but products still gain.
  std::vector<ThreadSpeeds> s = {{1, 20, 0, 0, 10, 0, 0}, {4, 50, 0, 0, 40, 0, 0}, {8, 50, 0, 0, 80, 0, 0}};
  EXPECT_EQ(best_threads(s), 8);
  s[2].int8 = 41;  // two threads of a core share its units
  EXPECT_EQ(best_threads(s), 4);
  s[2].stream = 60;
  EXPECT_EQ(best_threads(s), 8);
  EXPECT_EQ(best_threads({{1, 20, 5, 0, 0, 0, 0}, {2, 15, 5, 0, 0, 0, 0}}), 1);  // no int8: f32 counts
  // Memory is best with few, products with many: all.
  EXPECT_EQ(best_threads({{1, 20, 5, 0, 0, 0, 0}, {2, 15, 9, 0, 0, 0, 0}}), 2);
  EXPECT_EQ(best_threads({}), 0);
}

constexpr int64_t kMiB = 1 << 20;

TEST(MachineProfile, TheLeastUnderWayThatIsFastEnough) {
  constexpr int64_t kExtent = 100 * kMiB;
  std::vector<ReadSpeed> s = {{true, 4 * kMiB, 1, 3.0}, {true, kMiB, 4, 6.8},  {true, kMiB, 8, 6.9},
                              {true, 4 * kMiB, 8, 7.0}, {false, kMiB, 8, 8.0}, {false, kMiB, 1, 1.0}};
  EXPECT_EQ(best_read(s, kExtent).depth, 4);
  EXPECT_TRUE(best_read(s, kExtent).direct);
  s[4].bytes_per_second = 9.0;  // more than a fifth faster
  EXPECT_FALSE(best_read(s, kExtent).direct);
  EXPECT_EQ(best_read(s, kExtent).depth, 8);
  EXPECT_EQ(best_read({{false, kMiB, 2, 5.0}}, kExtent).depth, 2);  // O_DIRECT was refused
  EXPECT_EQ(best_read({{true, kMiB, 2, 0.0}}, kExtent).depth, 2);
}

TEST(MachineProfile, MoreThanAnExtentUnderWayMustGainAFifth) {
  constexpr int64_t kExtent = 8 * kMiB;
  std::vector<ReadSpeed> s = {{true, kMiB, 8, 5.0}, {true, 4 * kMiB, 4, 5.9}, {false, 4 * kMiB, 4, 5.9}};
  EXPECT_EQ(best_read(s, kExtent).depth, 8);
  s[1].bytes_per_second = 6.1;
  EXPECT_EQ(best_read(s, kExtent).depth, 4);
  EXPECT_TRUE(best_read(s, kExtent).direct);
  s[2].bytes_per_second = 7.4;
  EXPECT_FALSE(best_read(s, kExtent).direct);
}

TEST(MachineProfile, TheLeadingReadsAreTheFastestAndOneOfEitherKind) {
  constexpr int64_t kExtent = 8 * kMiB;
  const std::vector<ReadSpeed> s = {{true, 4 * kMiB, 1, 3.0},   {true, kMiB, 4, 6.8},
                                    {false, kMiB, 8, 2.0},      {true, 4 * kMiB, 2, 7.0},
                                    {false, kMiB, 1, 1.0},      {true, 4 * kMiB, 8, 6.9},
                                    {true, 8 * kMiB, 16, 6.95}, {false, 8 * kMiB, 16, 0.5}};
  const std::vector<ReadSpeed> some = leading_reads(s, kExtent, 2);
  ASSERT_EQ(some.size(), 5u);
  EXPECT_EQ(some[0].bytes_per_second, 7.0);
  EXPECT_EQ(some[1].bytes_per_second, 6.95) << "the better one with more under way";
  EXPECT_EQ(some[2].bytes_per_second, 6.8);
  EXPECT_EQ(some[3].bytes_per_second, 2.0) << "the better one by the page cache";
  EXPECT_EQ(some[4].bytes_per_second, 0.5) << "the one of its kind";
  EXPECT_EQ(leading_reads(s, kExtent, 9).size(), s.size() - 2);
}

TEST(MachineProfile, OfThisMachineOnly) {
  const fs::path home = fs::path(testing::TempDir()) / "jaju-machine-profile-test";
  fs::remove_all(home);
  ASSERT_EQ(::setenv("JAJU_HOME", home.c_str(), 1), 0);
  EXPECT_FALSE(load_machine_profile().profile.has_value());
  EXPECT_EQ(load_machine_profile().note, "");  // nothing there is nothing amiss
  MachineProfile mine = sample();
  mine.machine = this_machine();
  EXPECT_GE(mine.machine.cores, 1);
  EXPECT_GT(mine.machine.memory_bytes, 0);
  ASSERT_TRUE(save_machine_profile(mine).ok());
  ASSERT_TRUE(load_machine_profile().profile.has_value());
  mine.machine.memory_bytes -= mine.machine.memory_bytes / 100;
  ASSERT_TRUE(save_machine_profile(mine).ok());
  EXPECT_TRUE(load_machine_profile().profile.has_value());
  mine.machine.cpu = "another";
  ASSERT_TRUE(save_machine_profile(mine).ok());
  EXPECT_FALSE(load_machine_profile().profile.has_value());
  EXPECT_NE(load_machine_profile().note.find("another machine"), std::string::npos);
  ASSERT_TRUE(write_file_atomic(machine_profile_file(), "{").ok());
  EXPECT_FALSE(load_machine_profile().profile.has_value());
  EXPECT_NE(load_machine_profile().note.find("jaju tune"), std::string::npos);
  EXPECT_EQ(load_machine_profile().note.find('\n'), std::string::npos);
  fs::remove_all(home);
  // A folder that cannot be made.
  ASSERT_EQ(::setenv("JAJU_HOME", "/proc/none", 1), 0);
  EXPECT_FALSE(save_machine_profile(mine).ok());
  ::unsetenv("JAJU_HOME");
}

TEST(MachineProfile, Devices) {
  const auto here = device_of(testing::TempDir());
  ASSERT_TRUE(here.ok());
  EXPECT_NE(here->find(':'), std::string::npos);
  EXPECT_FALSE(device_of("/nowhere/at/all").ok());
}

TEST(MachineProfile, FreeMemoryIsWithinTheCgroups) {
  const fs::path top = fs::path(testing::TempDir()) / ("jaju_cgroup_" + std::to_string(::getpid()));
  fs::create_directories(top / "a/b");
  const auto write = [&](const char* file, const char* text) { std::ofstream(top / file) << text; };
  EXPECT_FALSE(cgroup_room(top, "/a/b").has_value());
  write("a/b/memory.max", "max\n");
  write("a/b/memory.current", "100\n");
  EXPECT_FALSE(cgroup_room(top, "/a/b").has_value());
  write("a/memory.max", "1000\n");
  write("a/memory.current", "900\n");
  EXPECT_EQ(cgroup_room(top, "/a/b"), 100);
  // What was read from files makes room when it is needed.
  write("a/memory.stat", "anon 300\nfile 600\ninactive_file 400\nactive_file 150\nslab 5\n");
  EXPECT_EQ(cgroup_room(top, "/a/b"), 650);
  write("a/b/memory.max", "640\n");
  EXPECT_EQ(cgroup_room(top, "/a/b"), 540);
  EXPECT_EQ(cgroup_room(top, "/a"), 650);
  write("a/memory.max", "200\n");
  EXPECT_EQ(cgroup_room(top, "/a/b"), 0);
  // Version 1, which writes a number where there is no limit.
  fs::create_directories(top / "one/two");
  write("one/memory.limit_in_bytes", "2000\n");
  write("one/memory.usage_in_bytes", "1900\n");
  write("one/memory.stat",
        "inactive_file 10\nactive_file 0\ntotal_inactive_file 300\ntotal_active_file 50\n");
  write("one/two/memory.limit_in_bytes", "9223372036854771712\n");
  write("one/two/memory.usage_in_bytes", "1800\n");
  EXPECT_EQ(cgroup_room(top / "one", "/two"), 450);
  fs::remove_all(top);
  ASSERT_TRUE(free_memory().has_value());
  EXPECT_GT(*free_memory(), 0);
}

}  // namespace
}  // namespace jaju
