#include "data/synth/story.h"

#include <algorithm>

#include "data/synth/phrases.h"
#include "data/synth/steps.h"

namespace jaju::data {

namespace {

// Sentences whose number has nothing to do with the question.
constexpr const char* kDistractorsKo[] = {
    " {n3:은} {x}살<입니다|이에요|이야>.",   " 버스로 {x}분 <걸렸습니다|걸렸어요|걸렸어>.",
    " 책상은 {x}개 <있습니다|있어요|있어>.", " 오늘 기온은 {x}도<입니다|예요|야>.",
    " 시각은 오후 {h}시<입니다|예요|야>.",   " {n3}의 번호는 {x}번<입니다|이에요|이야>.",
};
constexpr const char* kDistractorsEn[] = {
    " {n3} is {x} years old.",          " It is {x} degrees outside.", " There are {x} chairs in the room.",
    " The bus ride takes {x} minutes.", " {n3} lives at number {x}.",  " It is {h} o'clock.",
    " {n3} has read {x} pages today.",
};
constexpr const char* kDistractorsZh[] = {"{n3}今年{x}岁。", "今天气温是{x}度。", "教室里有{x}把椅子。",
                                          "坐车用了{x}分钟。"};
constexpr const char* kDistractorsJa[] = {"{n3}は{x}歳です。", "今日の気温は{x}度です。",
                                          "部屋にいすが{x}脚あります。", "バスで{x}分かかりました。"};
constexpr const char* kDistractorsEs[] = {" {n3} tiene {x} años.", " Hace {x} grados.",
                                          " En la sala hay {x} sillas.", " El autobús tarda {x} minutos."};

std::span<const char* const> distractors(Language language) {
  return choose<std::span<const char* const>>(language, kDistractorsKo, kDistractorsEn, kDistractorsZh,
                                              kDistractorsJa, kDistractorsEs);
}

// Position of `close` that matches the opening sign at `from`, by depth of both bracket pairs.
size_t matching(std::string_view text, size_t from) {
  int depth = 0;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '[' || text[i] == '<' || text[i] == '{') ++depth;
    if (text[i] == ']' || text[i] == '>' || text[i] == '}') --depth;
    if (depth == 0) return i;
  }
  return text.size() - 1;
}

