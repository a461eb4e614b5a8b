// Feeds arbitrary bytes to what the data room reads: problems, verdicts on answers, shard manifests, chat
// messages' questions. The first byte chooses.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "data/decontaminate.h"
#include "data/problem.h"
#include "data/shards.h"

namespace {

void check_message(const jaju::Status& status) {
  JAJU_CHECK(status.message().starts_with("fuzz") && status.message().find('\n') == std::string::npos);
}

void problem(std::string_view text) {
  const auto parsed = jaju::data::problem_from_json(text, "fuzz");
  if (!parsed.ok()) return check_message(parsed.status());
  // What was read is written and read again unchanged.
  const std::string line = jaju::data::to_json_line(*parsed);
  JAJU_CHECK(line.find('\n') == std::string::npos);
  const auto again = jaju::data::problem_from_json(line, "fuzz");
  JAJU_CHECK(again.ok() && jaju::data::to_json_line(*again) == line);
  (void)jaju::data::numbers_key(*parsed);
}

// The answer, a zero byte, what is expected.
void verdict(std::string_view text) {
  const size_t zero = text.find('\0');
  const std::string_view answer = text.substr(0, zero);
  const std::string_view expected =
      zero == std::string_view::npos ? std::string_view() : text.substr(zero + 1);
  const bool right = jaju::data::answer_matches(answer, expected);
  JAJU_CHECK(right == jaju::data::answer_matches(answer, expected));
  // Exactness is the floor, and nothing answers an empty expectation.
  const bool empty = expected.find_first_not_of(" \t\n\r\f\v") == std::string_view::npos;
  JAJU_CHECK(jaju::data::answer_matches(expected, expected) == !empty);
  JAJU_CHECK(!(right && empty));
}

void question(std::string_view text) {
  const std::string once = jaju::data::normalised_question(text);
  JAJU_CHECK(once.size() <= 3 * text.size() + 3);
  JAJU_CHECK(jaju::data::ngram_hashes(text).size() <= text.size());
}

void manifest(std::string_view text) {
  const auto parsed = jaju::data::parse_shard_manifest(text, "fuzz");
  if (!parsed.ok()) return check_message(parsed.status());
  for (const auto& shard : parsed->shards) JAJU_CHECK(shard.file.size() == 15 && shard.tokens >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'p':
      problem(text);
      break;
    case 'v':
      verdict(text);
      break;
    case 'q':
      question(text);
      break;
    default:
      manifest(text);
  }
  return 0;
}
