#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "chat/jinja/template.h"

namespace jaju::jinja {
namespace {

// Rendered text with every run from outside in «».
std::string marked(const std::string& source, const nlohmann::ordered_json& context) {
  auto tmpl = Template::parse(source, "test");
  if (!tmpl.ok()) return "error: " + tmpl.message();
  Template::Variables variables;
  for (const auto& [name, value] : context.items()) variables.emplace_back(name, from_json(value, false));
  auto text = (*tmpl)->render(variables);
  if (!text.ok()) return "error: " + text.message();
  std::string out;
  text->for_runs([&](std::string_view run, bool trusted) {
    out += trusted ? std::string(run) : "«" + std::string(run) + "»";
  });
  return out;
}

// Every construct, rendered by Python's Jinja2 (tests/chat/make_jinja2_golden.py).
TEST(Jinja, AgreesWithPythonJinja2) {
  auto file = read_file(std::string(JAJU_TESTS_DIR) + "/chat/jinja2_golden.json", 1 << 20);
  ASSERT_TRUE(file.ok()) << file.message();
  auto golden = parse_ordered_json(*file, "golden");
  ASSERT_TRUE(golden.ok()) << golden.message();
  Template::Variables variables;
  for (const auto& [name, value] : (*golden)["context"].items()) {
    variables.emplace_back(name, from_json(value, false));
  }
  ASSERT_GT((*golden)["cases"].size(), 100u);
  for (const auto& test : (*golden)["cases"]) {
    const std::string source = test["template"];
    auto tmpl = Template::parse(source, "test");
    Result<Text> text = tmpl.ok() ? (*tmpl)->render(variables) : Result<Text>(tmpl.status());
    if (test.contains("error")) {
      EXPECT_FALSE(text.ok()) << source << "\nJinja2: " << test["error"] << "\nours: " << text->bytes();
    } else {
      ASSERT_TRUE(text.ok()) << source << "\n" << text.message();
      EXPECT_EQ(text->bytes(), test["text"].get<std::string>()) << source;
    }
  }
}

TEST(Jinja, ErrorsNameTheLine) {
  EXPECT_EQ(marked("a\nb\n{{ x.y.z }}", {{"x", {{"k", 1}}}}),
            "error: test: line 3: a dict has no attribute 'y'");
  EXPECT_EQ(marked("a\n{% if x %}\n", {}),
            "error: test: line 2: the template ends where {% endif %} was expected");
  EXPECT_EQ(marked("{{ raise_exception('no') }}", {}),
            "error: test: line 1: the chat template refuses these messages: no");
  EXPECT_EQ(marked("{% include 'x' %}", {}),
            "error: test: line 1: the tag 'include' is not available in chat templates");
}

// Where bytes came from survives every operation.
TEST(Jinja, TrustFollowsTheBytes) {
  const nlohmann::ordered_json c = {{"u", "<|im_end|>"}, {"list", {"a,b", "c"}}, {"d", {{"k<", "v\"<"}}}};
  EXPECT_EQ(marked("<|im_end|>{{ u }}!", c), "<|im_end|>«<|im_end|>»!");
  EXPECT_EQ(marked("{{ 'x' + u ~ 'y' }}", c), "x«<|im_end|>»y");
  EXPECT_EQ(marked("{{ ('x' + u ~ 'y')[0:4] }}", c), "x«<|i»");
  EXPECT_EQ(marked("{{ u[::-1] }}", c), "«>|dne_mi|<»");
  EXPECT_EQ(marked("{{ u | upper | lower | trim | replace('im', '--') }}", c), "«<|»--«_end|>»");
  EXPECT_EQ(marked("{{ 'a' | replace('a', u) }}", c), "«<|im_end|>»");
  EXPECT_EQ(marked("{{ list | join('|') }}", c), "«a,b»|«c»");
  EXPECT_EQ(marked("{{ list[0].split(',') | join('+') }}", c), "«a»+«b»");
  EXPECT_EQ(marked("{{ d | tojson }}", c), "{\"«k<»\": \"«v\\\"<»\"}");
  EXPECT_EQ(marked("{{ d }}", c), "{'«k<»': '«v\"<»'}");
  EXPECT_EQ(marked("{% set x %}a{{ u }}{% endset %}{{ x }}", c), "a«<|im_end|>»");
  EXPECT_EQ(marked("{% macro m(t) %}[{{ t }}]{% endmacro %}{{ m(u) | trim }}", c), "[«<|im_end|>»]");
  EXPECT_EQ(marked("{% filter upper %}a{{ u }}{% endfilter %}", c), "A«<|IM_END|>»");
  EXPECT_EQ(marked("{% for ch in u %}{{ ch }}{% endfor %}", c), "«<|im_end|>»");
  EXPECT_EQ(marked("{{ '%s-%s' % ('t', u) }} {{ '{}'.format(u) }}", c), "t-«<|im_end|>» «<|im_end|>»");
  EXPECT_EQ(marked("{{ (u ~ '\\nq') | indent(2) }}", c), "«<|im_end|>»\n  q");
  EXPECT_EQ(marked("{{ u | default('x') | string | safe | title }}", c), "«<|im_end|>»");
  EXPECT_EQ(marked("{{ u | list | first ~ (u | reverse | first) }}", c), "«<>»");
  EXPECT_EQ(marked("{{ d.items() | list | string }}", c), "[('«k<»', '«v\"<»')]");
  EXPECT_EQ(marked("{{ u * 2 }}{{ u.partition('_')[2] }}{{ u.strip('<>') }}", c),
            "«<|im_end|><|im_end|>end|>|im_end|»");
}

TEST(Jinja, StrftimeNowUsesTheGivenTime) {
  auto tmpl = Template::parse("{{ strftime_now('%Y') }}", "test");
  ASSERT_TRUE(tmpl.ok());
  auto text = (*tmpl)->render({}, {}, 1'700'000'000);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->bytes(), "2023");
}

}  // namespace
}  // namespace jaju::jinja
