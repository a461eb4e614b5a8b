// Bytes: a template, a zero byte, a JSON object of variables (what has no zero byte is all template).
// Parsed and rendered under small budgets; the model's text parser reads the same bytes cut in two.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "chat/jinja/template.h"
#include "chat/output_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaju;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const std::string_view source = input.substr(0, zero);
  jinja::Template::Variables variables;
  if (zero != std::string_view::npos) {
    auto json = parse_ordered_json(input.substr(zero + 1), "variables");
    if (json.ok() && json->is_object()) {
      try {
        for (const auto& [name, value] : json->items())
          variables.emplace_back(name, jinja::from_json(value, false));
      } catch (const jinja::TemplateError&) {
      }
    }
  }
  jinja::Limits limits;
  limits.max_steps = 20'000;
  limits.max_output_bytes = 1 << 16;
  limits.max_string_bytes = 1 << 20;
  auto tmpl = jinja::Template::parse(source, "fuzz");
  if (tmpl.ok()) {
    auto text = (*tmpl)->render(variables, limits, 0);
    if (text.ok()) {
      // The runs cover the text exactly and neighbours differ.
      size_t total = 0;
      int last = -1;
      text->for_runs([&](std::string_view run, bool trusted) {
        if (run.empty() || last == static_cast<int>(trusted)) std::abort();
        last = trusted;
        total += run.size();
      });
      if (total != text->size()) std::abort();
    }
  }
  OutputParser parser({.thinking = size % 2 == 0, .tools = true});
  parser.push(source.substr(0, source.size() / 2));
  parser.push(source.substr(source.size() / 2));
  parser.finish();
  return 0;
}
