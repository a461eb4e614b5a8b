// jaju train report: writes the page of report.h.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "base/file.h"
#include "train/console.h"
#include "train/report.h"
#include "train/verbs.h"

namespace jaju::train {
namespace {

struct ReportArguments {
  std::vector<std::string> runs;
  std::string to;
};

Status write_report(const ReportArguments& arguments) {
  const std::vector<std::filesystem::path> runs(arguments.runs.begin(), arguments.runs.end());
  const std::filesystem::path to =
      arguments.to.empty() ? runs.front() / "report.html" : std::filesystem::path(arguments.to);
  JAJU_ASSIGN(const ReportPage page, make_report(runs));
  JAJU_RETURN_IF_ERROR(write_file_atomic(to, page.html));
  std::printf("%s: %lld steps of %zu run%s, %s\n", to.c_str(), static_cast<long long>(page.lines),
              runs.size(), runs.size() == 1 ? "" : "s",
              human_bytes(static_cast<double>(page.html.size())).c_str());
  if (page.skipped > 0) {
    std::fprintf(stderr, "jaju: %lld lines of metrics.jsonl were no step and were skipped\n",
                 static_cast<long long>(page.skipped));
  }
  return {};
}

}  // namespace

void add_report_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = app.add_subcommand("report", "Writes one HTML page: curves, expert load, facts");
  auto arguments = std::make_shared<ReportArguments>();
  verb->add_option("run", arguments->runs, "RUN; several are laid over each other")->required();
  verb->add_option("--to", arguments->to, "The file to write (default: report.html in the first RUN)");
  verb->footer(
      R"(The page holds all it needs and opens without a network. It can be made while the run goes on.

Examples
  jaju train report runs/first
  jaju train report runs/balanced runs/unbalanced --to compare.html)");
  verb->callback([&action, arguments] {
    action = [arguments] {
      const Status done = write_report(*arguments);
      if (!done.ok()) return fail(done);
      return std::fflush(stdout) == 0 ? 0 : 1;
    };
  });
}

}  // namespace jaju::train
