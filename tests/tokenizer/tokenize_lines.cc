// Runs a tokenizer over lines, for the tests that compare it with other programs.
//
//   tokenize_lines TOKENIZER [--as-text]                  one JSON string per line -> one JSON array of ids
//   per line tokenize_lines TOKENIZER --decode [--skip-special]    one JSON array of ids per line -> one JSON
//   string per line tokenize_lines TOKENIZER --stream [--skip-special]    the same through StreamDecoder
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "tokenize_lines: %s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::string path;
  bool decode = false;
  bool stream = false;
  bool skip_special = false;
  auto special = jaju::SpecialText::parse;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--decode") {
      decode = true;
    } else if (arg == "--stream") {
      decode = stream = true;
    } else if (arg == "--skip-special") {
      skip_special = true;
    } else if (arg == "--as-text") {
      special = jaju::SpecialText::as_text;
    } else if (path.empty()) {
      path = arg;
    } else {
      return fail("unknown argument " + arg);
    }
  }
  auto tokenizer = jaju::Tokenizer::load(path);
  if (!tokenizer.ok()) return fail(tokenizer.message());
  std::string line;
  while (std::getline(std::cin, line)) {
    auto value = jaju::parse_json(line, "a line of the input");
    if (!value.ok()) return fail(value.message());
    if (!decode) {
      if (!value->is_string()) return fail("a line is not a JSON string");
      std::cout << nlohmann::json((*tokenizer)->encode(value->get_ref<const std::string&>(), special)).dump()
                << '\n';
      continue;
    }
    if (!value->is_array()) return fail("a line is not a JSON array");
    const auto ids = value->get<std::vector<jaju::TokenId>>();
    std::string text;
    if (stream) {
      jaju::StreamDecoder decoder(**tokenizer, skip_special);
      for (const auto id : ids) text += decoder.push(id);
      text += decoder.finish();
    } else {
      text = (*tokenizer)->decode(ids, skip_special);
    }
    std::cout << nlohmann::json(text).dump() << '\n';
  }
  return 0;
}
