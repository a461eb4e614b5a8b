// jaju version: what this program is, for a bug report.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/commit_info.h"
#include "kernels/ops.h"

namespace jaju::cli {
namespace {

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("gcc {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

// The kernels this machine can run, best first.
std::vector<std::string> runnable_kernels() {
  std::vector<std::string> names;
  for (const char* name : {"amx", "avx512", "avxvnni", "avx2", "ref"}) {
    if (find_ops(name) != nullptr) names.emplace_back(name);
  }
  return names;
}

int run_version(bool as_json) {
  const Result<const Ops*> chosen = select_ops();
  const std::string used = chosen.ok() ? (*chosen)->name : "";
  const bool bf16 = used == "avx512" && cpu_has_fast_bf16_dot();
  const bool tiles = used == "avx512" && uses_int8_tiles();
  const bool avx_vnni = used == "avx2" && uses_avx_vnni();
  if (as_json) {
    nlohmann::ordered_json report = {{"version", JAJU_VERSION},
                                     {"commit", kCommit},
                                     {"compiler", compiler()},
                                     {"build", JAJU_BUILD_KIND},
                                     {"kernels",
                                      {{"chosen", used},
                                       {"runnable", runnable_kernels()},
                                       {"bf16_dot", bf16},
                                       {"int8_tiles", tiles},
                                       {"avx_vnni", avx_vnni}}}};
    print(report.dump() + "\n");
  } else {
    print(fmt::format("jaju {} ({})\ncompiler  {}, {} build\nkernels   {}{}; this machine can run {}\n",
                      JAJU_VERSION, kCommit, compiler(), JAJU_BUILD_KIND, used,
                      bf16 && tiles ? " (bf16 dot, AMX tiles)"
                      : bf16        ? " (bf16 dot)"
                      : tiles       ? " (AMX tiles)"
                      : avx_vnni    ? " (AVX-VNNI)"
                                    : "",
                      fmt::join(runnable_kernels(), ", ")));
  }
  if (!chosen.ok()) return fail(chosen.status());
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_version(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("version", "Prints version, commit, compiler and kernels");
  auto as_json = std::make_shared<bool>(false);
  verb->add_flag("--json", *as_json, "One JSON object");
  verb->footer("Example\n  jaju version --json");
  verb->callback([&action, as_json] { action = [as_json] { return run_version(*as_json); }; });
}

}  // namespace jaju::cli
