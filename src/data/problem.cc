#include "data/problem.h"

#include <xxhash.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/utf8.h"
#include "data/synth.h"

namespace jaju::data {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// Bytes of the white space `text` starts with: ASCII, no-break and ideographic spaces. 0: none.
size_t space_length(std::string_view text) {
  if (text.empty()) return 0;
  if (is_space(text[0])) return 1;
  if (text.substr(0, 2) == "\xc2\xa0") return 2;
  if (text.substr(0, 3) == "\xe3\x80\x80") return 3;
  return 0;
}

}  // namespace

std::string one_spaced(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool pending = false;
  while (!text.empty()) {
    if (const size_t n = space_length(text); n > 0) {
      pending = !out.empty();
      text.remove_prefix(n);
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    out += text[0];
    text.remove_prefix(1);
  }
  return out;
}

std::string problem_id(std::string_view language, std::string_view question) {
  std::string key(language);
  key += '\0';
  key += one_spaced(question);
  return fmt::format("{:016x}", XXH3_64bits(key.data(), key.size()));
}

bool is_test_problem(std::string_view id) {
  // Hashed once more, so the split does not depend on the id's own bits, which may serve other choices.
  return XXH3_64bits_withSeed(id.data(), id.size(), 0x6a616a75) % 50 == 0;
}

std::string to_json_line(const Problem& problem) {
  const nlohmann::ordered_json object = {{"id", problem.id},
                                         {"task", problem.task},
                                         {"language", problem.language},
                                         {"difficulty", problem.difficulty},
                                         {"question", problem.question},
                                         {"thinking", problem.thinking},
                                         {"answer", problem.answer},
                                         {"expected", problem.expected}};
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Problem> problem_from_json(std::string_view line, const std::string& what) {
  JAJU_ASSIGN(const nlohmann::json object, parse_json(line, what));
  if (!object.is_object()) {
    return error("{}: a problem must be a JSON object with task, language, question and answer", what);
  }
  Problem problem;
  const auto read = [&](const char* key, std::string& field, bool required) -> Status {
    const auto found = object.find(key);
    if (found == object.end()) {
      if (!required) return {};
      return error(
          "{}: '{}' is missing; a problem has task, language, difficulty, question, thinking, answer and "
          "expected",
          what, key);
    }
    if (!found->is_string()) return error("{}: '{}' must be a string", what, key);
    field = found->get_ref<const std::string&>();
    return {};
  };
  JAJU_RETURN_IF_ERROR(read("id", problem.id, false));
  JAJU_RETURN_IF_ERROR(read("task", problem.task, true));
  JAJU_RETURN_IF_ERROR(read("language", problem.language, true));
  JAJU_RETURN_IF_ERROR(read("question", problem.question, true));
  JAJU_RETURN_IF_ERROR(read("thinking", problem.thinking, true));
  JAJU_RETURN_IF_ERROR(read("answer", problem.answer, true));
  JAJU_RETURN_IF_ERROR(read("expected", problem.expected, true));
  const auto difficulty = object.find("difficulty");
  if (difficulty == object.end())
    return error("{}: 'difficulty' is missing; it is a whole number from 1 to 5", what);
  if (!difficulty->is_number_integer() || *difficulty < 1 || *difficulty > 5) {
    return error("{}: 'difficulty' must be a whole number from 1 to 5", what);
  }
  problem.difficulty = difficulty->get<int>();
  if (problem.id.empty()) problem.id = problem_id(problem.language, problem.question);
  return problem;
}

}  // namespace jaju::data
