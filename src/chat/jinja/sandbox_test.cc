// A hostile template ends in one sentence: no hang, no overflow, no crash.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "chat/jinja/template.h"

namespace jaju::jinja {
namespace {

std::string failure(const std::string& source, const Limits& limits = {}) {
  auto start = std::chrono::steady_clock::now();
  auto tmpl = Template::parse(source, "t");
  std::string message;
  if (!tmpl.ok()) {
    message = tmpl.message();
  } else {
    auto text = (*tmpl)->render({}, limits);
    message = text.ok() ? "rendered" : text.message();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << source.substr(0, 80);
  return message;
}

std::string repeat(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

bool mentions(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message;
  return true;
}

TEST(Sandbox, StepsEnd) {
  const std::string loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
  mentions(failure(loops), "steps");
  Limits few;
  few.max_steps = 100;
  mentions(failure("{% for a in range(50) %}{{ a }}{% endfor %}", few), "more than 100 steps");
}

TEST(Sandbox, RecursionEnds) {
  mentions(failure("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}"), "nests deeper");
  mentions(failure("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}"),
           "nests deeper");
}

TEST(Sandbox, StringsAndOutputEnd) {
  const std::string grow =
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(90) %}{% set ns.s = ns.s ~ ns.s %}{% endfor "
      "%}";
  mentions(failure(grow), "bytes of strings");
  mentions(failure("{{ 'abc' * 999999999 }}"), "larger than 64 MB");
  mentions(failure("{{ [1] * 999999999 }}"), "too many values");
  mentions(failure("{{ ('aaaaaaaa' * 99999) | replace('a', 'b' * 99999) }}"), "bytes of strings");
  Limits small;
  small.max_output_bytes = 1000;
  mentions(failure("{% for i in range(999) %}0123456789{% endfor %}", small), "writes more than 1000 bytes");
}

TEST(Sandbox, SharedValuesDoNotExplode) {
  const std::string dag =
      "{% set ns = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
      "{{ ns.x | tojson }}";
  mentions(failure(dag), "too many values");
  const std::string chain =
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}";
  mentions(failure(chain), "nests deeper than 64");
  const std::string methods =
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x.index] %}{% endfor %}";
  mentions(failure(methods), "nest");
}

TEST(Sandbox, CyclesThroughNamespacesAreFreed) {  // the leak checker of the asan build watches
  EXPECT_EQ(
      failure(
          "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = [b] %}{% set a.a = a %}{{ a }}"),
      "rendered");
  EXPECT_EQ(failure("{% set ns = namespace() %}{% for i in range(20000) %}{% set ns.n = namespace(o=ns.n) "
                    "%}{% endfor %}"),
            "rendered");
  EXPECT_EQ(
      failure(
          "{% set ns = namespace(l=1) %}{% for i in range(9999) %}{% for j in [ns.l] %}{% set ns.l = loop %}"
          "{% endfor %}{% endfor %}"),
      "rendered");
  EXPECT_EQ(
      failure(
          "{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m %}"
          "{% endfor %}{{ ns.m() }}"),
      "rendered");
}

TEST(Sandbox, NestingInTheSourceEnds) {
  mentions(failure("{{ " + repeat("(", 50000) + "1" + repeat(")", 50000) + " }}"), "nests deeper");
  mentions(failure("{{ " + repeat("[", 50000) + repeat("]", 50000) + " }}"), "nests deeper");
  mentions(failure("{{ " + repeat("not ", 50000) + "1 }}"), "nests deeper");
  mentions(failure("{{ " + repeat("-", 50000) + "1 }}"), "nests deeper");
  mentions(failure("{{ 1" + repeat(" + 1", 50000) + " }}"), "longer than");
  mentions(failure("{{ a" + repeat(".a", 50000) + " }}"), "longer than");
  mentions(failure("{{ 1" + repeat(" if 1 else 1", 50000) + " }}"), "nests deeper");
  mentions(failure(repeat("{% if 1 %}", 50000)), "nests deeper");
  mentions(failure(repeat("{% for a in b %}", 50000)), "nests deeper");
  mentions(failure("{% set " + repeat("(", 50000) + "a" + repeat(")", 50000) + " = 1 %}"), "nests deeper");
  mentions(failure(std::string(kMaxTemplateBytes + 1, 'x')), "allowed");
  EXPECT_EQ(failure("{{ 1" + repeat(" ~ 1", 5000) + " }}"), "rendered");
}

TEST(Sandbox, NothingBehindTheDataIsReachable) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ namespace.__init__.__globals__ }}", "{{ range.__self__.x }}",
        "{{ [].__class__.__base__ }}", "{{ self.x.y }}", "{{ cycler.__init__.x }}",
        "{{ lipsum.__globals__ }}", "{{ ().__class__.__bases__[0] }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}"}) {
    mentions(failure(source), "t: line 1: ");
  }
  mentions(failure("{% import 'os' as os %}"), "not available");
  mentions(failure("{% extends 'x' %}"), "not available");
}

