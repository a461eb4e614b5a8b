#include "train/config_tables.h"

#include "base/file.h"

namespace jaju::train {

Status read_run(toml::table& table, const std::string& what, RunConfig& run) {
  Section in(table, what, "run.");
  int64_t seed = static_cast<int64_t>(run.seed);
  in.integer("seed", 0, std::numeric_limits<int64_t>::max(), seed);
  run.seed = static_cast<uint64_t>(seed);
  const auto word = [&](const char* key, std::initializer_list<const char*> names, std::string& target) {
    int index = -1;
    in.choice(key, names, index);
    if (index >= 0) target = names.begin()[index];
  };
  word("precision", {"auto", "f32", "bf16"}, run.precision);
  word("device", {"auto", "cpu", "cuda"}, run.device);
  word("export_dtype", {"bfloat16", "float32"}, run.export_dtype);
  in.small_integer("threads", 0, 4096, run.threads);
  in.number("checkpoint_minutes", 0.0, 1e6, run.checkpoint_minutes);
  in.integer("checkpoint_tokens", 0, kManyTokens, run.checkpoint_tokens);
  in.integer("keep", 1, 1000, run.keep);
  in.integer("eval_tokens", 1, kManyTokens, run.eval_tokens);
  in.integer("held_out_tokens", 1, kManyTokens, run.held_out_tokens);
  in.integer("load_every", 1, 1'000'000, run.load_every);
  read_path(in, table, "tokenizer", run.tokenizer);
  return in.finish();
}

Status read_optimizer(const toml::table& table, const std::string& what, OptimizerConfig& optimizer) {
  Section in(table, what, "optimizer.");
  int kind = 0;
  in.choice("kind", {"adamw", "muon"}, kind);
  optimizer.kind = kind == 0 ? OptimizerKind::adamw : OptimizerKind::muon;
  if (const toml::node* node = in.find("betas")) {
    const toml::array* pair = node->as_array();
    const std::optional<double> b1 =
        pair != nullptr && pair->size() == 2 ? (*pair)[0].value<double>() : std::nullopt;
    const std::optional<double> b2 =
        pair != nullptr && pair->size() == 2 ? (*pair)[1].value<double>() : std::nullopt;
    if (b1 && b2 && *b1 >= 0 && *b1 < 1 && *b2 >= 0 && *b2 < 1) {
      optimizer.beta1 = *b1;
      optimizer.beta2 = *b2;
    } else {
      in.fail("betas", "is {}, it must be two numbers from 0 to below 1, like [0.9, 0.95]", shown(*node));
    }
  }
  in.number("eps", 1e-20, 1.0, optimizer.eps);
  in.number("weight_decay", 0.0, 10.0, optimizer.weight_decay);
  in.number("clip", 0.0, 1e9, optimizer.clip);
  in.number("muon_lr", 0.0, 10.0, optimizer.muon_lr);
  in.number("muon_momentum", 0.0, 0.9999, optimizer.muon_momentum);
  in.number("muon_weight_decay", 0.0, 10.0, optimizer.muon_weight_decay);
  in.small_integer("muon_steps", 1, 20, optimizer.muon_steps);
  return in.finish();
}

const char* name_of(OptimizerKind kind) {
  return kind == OptimizerKind::muon ? "muon" : "adamw";
}

Result<RunConfig> load_run_config(const std::filesystem::path& path) {
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxRecipeBytes));
  JAJU_ASSIGN(toml::table root, parse_recipe_tables(text, path.string(), {}));
  toml::table empty;
  JAJU_ASSIGN(toml::table* const table, find_section(root, path.string(), "run", empty));
  RunConfig run;
  JAJU_RETURN_IF_ERROR(read_run(*table, path.string(), run));
  if (run.tokenizer.empty()) {
    const std::optional<std::string> from = root["model"]["init_from"].value<std::string>();
    std::error_code ignored;
    if (from && std::filesystem::exists(std::filesystem::path(*from) / "tokenizer.json", ignored))
      run.tokenizer = *from;
  }
  return run;
}

}  // namespace jaju::train
