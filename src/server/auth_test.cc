#include "server/auth.h"

#include <gtest/gtest.h>

namespace jaju::server {
namespace {

std::string line(const std::string& name, const std::string& key, const std::string& rest = "") {
  return name + " " + hex(sha256(key)) + " " + rest + "\n";
}

TEST(KeyStore, FindsEachKeyAndNoOther) {
  auto store = KeyStore::parse(
      "# keys\n\n" + line("a", "A", "tenant=t priority=2 concurrent=3") + line("b", "B", "metrics"), "keys",
      {});
  ASSERT_TRUE(store.ok()) << store.message();
  const auto a = (*store)->find("A");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->name, "a");
  EXPECT_EQ(a->tenant, "tenant:t");
  EXPECT_EQ(a->priority, 2);
  EXPECT_EQ(a->limits.concurrent, 3);
  EXPECT_TRUE((*store)->find("B")->metrics_only);
  EXPECT_EQ((*store)->find("B")->tenant, "key:b");
  for (const char* wrong : {"", "a", "AA", "A ", "a\0", "C"})
    EXPECT_EQ((*store)->find(wrong), nullptr) << wrong;
  // A hash is not a key.
  EXPECT_EQ((*store)->find(hex(sha256("A"))), nullptr);
}

TEST(KeyStore, DamagedFilesAreRefusedWithTheirLine) {
  for (const std::string& text :
       {std::string(""), std::string("a\n"), std::string("a 1234\n"), line("a b", "A"), line("ä", "A"),
        line("a", "A") + line("a", "B"), line("a", "A") + line("b", "A"), line("a", "A", "admin"),
        line("a", "A", "concurrent=-1"), line("a", "A", "concurrent=x"), line("a", "A", "tenant=")}) {
    const auto store = KeyStore::parse(text, "keys", {});
    EXPECT_FALSE(store.ok()) << text;
    EXPECT_NE(store.message().find("keys"), std::string::npos);
  }
}

TEST(KeyStore, ANewReadingKeepsWhatWasUsed) {
  KeyLimits limits;
  limits.requests_per_minute = 1;
  auto store = KeyStore::parse(line("a", "A"), "keys", limits);
  auto fresh = KeyStore::parse(line("a", "A2") + line("b", "B"), "keys", limits);
  ASSERT_TRUE(store.ok() && fresh.ok());
  const Clock::time_point now = Clock::now();
  EXPECT_FALSE((*store)->find("A")->account->enter(limits, now));
  (*store)->replace(**fresh);
  EXPECT_EQ((*store)->find("A"), nullptr);
  EXPECT_TRUE((*store)->find("A2")->account->enter(limits, now));
  EXPECT_FALSE((*store)->find("B")->account->enter(limits, now));
}

TEST(Account, RatesRefillAndConcurrencyComesBack) {
  KeyLimits limits;
  limits.requests_per_minute = 60;
  limits.tokens_per_minute = 600;
  limits.concurrent = 2;
  Account account;
  Clock::time_point now = Clock::now();
  EXPECT_FALSE(account.enter(limits, now));
  EXPECT_FALSE(account.enter(limits, now));
  EXPECT_TRUE(account.enter(limits, now));  // two at a time
  account.leave();
  account.charge(limits, 1200, now);  // overdrawn: a request's length is known late
  const auto refusal = account.enter(limits, now);
  ASSERT_TRUE(refusal);
  EXPECT_NEAR(refusal->retry_after_seconds, 60, 1);
  now += std::chrono::seconds(62);
  EXPECT_FALSE(account.enter(limits, now));
  account.leave();
  EXPECT_EQ(account.running(), 1);
}

TEST(Keys, AreRandomAndAdmitted) {
  const Result<NewKey> one = make_key("alice"), two = make_key("alice");
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->key, two->key);
  EXPECT_EQ(one->key.size(), 5u + 43u);
  EXPECT_EQ(one->line.find(one->key), std::string::npos);
  const auto store = KeyStore::parse(one->line, "keys", {});
  ASSERT_TRUE(store.ok());
  EXPECT_NE((*store)->find(one->key), nullptr);
  EXPECT_FALSE(make_key("a b").ok());
}

TEST(Sha256, IsSha256) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace jaju::server
