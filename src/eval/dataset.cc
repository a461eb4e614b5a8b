#include "eval/dataset.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "data/decontaminate.h"

namespace jaju::eval {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxFile = 1'000'000'000;
constexpr size_t kMaxChoices = 26;  // a letter each

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string letter(size_t index) {
  return std::string(1, static_cast<char>('A' + index));
}

// The first of the names that is there and not null.
const Json* field(const Json& line, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto at = line.find(name);
    if (at != line.end() && !at->is_null()) return &*at;
  }
  return nullptr;
}

Result<std::string> text_field(const Json& line, std::initializer_list<const char*> names,
                               const std::string& what) {
  const Json* value = field(line, names);
  if (value == nullptr) return error("{}: there is no field '{}'", what, fmt::join(names, "' or '"));
  if (!value->is_string()) return error("{}: field '{}' must be text", what, *names.begin());
  const std::string text(trim(value->get_ref<const std::string&>()));
  if (text.empty()) return error("{}: field '{}' is empty", what, *names.begin());
  return text;
}

std::string optional_text(const Json& line, std::initializer_list<const char*> names) {
  const Json* value = field(line, names);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// A choice as text; numbers are common ("choices": [3, 4, 5]).
Result<std::string> choice_text(const Json& value, const std::string& what) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  return error("{}: a choice is neither text nor a number", what);
}

struct Choices {
  std::vector<std::string> texts;
  std::vector<std::string> labels;  // of the file, where it has its own
  bool from_one = false;            // a number as the answer counts from 1
};

Status add_choices(const Json& list, const std::string& what, std::vector<std::string>* out) {
  if (!list.is_array()) return error("{}: the choices must be a list", what);
  for (const Json& value : list) {
    JAJU_ASSIGN(std::string text, choice_text(value, what));
    out->push_back(std::move(text));
  }
  return {};
}

Result<Choices> read_choices(const Json& line, const std::string& what) {
  Choices choices;
  if (const Json* list = field(line, {"choices", "options"}); list != nullptr) {
    if (!list->is_object()) {
      JAJU_RETURN_IF_ERROR(add_choices(*list, what, &choices.texts));
    } else if (const Json* texts = field(*list, {"text"}); texts != nullptr) {
      JAJU_RETURN_IF_ERROR(add_choices(*texts, what, &choices.texts));
      if (const Json* labels = field(*list, {"label"}); labels != nullptr) {
        JAJU_RETURN_IF_ERROR(add_choices(*labels, what, &choices.labels));
      }
    } else {
      for (const auto& [label, value] : list->items()) {  // {"A": "...", "B": "..."}
        JAJU_ASSIGN(std::string text, choice_text(value, what));
        choices.labels.push_back(label);
        choices.texts.push_back(std::move(text));
      }
    }
  } else {
    for (size_t i = 0; i < kMaxChoices; ++i) {
      const auto at = line.find(letter(i));
      if (at == line.end() || at->is_null()) break;
      JAJU_ASSIGN(std::string text, choice_text(*at, what));
      choices.texts.push_back(std::move(text));
    }
    choices.from_one = true;
  }
  if (choices.texts.size() < 2 || choices.texts.size() > kMaxChoices) {
    return error("{}: there are {} choices, but a question needs 2 to {}", what, choices.texts.size(),
                 kMaxChoices);
  }
  if (!choices.labels.empty() && choices.labels.size() != choices.texts.size()) {
    return error("{}: there are {} choices but {} labels", what, choices.texts.size(), choices.labels.size());
  }
  return choices;
}

// Which of the choices the line calls right.
Result<size_t> right_choice(const Json& line, const Choices& choices, const std::string& what) {
  const Json* value = field(line, {"answer", "answerKey"});
  if (value == nullptr) return error("{}: there is no field 'answer' or 'answerKey'", what);
  const size_t n = choices.texts.size();
  if (value->is_number_integer()) {
    const auto number = value->get<int64_t>();  // a huge one wraps, and is outside either way
    const int64_t index = number - (choices.from_one ? 1 : 0);
    if (number >= 0 && index >= 0 && index < static_cast<int64_t>(n)) return static_cast<size_t>(index);
    return error("{}: the answer is number {}, but there are {} choices counted from {}", what, number, n,
                 choices.from_one ? 1 : 0);
  }
  if (!value->is_string())
    return error("{}: the answer must be a letter, a number or the text of a choice", what);
  const std::string text(trim(value->get_ref<const std::string&>()));
  const auto among = [&](const std::vector<std::string>& names) -> std::optional<size_t> {
    const auto at = std::find(names.begin(), names.end(), text);
    if (at == names.end()) return std::nullopt;
    return static_cast<size_t>(at - names.begin());
  };
  if (const auto at = among(choices.labels)) return *at;
  const auto letter = [&](char first) -> std::optional<size_t> {
    if (text.size() != 1 || text[0] < first || text[0] >= first + static_cast<int>(n)) return std::nullopt;
    return static_cast<size_t>(text[0] - first);
  };
  if (const auto at = letter('A')) return *at;
  if (const auto at = among(choices.texts)) return *at;  // {"d", "c", ...} are texts, not small letters
  if (const auto at = letter('a')) return *at;
  return error("{}: the answer '{}' is none of the {} choices", what, printable(text), n);
}

