// Small logic with people: orders, all and no, who tells the truth.
#include <algorithm>

#include "data/synth/logic.h"
#include "data/synth/story.h"

namespace jaju::data {

namespace {

// A way to compare people. Slots: x and y. `most`, `least`: who is first and last; `second`: who is second
// from the top.
struct Trait {
  const char* more;
  const char* less;
  const char* most;
  const char* least;
  const char* second;
};
constexpr Trait kTraits[5][5] = {
    {{"{x:은} {y}보다 키가 <큽니다|커요|커>.", "{x:은} {y}보다 키가 <작습니다|작아요|작아>.",
      "[가장|제일] 키가 큰 사람은 누구<입니까|인가요|야>?",
      "[가장|제일] 키가 작은 사람은 누구<입니까|인가요|야>?",
      "두 번째로 키가 큰 사람은 누구<입니까|인가요|야>?"},
     {"{x:은} {y}보다 나이가 <많습니다|많아요|많아>.", "{x:은} {y}보다 나이가 <적습니다|적어요|적어>.",
      "나이가 [가장|제일] 많은 사람은 누구<입니까|인가요|야>?",
      "나이가 [가장|제일] 적은 사람은 누구<입니까|인가요|야>?",
      "나이가 두 번째로 많은 사람은 누구<입니까|인가요|야>?"},
     {"{x:은} {y}보다 <빠릅니다|빨라요|빨라>.", "{x:은} {y}보다 <느립니다|느려요|느려>.",
      "누가 [가장|제일] <빠릅니까|빠른가요|빨라>?", "누가 [가장|제일] <느립니까|느린가요|느려>?",
      "두 번째로 빠른 사람은 누구<입니까|인가요|야>?"},
     {"{x:은} {y}보다 <무겁습니다|무거워요|무거워>.", "{x:은} {y}보다 <가볍습니다|가벼워요|가벼워>.",
      "[가장|제일] 무거운 사람은 누구<입니까|인가요|야>?",
      "[가장|제일] 가벼운 사람은 누구<입니까|인가요|야>?", "두 번째로 무거운 사람은 누구<입니까|인가요|야>?"},
     {"{x:은} {y}보다 점수가 <높습니다|높아요|높아>.", "{x:은} {y}보다 점수가 <낮습니다|낮아요|낮아>.",
      "점수가 [가장|제일] 높은 사람은 누구<입니까|인가요|야>?",
      "점수가 [가장|제일] 낮은 사람은 누구<입니까|인가요|야>?",
      "점수가 두 번째로 높은 사람은 누구<입니까|인가요|야>?"}},
    {{"{x} is taller than {y}.", "{x} is shorter than {y}.", "Who is the tallest?", "Who is the shortest?",
      "Who is the second tallest?"},
     {"{x} is older than {y}.", "{x} is younger than {y}.", "Who is the oldest?", "Who is the youngest?",
      "Who is the second oldest?"},
     {"{x} is faster than {y}.", "{x} is slower than {y}.", "Who is the fastest?", "Who is the slowest?",
      "Who is the second fastest?"},
     {"{x} is heavier than {y}.", "{x} is lighter than {y}.", "Who is the heaviest?", "Who is the lightest?",
      "Who is the second heaviest?"},
     {"{x} has a higher score than {y}.", "{x} has a lower score than {y}.", "Who has the highest score?",
      "Who has the lowest score?", "Who has the second highest score?"}},
    {{"{x}比{y}高。", "{x}比{y}矮。", "谁最高？", "谁最矮？", "谁第二高？"},
     {"{x}比{y}年纪大。", "{x}比{y}年纪小。", "谁的年纪最大？", "谁的年纪最小？", "谁的年纪第二大？"},
     {"{x}比{y}跑得快。", "{x}比{y}跑得慢。", "谁跑得最快？", "谁跑得最慢？", "谁跑得第二快？"},
     {"{x}比{y}重。", "{x}比{y}轻。", "谁最重？", "谁最轻？", "谁第二重？"},
     {"{x}的分数比{y}高。", "{x}的分数比{y}低。", "谁的分数最高？", "谁的分数最低？", "谁的分数第二高？"}},
    {{"{x}は{y}より背が高いです。", "{x}は{y}より背が低いです。", "いちばん背が高いのは誰ですか。",
      "いちばん背が低いのは誰ですか。", "2番目に背が高いのは誰ですか。"},
     {"{x}は{y}より年上です。", "{x}は{y}より年下です。", "いちばん年上なのは誰ですか。",
      "いちばん年下なのは誰ですか。", "2番目に年上なのは誰ですか。"},
     {"{x}は{y}より足が速いです。", "{x}は{y}より足が遅いです。", "いちばん足が速いのは誰ですか。",
      "いちばん足が遅いのは誰ですか。", "2番目に足が速いのは誰ですか。"},
     {"{x}は{y}より重いです。", "{x}は{y}より軽いです。", "いちばん重いのは誰ですか。",
      "いちばん軽いのは誰ですか。", "2番目に重いのは誰ですか。"},
     {"{x}は{y}より点数が高いです。", "{x}は{y}より点数が低いです。", "いちばん点数が高いのは誰ですか。",
      "いちばん点数が低いのは誰ですか。", "2番目に点数が高いのは誰ですか。"}},
    {{"{x} mide más que {y}.", "{x} mide menos que {y}.", "¿Quién mide más?", "¿Quién mide menos?",
      "De mayor a menor estatura, ¿quién ocupa el segundo lugar?"},
     {"{x} tiene más años que {y}.", "{x} tiene menos años que {y}.", "¿Quién tiene más años?",
      "¿Quién tiene menos años?", "De mayor a menor edad, ¿quién ocupa el segundo lugar?"},
     {"{x} corre más rápido que {y}.", "{x} corre más despacio que {y}.", "¿Quién corre más rápido?",
      "¿Quién corre más despacio?", "De más a menos rapidez, ¿quién ocupa el segundo lugar?"},
     {"{x} pesa más que {y}.", "{x} pesa menos que {y}.", "¿Quién pesa más?", "¿Quién pesa menos?",
      "De mayor a menor peso, ¿quién ocupa el segundo lugar?"},
     {"{x} tiene más puntos que {y}.", "{x} tiene menos puntos que {y}.", "¿Quién tiene más puntos?",
      "¿Quién tiene menos puntos?", "De más a menos puntos, ¿quién ocupa el segundo lugar?"}},
};

// Sentences follow one another with a space, except in Chinese and Japanese.
void append(std::string& text, Language language, const std::string& sentence) {
  if (!text.empty() && language != Language::zh && language != Language::ja) text += ' ';
  text += sentence;
}

}  // namespace

Problem make_order(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const Trait& trait = dice.pick(kTraits[l]);
  const size_t n = difficulty <= 2 ? 3 : difficulty <= 4 ? 4 : 5;
  const auto order = people(dice, language, n);  // from the most to the least
  std::vector<size_t> facts;
  for (size_t i = 0; i + 1 < n; ++i) facts.push_back(i);
  if (difficulty >= 2) {
    for (size_t i = facts.size(); i > 1; --i) {
      std::swap(facts[i - 1], facts[static_cast<size_t>(dice.between(0, static_cast<int64_t>(i) - 1))]);
    }
  }
  Filler filler(dice);
  Trace trace;
  Problem problem;
  std::string known;
  for (const size_t i : facts) {
    const bool turned = difficulty >= 3 && dice.chance(0.5);
    filler.set("x", order[turned ? i + 1 : i]);
    filler.set("y", order[turned ? i : i + 1]);
    append(problem.question, language, filler.fill(turned ? trait.less : trait.more));
    known += (known.empty() ? "" : ", ") + order[i] + " > " + order[i + 1];
  }
  trace.say(known);
  std::string whole;
  for (const auto& name : order) whole += (whole.empty() ? "" : " > ") + name;
  trace.say(whole);
  const int64_t asked = dice.between(0, difficulty == 1 ? 0 : difficulty == 2 ? 1 : 2);
  append(problem.question, language,
         filler.fill(asked == 0   ? trait.most
                     : asked == 1 ? trait.least
                                  : trait.second));
  problem.expected = asked == 0 ? order.front() : asked == 1 ? order.back() : order[1];
  trace.say(problem.expected);
  problem.thinking = trace.text();
  problem.answer = problem.expected + std::string(full_stop(language));
  return problem;
}

namespace {

// Kinds of people: one, many (English with article; Spanish words the same for women and men).
struct Group {
  const char* one;
  const char* many;
};
constexpr Group kGroups[5][16] = {
    {{"화가", ""},
     {"가수", ""},
     {"의사", ""},
     {"농부", ""},
     {"요리사", ""},
     {"선생님", ""},
     {"작가", ""},
     {"배우", ""},
     {"간호사", ""},
     {"축구 선수", ""},
     {"수영 선수", ""},
     {"시인", ""},
     {"사진가", ""},
     {"등산가", ""},
     {"과학자", ""},
     {"기타 연주자", ""}},
    {{"a painter", "painters"},
     {"a singer", "singers"},
     {"a doctor", "doctors"},
     {"a farmer", "farmers"},
     {"a cook", "cooks"},
     {"a teacher", "teachers"},
     {"a writer", "writers"},
     {"a dancer", "dancers"},
     {"a nurse", "nurses"},
     {"a swimmer", "swimmers"},
     {"a runner", "runners"},
     {"a poet", "poets"},
     {"a gardener", "gardeners"},
     {"a baker", "bakers"},
     {"a pilot", "pilots"},
     {"a sailor", "sailors"}},
    {{"画家", ""},
     {"歌手", ""},
     {"医生", ""},
     {"农民", ""},
     {"厨师", ""},
     {"老师", ""},
     {"作家", ""},
     {"演员", ""},
     {"护士", ""},
     {"司机", ""},
     {"诗人", ""},
     {"科学家", ""},
     {"警察", ""},
     {"律师", ""},
     {"工人", ""},
     {"学生", ""}},
    {{"画家", ""},
     {"歌手", ""},
     {"医者", ""},
     {"農家", ""},
     {"料理人", ""},
     {"先生", ""},
     {"作家", ""},
     {"俳優", ""},
     {"看護師", ""},
     {"運転手", ""},
     {"詩人", ""},
     {"科学者", ""},
     {"警察官", ""},
     {"弁護士", ""},
     {"水泳選手", ""},
     {"学生", ""}},
    {{"artista", "artistas"},
     {"cantante", "cantantes"},
     {"dentista", "dentistas"},
     {"ciclista", "ciclistas"},
     {"pianista", "pianistas"},
     {"estudiante", "estudiantes"},
     {"periodista", "periodistas"},
     {"deportista", "deportistas"},
     {"guitarrista", "guitarristas"},
     {"turista", "turistas"},
     {"atleta", "atletas"},
     {"taxista", "taxistas"},
     {"florista", "floristas"},
     {"violinista", "violinistas"},
     {"tenista", "tenistas"},
     {"comerciante", "comerciantes"}},
};
// Slots: a, b groups (A, B their plurals), n a name.
constexpr const char* kAll[5][2] = {
    {"모든 {a:은} <{b}입니다|{b:이에요}|{b:이야}>.", "{a:은} 모두 <{b}입니다|{b:이에요}|{b:이야}>."},
    {"All {A} are {B}.", "Everyone who is {a} is {b}."},
    {"所有的{a}都是{b}。", "{a}都是{b}。"},
    {"すべての{a}は{b}です。", "{a}はみんな{b}です。"},
    {"Todos los que son {A} son {B}.", "Cada {a} es {b}."}};
constexpr const char* kNone[5] = {"어떤 {a}도 {b:이} <아닙니다|아니에요|아니야>.", "No {A} are {B}.",
                                  "没有一个{a}是{b}。", "{b}である{a}は1人もいません。",
                                  "Ningún {a} es {b}."};
constexpr const char* kIs[5] = {"{n:은} <{b}입니다|{b:이에요}|{b:이야}>.", "{n} is {b}.", "{n}是{b}。",
                                "{n}は{b}です。", "{n} es {b}."};
constexpr const char* kIsNot[5] = {"{n:은} {b:이} <아닙니다|아니에요|아니야>.", "{n} is not {b}.",
                                   "{n}不是{b}。", "{n}は{b}ではありません。", "{n} no es {b}."};
constexpr const char* kAsk[5][2] = {
    {"{n:은} <{b}입니까|{b}인가요|{b:이야}>?", "그러면 {n:은} <{b}입니까|{b}인가요|{b:이야}>?"},
    {"Is {n} {b}?", "Is {n} {b}: yes, no or unknown?"},
    {"{n}是{b}吗？", "那么{n}是{b}吗？"},
    {"{n}は{b}ですか。", "では、{n}は{b}ですか。"},
    {"¿{n} es {b}?", "Entonces, ¿{n} es {b}?"}};
constexpr const char* kUnknown[5] = {"알 수 없음", "unknown", "不知道", "わからない", "no se sabe"};
constexpr const char* kUnknownSaid[5] = {"알 수 없음.", "Unknown.", "不知道。", "わからない。",
                                         "No se sabe."};

}  // namespace

// The trace writes every rule as an arrow and walks the arrows from what is known.
Problem make_syllogism(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const std::span<const Group> groups(kGroups[l]);
  const size_t links = difficulty <= 2 ? 1 : difficulty <= 4 ? 2 : 3;
  std::vector<const Group*> chain;  // every one is the next
  while (chain.size() < links + 1) {
    const Group* group = &dice.pick(groups);
    if (std::find(chain.begin(), chain.end(), group) == chain.end()) chain.push_back(group);
  }
  const std::string name = people(dice, language, 1)[0];
  // yes: is the first, asked about the last. no: "no one is" at the end. contrary: is not the last, asked
  // about the first. unknown: is the last, asked about the first; or is not the first, asked about the last.
  enum class Case { yes, no, contrary, backwards, not_first };
  constexpr Case kCases[] = {Case::yes, Case::no, Case::contrary, Case::backwards, Case::not_first};
  const Case which = kCases[dice.between(0, difficulty == 1 ? 1 : 4)];

  Filler filler(dice);
  filler.set("n", name);
  const auto set_pair = [&](const Group& a, const Group& b) {
    filler.set("a", a.one);
    filler.set("A", a.many);
    filler.set("b", b.one);
    filler.set("B", b.many);
  };
  const auto bare = [&](const Group& group) {
    std::string_view word = group.one;
    if (word.starts_with("a ")) word.remove_prefix(2);
    return std::string(word);
  };
  Problem problem;
  Trace trace;
  std::string arrows;
  std::vector<size_t> rules;
  for (size_t i = 0; i < links; ++i) rules.push_back(i);
  if (difficulty >= 4) std::reverse(rules.begin(), rules.end());
  for (const size_t i : rules) {
    const bool none = which == Case::no && i + 1 == links;
    set_pair(*chain[i], *chain[i + 1]);
    append(problem.question, language, filler.fill(none ? kNone[l] : dice.pick(kAll[l])));
  }
  const std::string no = language == Language::ko   ? "아님 "
                         : language == Language::zh ? "非"
                         : language == Language::ja ? "非"
                         : language == Language::es ? "no "
                                                    : "not ";
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    const bool none = which == Case::no && i + 1 == links;
    arrows += (arrows.empty() ? "" : ", ") + bare(*chain[i]) + " → " + (none ? no : "") + bare(*chain[i + 1]);
  }
  trace.say(arrows);
  const bool asked_last = which == Case::yes || which == Case::no || which == Case::not_first;
  const Group& known = asked_last ? *chain.front() : *chain.back();
  const Group& asked = asked_last ? *chain.back() : *chain.front();
  const bool is = which == Case::yes || which == Case::no || which == Case::backwards;
  set_pair(known, known);
  append(problem.question, language, filler.fill(is ? kIs[l] : kIsNot[l]));
  set_pair(asked, asked);
  append(problem.question, language, filler.fill(dice.pick(kAsk[l])));

