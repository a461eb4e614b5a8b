// English clocks, dates and logic against other ways to the answer: the calendar of the C++ library, minutes
// since midnight, and searches through every world a puzzle allows. The questions are read back from their
// text.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "data/synth/families.h"

namespace jaju::data {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;

constexpr uint64_t kDraws = 4000;

// Calls `check` with English problems of a family.
template <typename Check>
void for_problems(std::string_view task, Check check) {
  int met = 0;
  for (const auto part : {word_families(), clock_families(), logic_families()}) {
    for (const Family& family : part) {
      if (family.task != task) continue;
      for (uint64_t seed = 0; seed < kDraws; ++seed) {
        Dice dice(seed + 5);
        const int difficulty = 1 + static_cast<int>(seed % static_cast<uint64_t>(family.levels));
        const Problem p = family.make(dice, Language::en, difficulty);
        SCOPED_TRACE(p.question + "\n" + p.thinking);
        ++met;
        check(p, difficulty);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
  EXPECT_EQ(met, static_cast<int>(kDraws));
}

// The matches point into `text`.
std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

std::vector<std::smatch> all_matches(std::string&&, const std::regex&) = delete;

std::vector<int> numbers(const std::string& text) {
  static const std::regex kNumber("[0-9]+");
  std::vector<int> out;
  for (const auto& match : all_matches(text, kNumber)) out.push_back(std::stoi(match.str()));
  return out;
}

int minutes_of(const std::string& time) {
  return std::stoi(time.substr(0, 2)) * 60 + std::stoi(time.substr(3, 2));
}

TEST(Puzzle, Clocks) {
  static const std::regex kTime("[0-9]{2}:[0-9]{2}");
  static const std::regex kSpan("([0-9]+) (hour|minute)");
  static const std::regex kBack("ago|before|after a trip|ends at");
  for_problems("clock", [](const Problem& p, int) {
    const auto times = all_matches(p.question, kTime);
    ASSERT_EQ(times.size(), 1u);
    int span = 0;
    for (const auto& match : all_matches(p.question, kSpan)) {
      span += std::stoi(match[1]) * (match[2] == "hour" ? 60 : 1);
    }
    const bool back = std::regex_search(p.question, kBack);
    EXPECT_EQ(minutes_of(p.expected),
              (minutes_of(times[0].str()) + (back ? -span : span) + 24 * 60) % (24 * 60));
  });
  for_problems("duration", [](const Problem& p, int) {
    const auto times = all_matches(p.question, kTime);
    ASSERT_EQ(times.size(), 2u);
    const int apart = minutes_of(times[1].str()) - minutes_of(times[0].str());
    EXPECT_EQ(std::stoi(p.expected), (apart + 24 * 60) % (24 * 60));
  });
}

const std::vector<std::string> kWeekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
const std::vector<std::string> kMonths{"January", "February", "March",     "April",   "May",      "June",
                                       "July",    "August",   "September", "October", "November", "December"};
int index_in(const std::vector<std::string>& list, const std::string& word) {
  return static_cast<int>(std::find(list.begin(), list.end(), word) - list.begin());
}
const std::string kMonth =
    "(January|February|March|April|May|June|July|August|September|October|November|December)";
const std::regex kDate(kMonth + " ([0-9]+)(?:, ([0-9]{4}))?");

sys_days day_of(const std::smatch& match, int y) {
  return sys_days(year(y) / month(static_cast<unsigned>(index_in(kMonths, match[1]) + 1)) /
                  day(static_cast<unsigned>(std::stoi(match[2]))));
}

TEST(Puzzle, Dates) {
  static const std::regex kWeekday("Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday");
  for_problems("weekday", [](const Problem& p, int) {
    const int from = index_in(kWeekdays, all_matches(p.question, kWeekday).at(0).str());
    const auto dates = all_matches(p.question, kDate);
    int days = 0;
    if (dates.size() == 2) {  // no question crosses a February, so any year will do
      days = (day_of(dates[1], 2023) - day_of(dates[0], 2023)).count();
    } else {
      days = numbers(p.question).at(0);
      if (p.question.find("ago") != p.question.npos || p.question.find("before") != p.question.npos)
        days = -days;
    }
    EXPECT_EQ(p.expected, kWeekdays[static_cast<size_t>(((from + days) % 7 + 7) % 7)]);
  });
  for_problems("date", [](const Problem& p, int difficulty) {
    const auto dates = all_matches(p.question, kDate);
    int y = 2023;
    for (const auto& match : dates) {
      if (match[3].matched) y = std::stoi(match[3]);
    }
    if (dates.size() == 2) {
      const auto apart = (day_of(dates[1], y) - day_of(dates[0], y)).count();
      EXPECT_EQ(std::stoi(p.expected), std::abs(apart));
      EXPECT_EQ(difficulty % 2, 1);
    } else {
      static const std::regex kDays("([0-9]+) days");
      const int days = std::stoi(all_matches(p.question, kDays).at(0)[1]);
      const std::chrono::year_month_day at(day_of(dates.at(0), y) + std::chrono::days(days));
      EXPECT_EQ(p.expected, kMonths[static_cast<unsigned>(at.month()) - 1] + " " +
                                std::to_string(static_cast<unsigned>(at.day())));
    }
  });
  for_problems("calendar", [](const Problem& p, int) {
    static const std::regex kName(kMonth);
    const auto found = all_matches(p.question, kName);
    const auto n = numbers(p.question);
    if (p.expected == "yes" || p.expected == "no") {
      const int y = *std::max_element(n.begin(), n.end());
      EXPECT_EQ(p.expected == "yes", year(y).is_leap());
    } else if (p.expected.find_first_not_of("0123456789") == std::string::npos) {
      const auto m = month(static_cast<unsigned>(index_in(kMonths, found.at(0)[1]) + 1));
      const std::chrono::year_month_day_last last(year(n.at(0)), std::chrono::month_day_last(m));
      EXPECT_EQ(p.expected, std::to_string(static_cast<unsigned>(last.day())));
    } else {
      const int at = (index_in(kMonths, found.at(0)[1]) + n.at(0)) % 12;
      EXPECT_EQ(p.expected, kMonths[static_cast<size_t>(at)]);
    }
  });
}

TEST(Puzzle, NumbersAndLists) {
  static const std::regex kProduct("([0-9]+)(?:([+*])([0-9]+))?");
  for_problems("parity", [](const Problem& p, int difficulty) {
    const auto n = numbers(p.question);
    bool yes = false;
    if (difficulty >= 4) {
      yes = std::max(n.at(0), n.at(1)) % std::min(n.at(0), n.at(1)) == 0;
    } else {
      const std::string rest = p.question.starts_with("Does 2 ") ? p.question.substr(7) : p.question;
      const auto match = all_matches(rest, kProduct).at(0);
      int value = std::stoi(match[1]);
      if (match[2] == "+") value += std::stoi(match[3]);
      if (match[2] == "*") value *= std::stoi(match[3]);
      yes = (p.question.find("odd") != p.question.npos) == (value % 2 == 1);
    }
    EXPECT_EQ(p.expected, yes ? "yes" : "no");
  });
  static const std::regex kList("[0-9]+(?:, [0-9]+)+");
  for_problems("set", [](const Problem& p, int difficulty) {
    const auto lists = all_matches(p.question, kList);
    std::vector<std::set<int>> sets;
    std::string rest = p.question;
    for (const auto& match : lists) {
      const auto n = numbers(match.str());
      sets.emplace_back(n.begin(), n.end());
      rest.replace(rest.find(match.str()), match.str().size(), "");
    }
    if (difficulty <= 2) {
      EXPECT_EQ(p.expected, sets.at(0).contains(numbers(rest).at(0)) ? "yes" : "no");
    } else if (difficulty == 3) {
      const int bound = numbers(rest).at(0);
      EXPECT_EQ(std::stoi(p.expected),
                std::count_if(sets.at(0).begin(), sets.at(0).end(), [&](int v) { return v > bound; }));
    } else {
      std::set<int> both = sets.at(0);
      both.insert(sets.at(1).begin(), sets.at(1).end());
      const size_t common = sets[0].size() + sets[1].size() - both.size();
      const bool is_union = rest.find("different") != rest.npos || rest.find("union") != rest.npos;
      EXPECT_EQ(std::stoul(p.expected), is_union ? both.size() : common);
    }
  });
  for_problems("average", [](const Problem& p, int) {
    auto n = numbers(p.question);
    // A number that does not matter makes four: the three that count are named in a row.
    static const std::regex kThree("([0-9]+)(?: kg)?, ([0-9]+)(?: kg)?,? and ([0-9]+)");
    const auto match = all_matches(p.question, kThree).at(0);
    EXPECT_EQ(3 * std::stoi(p.expected), std::stoi(match[1]) + std::stoi(match[2]) + std::stoi(match[3]));
  });
  for_problems("percent", [](const Problem& p, int) {
    static const std::regex kPercent("([0-9]+)(?:%| percent)");
    const auto match = all_matches(p.question, kPercent).at(0);
    const int percent = std::stoi(match[1]);
    std::string rest = p.question;
    rest.replace(static_cast<size_t>(match.position()), static_cast<size_t>(match.length()), "");
    const int whole = numbers(rest).at(0);
    static const std::regex kUp("plus|up by");
    static const std::regex kOff("off|discount|less");
    const int part = whole * percent;
    const int hundredfold = std::regex_search(rest, kUp)    ? 100 * whole + part
                            : std::regex_search(rest, kOff) ? 100 * whole - part
                                                            : part;
    EXPECT_EQ(std::stoi(p.expected) * 100, hundredfold);
  });
}

TEST(Puzzle, Orders) {
  static const std::regex kFact("([A-Z][a-z]+) (?:is (\\w+) than|has a (\\w+) score than) ([A-Z][a-z]+)");
  static const std::set<std::string> kMore{"taller", "older", "faster", "heavier", "higher"};
  for_problems("order", [](const Problem& p, int) {
    std::set<std::pair<std::string, std::string>> above;
    std::set<std::string> who;
    for (const auto& m : all_matches(p.question, kFact)) {
      const std::string word = m[2].matched ? m[2] : m[3];
      const bool more = kMore.contains(word);
      above.insert(more ? std::pair(m[1].str(), m[4].str()) : std::pair(m[4].str(), m[1].str()));
      who.insert(m[1]);
      who.insert(m[4]);
    }
    // Every order of the people that agrees with the facts: there is one.
    std::vector<std::string> order(who.begin(), who.end());
    std::vector<std::vector<std::string>> fitting;
    do {
      const auto place = [&](const std::string& name) { return index_in(order, name); };
      if (std::all_of(above.begin(), above.end(),
                      [&](const auto& f) { return place(f.first) < place(f.second); })) {
        fitting.push_back(order);
      }
    } while (std::next_permutation(order.begin(), order.end()));
    ASSERT_EQ(fitting.size(), 1u);
    static const std::regex kLeast("shortest|youngest|slowest|lightest|lowest");
    const auto& only = fitting[0];
    const bool second = p.question.find("second") != p.question.npos;
    EXPECT_EQ(p.expected, second ? only[1] : std::regex_search(p.question, kLeast) ? only.back() : only[0]);
  });
}

TEST(Puzzle, Syllogisms) {
  static const std::regex kRule("(All|No) (\\w+) are (\\w+)\\.|Everyone who is a (\\w+) is a (\\w+)\\.");
  static const std::regex kFact("([A-Z][a-z]+) is (not )?a (\\w+)\\.");
  static const std::regex kAsk("Is [A-Z][a-z]+ a (\\w+)");
  const auto singular = [](std::string word) {
    word.pop_back();
    return word;
  };
  for_problems("syllogism", [&](const Problem& p, int) {
    std::vector<std::string> groups;
    const auto bit = [&](const std::string& group) {
      if (index_in(groups, group) == static_cast<int>(groups.size())) groups.push_back(group);
      return index_in(groups, group);
    };
    struct Rule {
      int from, to;
      bool none;
    };
    std::vector<Rule> rules;
    std::string rest = p.question;
    for (const auto& m : all_matches(p.question, kRule)) {
      if (m[1].matched) {
        rules.push_back({bit(singular(m[2])), bit(singular(m[3])), m[1] == "No"});
      } else {
        rules.push_back({bit(m[4]), bit(m[5]), false});
      }
      rest.replace(rest.find(m.str()), m.str().size(), "");
    }
    const auto fact = all_matches(rest, kFact).at(0);
    const int known = bit(fact[3]);
    const int asked = bit(all_matches(rest, kAsk).at(0)[1]);
    // Every kind of person the rules allow and the fact does not exclude.
    bool may_be = false;
    bool may_not = false;
    for (unsigned person = 0; person < 1u << groups.size(); ++person) {
      const auto is = [&](int group) { return (person >> group & 1u) != 0; };
      if (is(known) == fact[2].matched) continue;
      if (!std::all_of(rules.begin(), rules.end(),
                       [&](const Rule& r) { return !is(r.from) || is(r.to) != r.none; })) {
        continue;
      }
      (is(asked) ? may_be : may_not) = true;
    }
    ASSERT_TRUE(may_be || may_not);
    EXPECT_EQ(p.expected, may_be && may_not ? "unknown" : may_be ? "yes" : "no");
  });
}

TEST(Puzzle, Knights) {
  static const std::regex kSays("([A-Z][a-z]+) says: \"([A-Z][a-z]+) (tells the truth|lies)\\.\"");
  static const std::regex kOf("([A-Z][a-z]+) says of ([A-Z][a-z]+): \"([^\"]*)\"");
  static const std::regex kAsk("Does ([A-Z][a-z]+) tell");
  for_problems("knights", [](const Problem& p, int) {
    std::vector<std::string> who;
    const auto bit = [&](const std::string& name) {
      if (index_in(who, name) == static_cast<int>(who.size())) who.push_back(name);
      return index_in(who, name);
    };
    const std::string text = p.question.substr(p.question.find(". ") + 2);
    const auto says = all_matches(text, kSays);
    const auto of = all_matches(text, kOf);
    for (const auto& m : says) bit(m[1]), bit(m[2]);
    for (const auto& m : of) bit(m[1]), bit(m[2]);
    const int asked = bit(all_matches(text, kAsk).at(0)[1]);
    std::set<bool> answers;
    for (unsigned world = 0; world < 1u << who.size(); ++world) {
      const auto honest = [&](int person) { return (world >> person & 1u) != 0; };
      bool fits = true;
      if (!says.empty()) {
        const std::string start = text.substr(0, text.find(" says:"));
        const std::string first = start.substr(0, start.find(' '));
        const bool told = start.find("tells the truth") != start.npos;
        fits = honest(bit(first)) == told;
      }
      for (const auto& m : says) {
        fits = fits && honest(bit(m[1])) == (honest(bit(m[2])) == (m[3] == "tells the truth"));
      }
      for (const auto& m : of) {
        const bool x = honest(bit(m[1]));
        const bool y = honest(bit(m[2]));
        const std::string claim = m[3];
        const bool holds = claim == "We both lie."                 ? !x && !y
                           : claim == "At least one of us lies."   ? !x || !y
                           : claim == "We are of the same kind."   ? x == y
                           : claim == "We are of different kinds." ? x != y
                                                                   : false;
        fits = fits && x == holds;
      }
      if (fits) answers.insert(honest(asked));
    }
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(p.expected, *answers.begin() ? "yes" : "no");
  });
}

}  // namespace
}  // namespace jaju::data
