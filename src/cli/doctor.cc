// jaju doctor: is this machine ready, and what would make it faster.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "cli/cli.h"
#include "cli/doctor_checks.h"
#include "cli/model_path.h"

namespace jaju::cli {
namespace {

struct DoctorOptions {
  std::string model;
  bool json = false;
};

const char* word(Level level) {
  return level == Level::ok ? "OK" : level == Level::warn ? "WARN" : "FAIL";
}

const char* colour(Level level) {
  return level == Level::ok ? "\x1b[32m" : level == Level::warn ? "\x1b[33m" : "\x1b[31m";
}

int run_doctor(const DoctorOptions& options) {
  std::vector<Check> checks = check_machine();
  for (Check& check : check_folders()) checks.push_back(std::move(check));
  if (!options.model.empty()) {
    const Result<std::filesystem::path> dir = find_model(options.model);
    if (!dir.ok()) {
      checks.push_back(
          {"model", Level::fail, dir.message(), "the model cannot run", "give the model's directory"});
    } else {
      for (Check& check : check_model(*dir)) checks.push_back(std::move(check));
    }
  }
  int count[3] = {0, 0, 0};
  for (const Check& check : checks) ++count[static_cast<int>(check.level)];
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Check& c : checks) {
      list.push_back({{"name", c.name},
                      {"level", word(c.level)},
                      {"finding", c.finding},
                      {"cost", c.cost},
                      {"fix", c.fix}});
    }
    const nlohmann::ordered_json report = {{"ok", count[2] == 0}, {"checks", list}};
    print(report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } else {
    const bool colours = stdout_is_terminal() && colour_allowed();
    for (const Check& c : checks) {
      print(fmt::format("{}{:<4}{}  {:<10}  {}\n", colours ? colour(c.level) : "", word(c.level),
                        colours ? "\x1b[0m" : "", c.name, c.finding));
      if (c.level != Level::ok) print(fmt::format("{:18}costs: {}\n{:18}fix:   {}\n", "", c.cost, "", c.fix));
    }
    note(fmt::format("{} fine, {} to improve, {} broken", count[0], count[1], count[2]));
  }
  const Status written = flush_stdout();
  if (!written.ok()) return fail(written);
  return count[2] == 0 ? kOk : kFailure;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("doctor", "Checks this machine, and a model when one is named");
  auto options = std::make_shared<DoctorOptions>();
  verb->add_option("MODEL", options->model, "A directory or a name");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      R"(Each line is OK, WARN or FAIL, with what it costs and what helps. Ends with 1 when a line says FAIL.
It only reads.

Examples
  jaju doctor
  jaju doctor ~/models/A.X-K1 --json)");
  verb->callback([&action, options] { action = [options] { return run_doctor(*options); }; });
}

}  // namespace jaju::cli