  // From the fact along the arrows; against them only a "not" travels.
  std::string walk = name + ": " + (is ? "" : no) + bare(known);
  if (which == Case::yes || which == Case::no) {
    for (size_t i = 1; i < chain.size(); ++i) {
      walk += " → " + (which == Case::no && i + 1 == chain.size() ? no : "") + bare(*chain[i]);
    }
  } else if (which == Case::contrary) {
    for (size_t i = chain.size() - 1; i > 0; --i) walk += " → " + no + bare(*chain[i - 1]);
  } else {
    walk += " → ?";
  }
  trace.say(walk);
  if (which == Case::backwards || which == Case::not_first) {
    problem.expected = kUnknown[l];
    problem.answer = kUnknownSaid[l];
  } else {
    problem.expected = yes_word(language, which == Case::yes);
    problem.answer = yes_answer(language, which == Case::yes);
  }
  problem.thinking = trace.text();
  return problem;
}

namespace {

// Who tells the truth. Slots: x speaks, y is spoken of.
constexpr const char* kScene[5][3] = {
    {"사람마다 늘 참말만 하거나 늘 거짓말만 <합니다|해요|해>.",
     "이 섬의 사람은 언제나 참말을 하거나 언제나 거짓말을 <합니다|해요|해>.",
     "각자 항상 참말만 하거나 항상 거짓말만 <합니다|해요|해>."},
    {"Each person either always tells the truth or always lies.",
     "On an island everyone always tells the truth or always lies.",
     "Everyone here always lies or always tells the truth."},
    {"每个人要么总说真话，要么总说假话。", "岛上的人要么一直说真话，要么一直说谎。",
     "这里的每个人不是总说真话就是总说假话。"},
    {"どの人も、いつも本当のことを言うか、いつもうそをつきます。",
     "この島の人は、いつも正直か、いつもうそつきです。",
     "みんな、いつも本当を言うか、いつもうそを言います。"},
    {"Cada persona dice siempre la verdad o miente siempre.",
     "En una isla todos dicen siempre la verdad o mienten siempre.",
     "Aquí cada uno miente siempre o dice siempre la verdad."},
};
constexpr const char* kHonest[5] = {"{x:은} 참말만 <합니다|해요|해>.", "{x} tells the truth.", "{x}说真话。",
                                    "{x}は正直です。", "{x} dice la verdad."};
constexpr const char* kLiar[5] = {"{x:은} 거짓말만 <합니다|해요|해>.", "{x} lies.", "{x}说假话。",
                                  "{x}はうそつきです。", "{x} miente."};
constexpr const char* kSaysHonest[5] = {
    "{x:은} \"{y:은} 참말만 한다\"라고 <말합니다|말해요|말해>.", "{x} says: \"{y} tells the truth.\"",
    "{x}说：“{y}说真话。”", "{x}は「{y}は正直だ」と言います。", "{x} dice: \"{y} dice la verdad\"."};
constexpr const char* kSaysLiar[5] = {"{x:은} \"{y:은} 거짓말만 한다\"라고 <말합니다|말해요|말해>.",
                                      "{x} says: \"{y} lies.\"", "{x}说：“{y}说假话。”",
                                      "{x}は「{y}はうそつきだ」と言います。", "{x} dice: \"{y} miente\"."};
constexpr const char* kBothLie[5] = {"{x:은} \"우리 둘 다 거짓말만 한다\"라고 <말합니다|말해요|말해>.",
                                     "{x} says of {y}: \"We both lie.\"", "{x}指着{y}说：“我们俩都说假话。”",
                                     "{x}は{y}について「2人ともうそつきだ」と言います。",
                                     "{x} dice de {y}: \"Los dos mentimos\"."};
constexpr const char* kOneLies[5] = {
    "{x:은} \"우리 둘 중 적어도 한 명은 거짓말만 한다\"라고 <말합니다|말해요|말해>.",
    "{x} says of {y}: \"At least one of us lies.\"", "{x}指着{y}说：“我们俩至少有一个说假话。”",
    "{x}は{y}について「2人のうち少なくとも1人はうそつきだ」と言います。",
    "{x} dice de {y}: \"Al menos uno de los dos miente\"."};
constexpr const char* kSame[5] = {
    "{x:은} \"우리 둘은 같은 종류이다\"라고 <말합니다|말해요|말해>.",
    "{x} says of {y}: \"We are of the same kind.\"", "{x}指着{y}说：“我们俩是同一类人。”",
    "{x}は{y}について「2人は同じ種類だ」と言います。", "{x} dice de {y}: \"Los dos somos iguales\"."};
constexpr const char* kDiffer[5] = {
    "{x:은} \"우리 둘은 다른 종류이다\"라고 <말합니다|말해요|말해>.",
    "{x} says of {y}: \"We are of different kinds.\"", "{x}指着{y}说：“我们俩不是同一类人。”",
    "{x}は{y}について「2人は違う種類だ」と言います。", "{x} dice de {y}: \"Los dos somos distintos\"."};
constexpr const char* kTwo[5] = {"{x:과} {y:이} <있습니다|있어요|있어>.", "{x} and {y} are two of them.",
                                 "有{x}和{y}两个人。", "{x}と{y}がいます。", "{x} está con {y}."};
constexpr const char* kAskHonest[5] = {"{y:은} 참말만 <합니까|하나요|해>?", "Does {y} tell the truth?",
                                       "{y}说真话吗？", "{y}は正直ですか。", "¿{y} dice la verdad?"};
constexpr const char* kTrueWord[5] = {"참말", "truth", "真话", "正直", "verdad"};
constexpr const char* kLieWord[5] = {"거짓말", "lie", "假话", "うそつき", "mentira"};
// A supposition that contradicts what was said, or does not.
constexpr const char* kClash[5] = {"모순", "contradiction", "矛盾", "矛盾", "contradicción"};
constexpr const char* kFits[5] = {"맞음", "fits", "成立", "成り立つ", "encaja"};

}  // namespace

