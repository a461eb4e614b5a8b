#include "data/decontaminate.h"

#include <utf8proc.h>
#include <xxhash.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/json.h"
#include "base/utf8.h"
#include "data/records.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxTestQuestions = 10'000'000;
constexpr size_t kMaxExamples = 5;

// The next character of `text`, taken off its front; invalid bytes count as U+FFFD.
uint32_t take_character(std::string_view& text) {
  uint32_t code_point = 0xfffd;
  const int length = utf8_length(text, &code_point);
  text.remove_prefix(length > 0 ? static_cast<size_t>(length) : 1);
  return length > 0 ? code_point : 0xfffd;
}

bool is_white(uint32_t c) {
  if (c == ' ' || (c >= '\t' && c <= '\r')) return true;
  return c >= 0x80 && utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ZS;
}

// Marks that end or part sentences; signs of arithmetic and code are not among them.
bool is_sentence_mark(uint32_t c) {
  switch (c) {
    case '?':
    case '!':
    case ',':
    case '.':
    case ';':
    case '"':
    case '\'':
    case '`':
    case 0xa1:
    case 0xbf:
    case 0x2026:
    case 0x2018:
    case 0x2019:
    case 0x201c:
    case 0x201d:
    case 0x3001:
    case 0x3002:
    case 0xff01:
    case 0xff0c:
    case 0xff1f:
      return true;
    default:
      return false;
  }
}

bool is_ascii_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}

// Han and kana are written without spaces: each character is a word of its own here, as in the usual counts.
bool stands_alone(uint32_t c) {
  return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         c >= 0x20000;
}

bool is_word_part(uint32_t c) {
  if (c < 0x80) return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;  // letters, marks, numbers
}

uint32_t folded(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

// The question of a record, whatever its layout; its whole text where there is no question.
Result<std::string> question_of(const std::string& record, RecordKind kind, const std::string& place) {
  if (kind != RecordKind::line) return record;
  JAJU_ASSIGN(const nlohmann::json object, parse_json(record, place));
  if (object.is_object()) {
    for (const char* key : {"question", "text", "prompt", "problem"}) {
      const auto found = object.find(key);
      if (found != object.end() && found->is_string()) return found->get<std::string>();
    }
    const auto messages = object.find("messages");
    if (messages != object.end() && messages->is_array()) {
      std::string text;
      for (const nlohmann::json& message : *messages) {
        if (!message.is_object() || message.value("role", nlohmann::json()) != "user") continue;
        const auto content = message.find("content");
        if (content == message.end() || !content->is_string()) continue;
        text += text.empty() ? "" : "\n";
        text += content->get_ref<const std::string&>();
      }
      return text;
    }
  }
  return error("{}: expected an object with 'question', 'text' or 'messages'", place);
}

// A problem's key by its numbers, or nothing for records that are no problems.
std::optional<uint64_t> numbers_of(const std::string& record, RecordKind kind) {
  if (kind != RecordKind::line) return std::nullopt;
  const Result<Problem> problem = problem_from_json(record, "");
  return problem.ok() ? numbers_key(*problem) : std::nullopt;
}

// Calls body(text, numbers, place) for the question of every record of the files; numbers() is the record's
// key by its numbers, made when asked for. Stops at the first error.
template <typename Body>
Status for_each_question(const std::vector<fs::path>& files, const Body& body) {
  std::string record;
  for (const fs::path& file : files) {
    JAJU_ASSIGN(const RecordKind kind, record_kind(file, false));
    JAJU_ASSIGN(const std::unique_ptr<RecordReader> reader, RecordReader::open(file, kind));
    while (true) {
      JAJU_ASSIGN(const bool found, reader->next(record));
      if (!found) break;
      JAJU_ASSIGN(const std::string text, question_of(record, kind, reader->place()));
      JAJU_RETURN_IF_ERROR(body(
          text, [&] { return numbers_of(record, kind); }, reader->place()));
    }
  }
  return {};
}

// Test questions, found again by their words and by their numbers.
class TestIndex {
 public:
  void add(size_t i, uint64_t question, std::optional<uint64_t> numbers) {
    by_question_.emplace(question, i);
    if (numbers) by_numbers_.emplace(*numbers, i);
  }
  template <typename Found>
  void same_question(const std::string& text, const Found& found) const {
    each(by_question_, question_key(text), found);
  }
  template <typename Numbers, typename Found>
  void same_numbers(const Numbers& numbers, const Found& found) const {
    if (by_numbers_.empty()) return;
    if (const std::optional<uint64_t> key = numbers()) each(by_numbers_, *key, found);
  }

 private:
  using Map = std::unordered_multimap<uint64_t, size_t>;
  template <typename Found>
  static void each(const Map& map, uint64_t key, const Found& found) {
    const auto [first, last] = map.equal_range(key);
    for (auto it = first; it != last; ++it) found(it->second);
  }
  Map by_question_, by_numbers_;
};

}  // namespace

std::string normalised_question(std::string_view question) {
  std::string out;
  uint32_t last = 0;
  bool space = false;
  while (!question.empty()) {
    const uint32_t c = folded(take_character(question));
    if (is_white(c)) {
      space = true;
      continue;
    }
    if (is_sentence_mark(c)) {
      // "1,234" and "2.5" keep theirs; "3, 4" and "end." lose it.
      const bool inside = (c == ',' || c == '.') && is_ascii_digit(last) && !space && !question.empty() &&
                          is_ascii_digit(static_cast<unsigned char>(question[0]));
      if (!inside) {
        space = true;
        continue;
      }
    }
    // Between two digits a space parts numbers; elsewhere spacing is taste.
    if (space && is_ascii_digit(last) && is_ascii_digit(c)) out += ' ';
    space = false;
    utf8_append(out, c);
    last = c;
  }
  return out;
}