// "... #### 1,234": what stands behind the last mark, or the whole.
std::string_view final_value(std::string_view answer) {
  const size_t mark = answer.rfind("####");
  return mark == std::string_view::npos ? answer : trim(answer.substr(mark + 4));
}

Result<Item> free_answer(const Json& line, const std::string& what) {
  Item item;
  const Json* value = field(line, {"answer"});
  if (value == nullptr) return error("{}: there is no field 'answer'", what);
  if (value->is_number()) {
    item.problem.answer = value->dump();
  } else if (value->is_string()) {
    item.problem.answer = trim(value->get_ref<const std::string&>());
  } else {
    return error("{}: field 'answer' must be text or a number", what);
  }
  item.problem.expected = final_value(item.problem.answer);
  if (item.problem.expected.empty()) return error("{}: field 'answer' is empty", what);
  return item;
}

bool has_choices(const Json& line) {
  return field(line, {"choices", "options"}) != nullptr ||
         (field(line, {"A"}) != nullptr && field(line, {"B"}) != nullptr);
}

}  // namespace

Result<Item> item_from_json(std::string_view text, const std::string& what, const std::string& default_task) {
  JAJU_ASSIGN(const Json line, parse_json(text, what));
  if (!line.is_object()) return error("{}: it is not a JSON object", what);
  if (line.contains("expected")) {
    JAJU_ASSIGN(data::Problem problem, data::problem_from_json(text, what));
    return Item{std::move(problem), {}};
  }
  JAJU_ASSIGN(std::string question, text_field(line, {"question", "problem"}, what));
  Item item;
  if (has_choices(line)) {
    JAJU_ASSIGN(Choices choices, read_choices(line, what));
    JAJU_ASSIGN(const size_t right, right_choice(line, choices, what));
    item.problem.answer = item.problem.expected = letter(right);
    item.choices = std::move(choices.texts);
  } else {
    JAJU_ASSIGN(item, free_answer(line, what));
  }
  data::Problem& p = item.problem;
  p.question = std::move(question);
  p.task = optional_text(line, {"task", "subject", "category", "Category"});
  if (p.task.empty()) p.task = default_task;
  p.language = optional_text(line, {"language", "lang"});
  p.difficulty = 0;
  if (const Json* level = field(line, {"difficulty"}); level != nullptr && level->is_number_integer()) {
    const auto value = level->get<int64_t>();
    if (value >= 1 && value <= 100) p.difficulty = static_cast<int>(value);
  }
  p.id = data::problem_id(p.language, p.question);
  return item;
}

Result<std::vector<Item>> select_items(std::vector<Item> items, const ItemOptions& options) {
  const auto wanted = [&](const Item& item) {
    const auto one_of = [](const std::vector<std::string>& names, const std::string& name) {
      return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
    };
    return one_of(options.tasks, item.problem.task) && one_of(options.languages, item.problem.language) &&
           (options.difficulty == 0 || options.difficulty == item.problem.difficulty);
  };
  std::erase_if(items, [&](const Item& item) { return !wanted(item); });
  if (!options.unless_in.empty()) {
    std::vector<data::Problem> problems;
    for (const Item& item : items) problems.push_back(item.problem);
    JAJU_ASSIGN(const std::vector<bool> seen, data::seen_in_training(problems, options.unless_in));
    size_t i = 0;
    std::erase_if(items, [&](const Item&) { return seen[i++]; });
  }
  if (items.empty()) return error("no question is left: the filters leave out every one");
  std::map<std::string, int64_t> seen;
  std::vector<Item> kept;
  for (Item& item : items) {
    if (options.limit > 0 && static_cast<int64_t>(kept.size()) == options.limit) break;
    if (options.per_task > 0 && ++seen[item.problem.task] > options.per_task) continue;
    kept.push_back(std::move(item));
  }
  return kept;
}

Result<std::vector<Item>> read_items(const std::filesystem::path& path, const ItemOptions& options) {
  JAJU_ASSIGN(const std::string content, read_file(path, kMaxFile));
  std::vector<Item> items;
  std::string_view rest = content;
  const std::string name = path.filename().string();
  for (int64_t number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    JAJU_ASSIGN(Item item, item_from_json(line, fmt::format("{} line {}", printable(name), number),
                                          path.stem().string()));
    items.push_back(std::move(item));
  }
  if (items.empty()) return error("{} has no questions in it", path.string());
  return select_items(std::move(items), options);
}

std::string user_message(const Item& item) {
  if (item.choices.empty()) return item.problem.question;
  std::string message = item.problem.question + "\n\n";
  for (size_t i = 0; i < item.choices.size(); ++i) message += letter(i) + ". " + item.choices[i] + "\n";
  const bool korean = item.problem.language == "ko";
  return message +
         (korean ? "\n정답의 글자 하나만 답하세요." : "\nAnswer with the letter of the right choice only.");
}

}  // namespace jaju::eval