std::vector<std::string_view> choices(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '|';
    if (c == '[' || c == '<' || c == '{') ++depth;
    if (c == ']' || c == '>' || c == '}') --depth;
    if (c == '|' && depth == 0) {
      out.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  return out;
}

std::string particle(std::string_view word, std::string_view form) {
  constexpr std::pair<std::string_view, Josa> kForms[] = {
      {"은", Josa::topic},         {"이", Josa::subject},     {"을", Josa::object},
      {"과", Josa::with},          {"이랑", Josa::together},  {"으로", Josa::by},
      {"이에요", Josa::is_polite}, {"이야", Josa::is_casual}, {"이죠", Josa::is_right},
      {"이고", Josa::is_and},      {"이면", Josa::is_when},   {"이라", Josa::is_as},
      {"이나", Josa::or_so},       {"이니", Josa::ask},
  };
  for (const auto& [name, kind] : kForms) {
    if (name == form) return std::string(josa(word, kind));
  }
  return "{" + std::string(form) + "}";
}

// `each_first`: a groups of b are written b*a, as Korean and Japanese say them.
int64_t work_out(Shape shape, const Numbers& n, bool each_first, Trace& trace) {
  const auto& [a, b, c, d, e] = n;
  const auto groups = [&](int64_t n_groups, int64_t each) {
    return each_first ? trace.mul(each, n_groups) : trace.mul(n_groups, each);
  };
  switch (shape) {
    case Shape::add:
      return trace.add(a, b);
    case Shape::sub:
      return trace.sub(a, b);
    case Shape::mul:
      return groups(a, b);
    case Shape::div:
      return trace.div(a, b);
    case Shape::rem:
      return trace.rem(a, b);
    case Shape::add_add:
      return trace.add(trace.add(a, b), c);
    case Shape::add_sub:
      return trace.sub(trace.add(a, b), c);
    case Shape::sub_add:
      return trace.add(trace.sub(a, b), c);
    case Shape::sub_sub:
      return trace.sub(trace.sub(a, b), c);
    case Shape::mul_add:
      return trace.add(groups(a, b), c);
    case Shape::mul_sub:
      return trace.sub(groups(a, b), c);
    case Shape::mul_div:
      return trace.div(trace.mul(a, b), c);
    case Shape::sub_div:
      return trace.div(trace.sub(a, b), c);
    case Shape::add_div:
      return trace.div(trace.add(a, b), c);
    case Shape::sub_mul:
      return trace.mul(trace.sub(a, b), c);
    case Shape::add_mul:
      return trace.mul(trace.add(a, b), c);
    case Shape::pay:
      return trace.sub(a, trace.mul(b, c));
    case Shape::mul_mul_add:
    case Shape::pay_two: {
      const int64_t first = groups(a, b);
      const int64_t second = groups(c, d);
      const int64_t total = trace.add(first, second);
      return shape == Shape::pay_two ? trace.sub(e, total) : total;
    }
    case Shape::mean3:
      return trace.div(trace.add(trace.add(a, b), c), 3);
    case Shape::twice_sum:
      return trace.mul(trace.add(a, b), 2);
    case Shape::square:
      return trace.mul(a, a);
    case Shape::four_times:
      return trace.mul(a, 4);
    case Shape::half: {
      const int64_t product = trace.mul(a, b);
      trace.say(std::to_string(product) + "/60=" + std::to_string(product / 10) + "/6");  // a zero struck off
      return trace.div(product / 10, 6);
    }
  }
  return 0;
}

void set_spanish(Filler& filler, const Thing& thing) {
  const bool her = thing.feminine;
  filler.set("cuantos", her ? "cuántas" : "cuántos");
  filler.set("Cuantos", her ? "Cuántas" : "Cuántos");
}

// Whether number `index` of a money story is a sum of money; the others count things.
bool is_money(Shape shape, size_t index) {
  switch (shape) {
    case Shape::mul:
    case Shape::div:
      return index == 0;
    case Shape::mul_add:
    case Shape::mul_sub:
    case Shape::mul_mul_add:
      return index == 0 || index == 2;
    case Shape::pay:
      return index <= 1;
    case Shape::pay_two:
      return index % 2 == 0;
    default:
      return true;
  }
}

bool fits(const Story& story, int level) {
  const std::string_view kinds = story.kinds;
  if (kinds.find('S') != kinds.npos && level > 3) return false;
  return kinds.find('B') == kinds.npos || level > 1;
}

}  // namespace

void Filler::set(std::string_view slot, std::string value) {
  for (auto& [name, old] : slots_) {
    if (name == slot) {
      old = std::move(value);
      return;
    }
  }
  slots_.emplace_back(slot, std::move(value));
}

std::string Filler::fill(std::string_view skeleton) {
  std::string raw;
  expand(skeleton, raw);
  // A choice of nothing leaves the spaces on both its sides.
  std::string out;
  for (const char c : raw) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

void Filler::expand(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '~') {
      expand(distractor_, out);
      continue;
    }
    if (c != '{' && c != '[' && c != '<') {
      out += c;
      continue;
    }
    const size_t end = matching(text, i);
    const std::string_view inside = text.substr(i + 1, end - i - 1);
    if (c == '[') {
      expand(dice_.pick(choices(inside)), out);
    } else if (c == '<') {
      const auto styles = choices(inside);
      expand(styles[style_ % styles.size()], out);
    } else {
      const size_t colon = inside.find(':');
      const std::string_view name = inside.substr(0, colon);
      const auto slot =
          std::find_if(slots_.begin(), slots_.end(), [&](const auto& s) { return s.first == name; });
      if (slot == slots_.end()) {
        out += text.substr(i, end - i + 1);
      } else {
        out += slot->second;
        if (colon != inside.npos) out += particle(slot->second, inside.substr(colon + 1));
      }
    }
    i = end;
  }
}

void Trace::say(std::string_view line) {
  if (!text_.empty()) text_ += '\n';
  text_ += line;
}
int64_t Trace::add(int64_t a, int64_t b) {
  say(add_steps(a, b));
  return a + b;
}
int64_t Trace::sub(int64_t a, int64_t b) {
  say(sub_steps(a, b));
  return a - b;
}
int64_t Trace::mul(int64_t a, int64_t b) {
  say(mul_steps(a, b));
  return a * b;
}
int64_t Trace::div(int64_t a, int64_t b) {
  say(div_steps(a, b));
  return a / b;
}
int64_t Trace::rem(int64_t a, int64_t b) {
  say(div_steps(a, b));
  return a % b;
}