Problem make_knights(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const auto kind = [&](bool honest) { return std::string(honest ? kTrueWord[l] : kLieWord[l]); };
  Filler filler(dice);
  Trace trace;
  Problem problem;
  problem.question = filler.fill(dice.pick(kScene[l]));
  bool asked_honest = false;
  if (difficulty <= 3) {  // a chain of claims from one person who is known
    const size_t n = difficulty == 1 ? 2 : difficulty == 2 ? 3 : 4;
    const auto who = people(dice, language, n);
    bool honest = dice.chance(0.5);
    filler.set("x", who[0]);
    append(problem.question, language, filler.fill(honest ? kHonest[l] : kLiar[l]));
    trace.say(who[0] + ": " + kind(honest));
    for (size_t i = 0; i + 1 < n; ++i) {
      const bool says_honest = dice.chance(0.5);
      filler.set("x", who[i]);
      filler.set("y", who[i + 1]);
      append(problem.question, language, filler.fill(says_honest ? kSaysHonest[l] : kSaysLiar[l]));
      // A liar's claim is turned round.
      std::string step = who[i + 1] + ": " + kind(says_honest);
      honest = honest == says_honest;
      if (honest != says_honest) step += " → " + kind(honest);
      trace.say(step);
    }
    asked_honest = honest;
  } else {
    const auto who = people(dice, language, 2);
    filler.set("x", who[0]);
    filler.set("y", who[1]);
    append(problem.question, language, filler.fill(kTwo[l]));
    const int64_t puzzle = dice.between(0, 3);
    const char* const says[] = {kBothLie[l], kOneLies[l], kSame[l], kDiffer[l]};
    append(problem.question, language, filler.fill(says[puzzle]));
    const auto claim = [&](bool x, bool y) {
      switch (puzzle) {
        case 0:
          return !x && !y;
        case 1:
          return !x || !y;
        case 2:
          return x == y;
        default:
          return x != y;
      }
    };
    // Every way the two can be: a way fits when the speaker's kind and the truth of the claim agree.
    for (const bool x : {true, false}) {
      for (const bool y : {true, false}) {
        const bool fits = claim(x, y) == x;
        trace.say(who[0] + " " + kind(x) + ", " + who[1] + " " + kind(y) + ": " +
                  (fits ? kFits[l] : kClash[l]));
        if (fits) asked_honest = y;
      }
    }
    trace.say(who[1] + ": " + kind(asked_honest));
  }
  append(problem.question, language, filler.fill(kAskHonest[l]));
  problem.thinking = trace.text();
  problem.expected = yes_word(language, asked_honest);
  problem.answer = yes_answer(language, asked_honest);
  return problem;
}

}  // namespace jaju::data
