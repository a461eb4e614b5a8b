// Small talk, small facts and plain text.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <map>
#include <set>
#include <string>

#include "base/utf8.h"
#include "data/problem.h"
#include "data/synth/families.h"
#include "data/synth/small_facts.h"
#include "data/synth/small_talk_lines.h"
#include "data/synth/text.h"
#include "data/synth/text_words.h"

namespace jaju::data {
namespace {

TEST(SmallTalk, HasTheSameIntentsInEveryLanguage) {
  const size_t intents = talks(Language::en).size();
  EXPECT_GE(intents, 25u);
  for (const Language language : kLanguages) {
    EXPECT_EQ(talks(language).size(), intents);
    std::map<std::string_view, std::string_view> answers;  // one question, one answer
    for (const Talk& talk : talks(language)) {
      EXPECT_GE(talk.questions.size(), 3u);
      for (const std::string_view q : talk.questions)
        EXPECT_TRUE(answers.emplace(q, talk.answer).second) << q;
    }
  }
}

TEST(SmallFacts, HaveOneAnswer) {
  for (const Language language : kLanguages) {
    std::map<std::string_view, std::string_view> opposite;
    for (const Opposite& row : opposites()) {
      EXPECT_TRUE(
          opposite.emplace(in_language(row.word, language), in_language(row.opposite, language)).second);
      EXPECT_TRUE(
          opposite.emplace(in_language(row.opposite, language), in_language(row.word, language)).second)
          << in_language(row.opposite, language);
    }
    std::set<std::string_view> words;
    for (const FiveWords& word : common_words()) {
      EXPECT_TRUE(words.insert(in_language(word, language)).second) << in_language(word, language);
    }
  }
}

TEST(ChatFamilies, HoldTogether) {
  for (const Family& family : chat_families()) {
    for (const Language language : kLanguages) {
      std::set<std::string> questions;
      std::map<std::string, std::string> answers;
      for (uint64_t seed = 0; seed < 4000; ++seed) {
        Dice dice(seed);
        const Problem p = family.make(dice, language, 1);
        EXPECT_TRUE(utf8_valid(p.question));
        EXPECT_EQ(p.question.find_first_of("{}|"), std::string::npos) << p.question;
        EXPECT_TRUE(answer_matches(p.answer, p.expected)) << p.answer;
        EXPECT_FALSE(answer_matches("I do not know", p.expected));
        const auto [at, fresh] = answers.emplace(p.question, p.answer);
        EXPECT_EQ(at->second, p.answer) << p.question;
        questions.insert(p.question);
      }
      EXPECT_GE(questions.size(), 500u) << family.task << " " << code_of(language);
    }
  }
}

TEST(PlainText, SpellsNumbers) {
  EXPECT_EQ(number_in_words(Language::ko, 12), "십이");
  EXPECT_EQ(number_in_words(Language::ko, 40), "사십");
  EXPECT_EQ(native_number(12, true), "열두");
  EXPECT_EQ(native_number(12, false), "열둘");
  EXPECT_EQ(native_number(20, true), "스무");
  EXPECT_EQ(native_number(21, true), "스물한");
  EXPECT_EQ(number_in_words(Language::en, 13), "thirteen");
  EXPECT_EQ(number_in_words(Language::en, 40), "forty");
  EXPECT_EQ(number_in_words(Language::en, 99), "ninety-nine");
  EXPECT_EQ(number_in_words(Language::es, 16), "dieciséis");
  EXPECT_EQ(number_in_words(Language::es, 22), "veintidós");
  EXPECT_EQ(number_in_words(Language::es, 31), "treinta y uno");
  EXPECT_EQ(number_in_words(Language::zh, 10), "十");
  EXPECT_EQ(number_in_words(Language::zh, 20), "二十");
  EXPECT_EQ(number_in_words(Language::ja, 0), "ゼロ");
}

TEST(PlainText, FillsEverySkeleton) {
  EXPECT_GE(text_skeletons(Language::ko).size(), 60u);
  EXPECT_GE(text_skeletons(Language::en).size(), 60u);
  for (const Language language : kLanguages) {
    EXPECT_GE(text_skeletons(language).size(), 15u);
    for (const std::string_view skeleton : text_skeletons(language)) {
      for (uint64_t seed = 0; seed < 50; ++seed) {
        Dice dice(seed);
        const std::string text = fill_text(dice, language, skeleton);
        EXPECT_EQ(text.find_first_of("{}|"), std::string::npos) << text;
        EXPECT_EQ(text.find("  "), std::string::npos) << text;
        EXPECT_EQ(text.find("-("), std::string::npos) << text;
        EXPECT_TRUE(utf8_valid(text));
      }
    }
  }
}

TEST(PlainText, VariesAndIsTheSameEverywhere) {
  std::string all;
  for (const Language language : kLanguages) {
    std::set<std::string> texts;
    size_t bytes = 0;
    for (uint64_t seed = 0; seed < 3000; ++seed) {
      Dice dice(seed);
      const std::string text = make_text(dice, language);
      EXPECT_GE(text.size(), 25u) << text;
      EXPECT_LE(text.size(), 900u) << text;
      bytes += text.size();
      texts.insert(text);
      if (seed < 50) all += text + '\0';
    }
    EXPECT_GE(texts.size(), 1800u) << code_of(language);
    EXPECT_GE(bytes / 3000, 100u);
  }
  for (const Family& family : chat_families()) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      Dice dice(seed);
      const Problem p = family.make(dice, kLanguages[seed % 5], 1);
      all += p.question + '\0' + p.thinking + '\0' + p.answer + '\0';
    }
  }
  // As in code_test.cc: any change of the words changes it.
  EXPECT_EQ(XXH3_64bits(all.data(), all.size()), 5163181601751627339u);
}

}  // namespace
}  // namespace jaju::data