uint64_t question_key(std::string_view question) {
  const std::string text = normalised_question(question);
  return XXH3_64bits(text.data(), text.size());
}

std::optional<uint64_t> numbers_key(const Problem& problem) {
  std::vector<std::string> numbers;
  size_t digits = 0;
  const std::string& text = problem.question;
  for (size_t i = 0; i < text.size();) {
    if (!is_ascii_digit(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    size_t end = i;
    std::string number;
    while (end < text.size()) {
      if (is_ascii_digit(static_cast<unsigned char>(text[end]))) {
        number += text[end++];
        ++digits;
      } else if (text[end] == ',' && end + 3 < text.size() &&
                 is_ascii_digit(static_cast<unsigned char>(text[end + 1])) &&
                 is_ascii_digit(static_cast<unsigned char>(text[end + 2])) &&
                 is_ascii_digit(static_cast<unsigned char>(text[end + 3]))) {
        ++end;
      } else {
        break;
      }
    }
    numbers.push_back(std::move(number));
    i = end;
  }
  if (digits < 4) return std::nullopt;
  std::sort(numbers.begin(), numbers.end());
  std::string key = problem.task + '\0' + problem.expected;
  for (const std::string& number : numbers) key += '\0' + number;
  return XXH3_64bits(key.data(), key.size());
}

std::vector<uint64_t> ngram_hashes(std::string_view text) {
  std::vector<uint64_t> words;
  std::string word;
  int kind = 0;  // of `word`: 0 none, 1 letters, 2 digits
  const auto flush = [&] {
    if (!word.empty()) words.push_back(XXH3_64bits(word.data(), word.size()));
    word.clear();
    kind = 0;
  };
  while (!text.empty()) {
    const uint32_t c = folded(take_character(text));
    if (is_white(c) || is_sentence_mark(c)) {
      flush();
      continue;
    }
    const int next = stands_alone(c) ? 0 : is_ascii_digit(c) ? 2 : is_word_part(c) ? 1 : 0;
    if (next == 0 || next != kind) flush();
    kind = next;
    utf8_append(word, c);
    if (next == 0) flush();
  }
  flush();
  std::vector<uint64_t> hashes;
  for (size_t i = 0; i + kNgram <= words.size(); ++i) {
    hashes.push_back(XXH3_64bits(&words[i], kNgram * sizeof(uint64_t)));
  }
  return hashes;
}

Result<ContaminationReport> check_contamination(const std::vector<fs::path>& train,
                                                const std::vector<fs::path>& test) {
  ContaminationReport report;
  struct Question {
    std::string place;
    std::vector<uint64_t> ngrams;
    bool same = false;
    bool same_numbers = false;
  };
  std::vector<Question> questions;
  TestIndex index;
  std::unordered_map<uint64_t, bool> ngram_seen;  // 13-grams of the test questions: seen in training?
  JAJU_RETURN_IF_ERROR(for_each_question(
      test, [&](const std::string& text, const auto& numbers, const std::string& place) -> Status {
        if (questions.size() == kMaxTestQuestions) {
          return error("{}: more than {} test questions; check the files in parts", place, kMaxTestQuestions);
        }
        Question question{place, ngram_hashes(text), false, false};
        index.add(questions.size(), question_key(text), numbers());
        for (const uint64_t hash : question.ngrams) ngram_seen.emplace(hash, false);
        questions.push_back(std::move(question));
        return {};
      }));
  JAJU_RETURN_IF_ERROR(for_each_question(
      train, [&](const std::string& text, const auto& numbers, const std::string& place) -> Status {
        ++report.train_records;
        index.same_question(text, [&](size_t i) {
          Question& question = questions[i];
          if (!question.same && report.examples.size() < kMaxExamples) {
            report.examples.push_back(fmt::format("{} is also {}", question.place, place));
          }
          question.same = true;
        });
        index.same_numbers(numbers, [&](size_t i) { questions[i].same_numbers = true; });
        for (const uint64_t hash : ngram_hashes(text)) {
          const auto found = ngram_seen.find(hash);
          if (found != ngram_seen.end()) found->second = true;
        }
        return {};
      }));
  report.test_questions = static_cast<int64_t>(questions.size());
  for (const Question& question : questions) {
    report.same_question += question.same ? 1 : 0;
    report.same_numbers += question.same_numbers ? 1 : 0;
    const auto seen = std::count_if(question.ngrams.begin(), question.ngrams.end(),
                                    [&](uint64_t hash) { return ngram_seen.at(hash); });
    report.too_short += question.ngrams.empty() ? 1 : 0;
    report.shared_ngram += seen > 0 ? 1 : 0;
    report.covered += seen > 0 && seen == static_cast<int64_t>(question.ngrams.size()) ? 1 : 0;
  }
  return report;
}

Result<std::vector<bool>> seen_in_training(std::span<const Problem> problems,
                                           const std::vector<fs::path>& train) {
  TestIndex index;
  for (size_t i = 0; i < problems.size(); ++i) {
    index.add(i, question_key(problems[i].question), numbers_key(problems[i]));
  }
  std::vector<bool> seen(problems.size());
  const auto mark = [&](size_t i) { seen[i] = true; };
  JAJU_RETURN_IF_ERROR(for_each_question(
      train, [&](const std::string& text, const auto& numbers, const std::string&) -> Status {
        index.same_question(text, mark);
        index.same_numbers(numbers, mark);
        return {};
      }));
  return seen;
}

}  // namespace jaju::data