const Stories& stories(Language language) {
  return choose<const Stories&>(language, stories_ko(), stories_en(), stories_zh(), stories_ja(),
                                stories_es());
}

Problem tell(Dice& dice, Language language, int difficulty, const StorySet& set,
             std::span<const Shape> shapes) {
  std::vector<const Story*> fitting;
  for (const Story& story : set.stories) {
    if (std::find(shapes.begin(), shapes.end(), story.shape) != shapes.end() &&
        (set.measure != Measure::count || fits(story, difficulty))) {
      fitting.push_back(&story);
    }
  }
  if (fitting.empty()) {  // a language without a story of these shapes tells one of its others
    for (const Story& story : set.stories) fitting.push_back(&story);
  }
  const Story& story = *dice.pick(fitting);
  const std::string_view kinds = story.kinds;

  const bool small = kinds.find('S') != kinds.npos;
  const bool large = kinds.find('B') != kinds.npos;
  const auto draw = [&] {
    return draw_numbers(dice, language, set.measure, story.shape, difficulty, small, large);
  };
  Numbers n = draw();
  // Spanish verbs would have to agree with one: "se fueron 1" is wrong.
  while (language == Language::es && std::find(n.begin(), n.end(), 1) != n.end()) n = draw();

  Filler filler(dice);
  std::vector<const Thing*> candidates;
  for (const Thing& thing : things(language)) {
    if (kinds.find(static_cast<char>(thing.kind)) != kinds.npos) candidates.push_back(&thing);
  }
  constexpr std::string_view kSmall = "abcde";
  constexpr std::string_view kLarge = "ABCDE";
  const Thing* thing = candidates.empty() ? &things(language)[0] : dice.pick(candidates);
  const Thing* other = candidates.empty() ? thing : dice.pick(candidates);
  while (candidates.size() > 1 && other == thing) other = dice.pick(candidates);

  const bool each_first =
      set.measure == Measure::count && (language == Language::ko || language == Language::ja);
  // Won and yen prices end in zeros: without them the sums are short. The last step hangs them on again.
  const int64_t zeros = set.measure != Measure::money ? 1
                        : language == Language::ko    ? 100
                        : language == Language::ja    ? 10
                                                      : 1;
  Numbers bare = n;
  for (size_t i = 0; i < n.size(); ++i) {
    if (is_money(story.shape, i)) bare[i] /= zeros;
  }
  Trace trace;
  int64_t result = work_out(story.shape, bare, each_first, trace);
  if (zeros > 1) {
    const std::string claim = std::to_string(result) + "*" + std::to_string(zeros);
    result *= zeros;
    trace.say(claim + "=" + std::to_string(result));
  }
  for (size_t i = 0; i < n.size(); ++i) {
    filler.set(kSmall.substr(i, 1), n[i]);
    filler.set(kLarge.substr(i, 1), counted(language, n[i], *thing));
  }
  filler.set("r", result);
  filler.set("s", result == 1 ? "" : "s");
  filler.set("R", counted(language, result, *thing));
  filler.set("o", thing->many[0] != '\0' ? thing->many : thing->one);
  filler.set("o1", thing->one);
  filler.set("u", thing->counter);
  filler.set("p", other->many[0] != '\0' ? other->many : other->one);
  filler.set("p1", other->one);
  filler.set("q", other->counter);
  if (language == Language::es) set_spanish(filler, *thing);
  const auto all = names(language);
  const std::string_view name = dice.pick(all);
  std::string_view second = dice.pick(all);
  while (second == name) second = dice.pick(all);
  filler.set("n", std::string(name));
  std::string_view third = dice.pick(all);
  while (third == name || third == second) third = dice.pick(all);
  filler.set("n2", std::string(second));
  filler.set("n3", std::string(third));
  if (difficulty >= 4 && dice.chance(0.5)) {
    filler.set("x", dice.between(5, 40));
    filler.set("h", dice.between(1, 11));
    filler.set_distractor(dice.pick(distractors(language)));
  }

  Problem problem;
  problem.question = filler.fill(story.question);
  Trace whole;
  std::string plan = filler.fill(story.plan);
  if (zeros > 1) plan += language == Language::ko ? " 끝의 영을 떼고 계산." : "末尾の零を取って計算。";
  whole.say(plan);
  whole.say(trace.text());
  problem.thinking = whole.text();
  problem.answer = filler.fill(story.answer != nullptr ? story.answer : set.answer);
  problem.expected = std::to_string(result);
  return problem;
}

}  // namespace jaju::data
