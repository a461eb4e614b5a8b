// One JSON request per line {"template", "context": {...}, "trusted": [names]} -> one JSON answer per line:
// {"text", "outside"} or {"error"}. "outside" has one character per byte of text, 'o' for outside, 't' for
// trusted.
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/json.h"
#include "chat/jinja/template.h"

namespace {

nlohmann::ordered_json answer(const nlohmann::ordered_json& request) {
  using jaju::jinja::Template;
  auto parsed = Template::parse(request.at("template").get<std::string>(), "template");
  if (!parsed.ok()) return {{"error", parsed.message()}};
  std::set<std::string> trusted;
  if (request.contains("trusted")) trusted = request.at("trusted").get<std::set<std::string>>();
  Template::Variables variables;
  for (const auto& [name, value] : request.at("context").items()) {
    variables.emplace_back(name, jaju::jinja::from_json(value, trusted.count(name) > 0));
  }
  auto text = (*parsed)->render(variables);
  if (!text.ok()) return {{"error", text.message()}};
  std::string marks;
  text->for_runs([&](std::string_view run, bool ours) { marks.append(run.size(), ours ? 't' : 'o'); });
  return {{"text", text->bytes()}, {"outside", marks}};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    auto request = jaju::parse_ordered_json(line, "request", 128);
    nlohmann::ordered_json out;
    if (request.ok()) {
      out = answer(*request);
    } else {
      out["error"] = request.message();
    }
    std::cout << out.dump() << '\n' << std::flush;
  }
  return 0;
}