// Each of these took minutes, gigabytes or the stack before it was counted.
TEST(Sandbox, WorkWithinOneStepEnds) {
  const std::string long_a = "{% set s = 'a' * 2000000 %}";
  EXPECT_EQ(failure(long_a + "{{ (('a' * 1000000) ~ 'b') in s }}{{ s.count(('a' * 1000000) ~ 'b') }}"
                             "{{ s.strip(('b' * 1000000) ~ 'a') }}"),
            "rendered");
  mentions(failure("{{ 'a' | map(*(['map'] * 14000)) | list }}"), "nests deeper");
  mentions(failure("{% set s = ' ' * 60000000 %}{% for i in range(300) %}{% set x = s | int %}{% endfor %}"),
           "steps");
  mentions(failure("{% set s = 'a' * 9000000 %}{% for i in range(999) %}{% set x = {s: 1} %}{% endfor %}"),
           "steps");
  mentions(failure("{% set s = 'ab' * 4500000 %}{% for c in s %}{% endfor %}"), "steps");
  mentions(failure("{{ 'abc' | truncate(-9223372036854775807 - 1) }}"), "length");
  mentions(failure("{{ 9223372036854775807 | round(-1) }}"), "64 bits");
}

TEST(Sandbox, ManyVariablesAreFoundAtOnce) {
  auto tmpl = Template::parse("{% for i in range(1000) %}{{ k7 }}{% endfor %}", "t");
  ASSERT_TRUE(tmpl.ok());
  Template::Variables variables;
  for (int i = 0; i < 100'000; ++i)
    variables.emplace_back(std::string("k") + std::to_string(i), Value(int64_t{i}));
  const auto start = std::chrono::steady_clock::now();
  auto text = (*tmpl)->render(variables);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  ASSERT_TRUE(text.ok()) << text.message();
  EXPECT_EQ(text->bytes(), repeat("7", 1000));
}

TEST(Sandbox, MessagesAreCutBetweenCharacters) {
  for (int n = 490; n < 500; ++n) {
    EXPECT_TRUE(
        utf8_valid(failure("{{ raise_exception('" + repeat("x", n) + repeat("\xea\xb0\x80", 9) + "') }}")));
  }
}

// Text from outside stays so, whatever a template does with it.
TEST(Trust, NothingMakesOutsideTextTrusted) {
  Dict dict;
  dict.set(Text("EVIL", false), Value(Text("EVIL", false)));
  const Template::Variables variables = {{"u", Value(Text("EVIL", false))}, {"d", Value::dict(dict)}};
  for (const char* source :
       {"{{ dict(**d) | list | join }}",
        "{{ dict(d) }}",
        "{{ strftime_now(u) }}",
        "{{ d | tojson }}",
        "{{ [1, 2] | tojson(separators=(u, u)) }}",
        "{{ {1: 2} | tojson(separators=(',', u)) }}",
        "{{ u | indent(u) }}",
        "{{ 'a\nb' | indent(u) }}",
        "{{ u | title | upper }}",
        "{{ [1, 2] | join(u) }}",
        "{{ 'a' | replace('a', u) }}",
        "{{ u.format(1) }}",
        "{{ '{}'.format(u) }}",
        "{{ '%s %r' % (u, u) }}",
        "{{ 'abcdefgh' | truncate(5, true, u, 0) }}",
        "{% set x %}<{{ u }}>{% endset %}{{ x }}",
        "{% macro m(a) %}{{ a }}{{ caller() }}{% endmacro %}{% call m(u) %}{{ u }}{% endcall %}",
        "{% filter upper %}{{ u }}{% endfilter %}",
        "{{ d | dictsort }}{{ d.items() | list }}{{ [d] | groupby('EVIL') }}",
        "{{ u | e | safe | string | center(9) | reverse | reverse }}",
        "{{ u[0:] ~ u[0] ~ u[1] ~ u[2] ~ u[3] }}",
        "{% set ns = namespace(x=u) %}{% set ns.x = ns.x ~ u %}{{ ns.x }}",
        "{{ u * 2 }}{{ [u] * 2 }}"}) {
    auto tmpl = Template::parse(source, "t");
    ASSERT_TRUE(tmpl.ok()) << tmpl.message();
    auto text = (*tmpl)->render(variables, {}, 0);
    ASSERT_TRUE(text.ok()) << source << text.message();
    bool seen = false;
    text->for_runs([&](std::string_view run, bool trusted) {
      const bool evil = run.find_first_of("EVILevil") != std::string_view::npos;
      seen = seen || (evil && !trusted);
      EXPECT_FALSE(evil && trusted && run.find_first_of("EVIL") != std::string_view::npos) << source;
    });
    EXPECT_TRUE(seen) << source << ": " << text->bytes();
  }
}

TEST(Sandbox, DeepJsonIsRefused) {
  nlohmann::ordered_json json = 1;
  for (int i = 0; i < 100'000; ++i) {
    nlohmann::ordered_json outer = nlohmann::ordered_json::array();
    outer.push_back(std::move(json));
    json = std::move(outer);
  }
  EXPECT_THROW(from_json(json, false), TemplateError);
}

TEST(Sandbox, ExtremeNumbers) {
  mentions(failure("{{ 9223372036854775807 + 1 }}"), "64 bits");
  mentions(failure("{{ -9223372036854775807 - 2 }}"), "64 bits");
  mentions(failure("{{ 10 ** 100 }}"), "64 bits");
  mentions(failure("{{ (-9223372036854775807 - 1) // -1 }}"), "64 bits");
  mentions(failure("{{ 99999999999999999999 }}"), "too large");
  mentions(failure("{{ 1 % 0 }}"), "zero");
  mentions(failure("{{ 'abc'[::0] }}"), "zero");
  EXPECT_EQ(failure("{{ (-9223372036854775807 - 1) % -1 }}{{ 'abc'[::-9223372036854775807] }}"
                    "{{ 'abc'[9223372036854775807:] }}{{ 'abc'[-9223372036854775807:] }}{{ 2 ** -1 }}"),
            "rendered");
}

}  // namespace
}  // namespace jaju::jinja
