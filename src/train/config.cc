#include "train/config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"

// The parser reports errors as values; nothing else in this program uses it, so it is compiled here alone.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <toml++/toml.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace jaju::train {
namespace {

constexpr int64_t kMaxRecipeBytes = 1'000'000;
constexpr int64_t kManyTokens = int64_t{1} << 50;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Where a node stands: "recipe.toml line 12", or "--set run.seed=x".
std::string place(const toml::node& node, const std::string& what) {
  const toml::source_region& region = node.source();
  if (region.path != nullptr) return *region.path;
  if (region.begin.line == 0) return what;
  return fmt::format("{} line {}", what, region.begin.line);
}

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_table<decltype(value)>) {
      out << "a table";
    } else {
      out << value;
    }
  });
  std::string text = printable(out.str());
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

// Reads the keys of one table and remembers the first error, so that the reading code stays a list of keys. A
// key that is absent leaves its target as it is; finish() refuses keys nobody asked for.
class Section {
 public:
  // `name` stands before keys in messages ("run.", "stage 'decay': ").
  Section(const toml::table& table, std::string what, std::string name)
      : table_(table), what_(std::move(what)), name_(std::move(name)) {}

  const toml::node* find(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }

  template <typename... Args>
  void fail(const char* key, fmt::format_string<Args...> format, Args&&... args) {
    if (!status_.ok()) return;
    const toml::node* node = table_.get(key);
    status_ = error("{}: '{}{}' {}", place(node != nullptr ? *node : table_, what_), name_, key,
                    fmt::format(format, std::forward<Args>(args)...));
  }

  void integer(const char* key, int64_t low, int64_t high, int64_t& target) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::optional<int64_t> value = node->is_integer() ? node->value_exact<int64_t>() : std::nullopt;
    if (value && *value >= low && *value <= high) {
      target = *value;
    } else {
      fail(key, "is {}, it must be a whole number from {} to {}", shown(*node), low, high);
    }
  }

  void small_integer(const char* key, int low, int high, int& target) {
    int64_t wide = target;
    integer(key, low, high, wide);
    target = static_cast<int>(wide);
  }

  // low <= value <= high; a whole number is fine too.
  void number(const char* key, double low, double high, double& target) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::optional<double> value = node->is_number() ? node->value<double>() : std::nullopt;
    if (value && *value >= low && *value <= high) {
      target = *value;
    } else if (high == kInfinity) {
      fail(key, "is {}, it must be a number of at least {}", shown(*node), low);
    } else {
      fail(key, "is {}, it must be a number from {} to {}", shown(*node), low, high);
    }
  }

  void boolean(const char* key, bool& target) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::optional<bool> value = node->value_exact<bool>();
    if (value) {
      target = *value;
    } else {
      fail(key, "is {}, it must be true or false", shown(*node));
    }
  }

  void text(const char* key, std::string& target) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::optional<std::string> value = node->value_exact<std::string>();
    if (value && !value->empty() && value->size() <= 4096) {
      target = *value;
    } else {
      fail(key, "is {}, it must be a text in quotes", shown(*node));
    }
  }

  // The index of the value in `names`.
  void choice(const char* key, std::initializer_list<const char*> names, int& target) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    const std::optional<std::string> value = node->value_exact<std::string>();
    int index = 0;
    for (const char* name : names) {
      if (value && *value == name) {
        target = index;
        return;
      }
      ++index;
    }
    fail(key, "is {}, it must be one of: {}", shown(*node), fmt::join(names, ", "));
  }

  Status finish() {
    if (!status_.ok()) return status_;
    for (const auto& [key, node] : table_) {
      if (known_.contains(std::string(key.str()))) continue;
      return error("{}: '{}{}' is no key of a recipe; known here: {}", place(node, what_), name_,
                   printable(key.str()), fmt::join(known_, ", "));
    }
    return {};
  }

  const std::string& what() const { return what_; }

 private:
  const toml::table& table_;
  std::string what_;
  std::string name_;
  std::set<std::string> known_;
  Status status_;
};

std::filesystem::path absolute(const std::string& text) {
  std::error_code failure;
  const std::filesystem::path path = std::filesystem::absolute(text, failure);
  return (failure ? std::filesystem::path(text) : path).lexically_normal();
}

// Reads a path and writes it back as absolute, so that the copy in the run's directory means the same
// anywhere.
void read_path(Section& in, toml::table& table, const char* key, std::filesystem::path& target) {
  std::string text;
  in.text(key, text);
  if (text.empty()) return;
  target = absolute(text);
  if (auto* value = table.get_as<std::string>(key)) value->get() = target.string();
}

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

// Keys of config.json that shape a model; the first ones have no default here, because config.json's defaults
// describe the 519 B model.
constexpr const char* kNeededModelKeys[] = {"vocab_size",
                                            "hidden_size",
                                            "intermediate_size",
                                            "moe_intermediate_size",
                                            "num_hidden_layers",
                                            "n_routed_experts",
                                            "num_attention_heads",
                                            "num_experts_per_tok",
                                            "max_position_embeddings",
                                            "kv_lora_rank",
                                            "qk_nope_head_dim",
                                            "qk_rope_head_dim",
                                            "v_head_dim",
                                            "q_lora_rank",
                                            "n_group",
                                            "topk_group"};
constexpr const char* kOtherModelKeys[] = {"model_type",
                                           "n_shared_experts",
                                           "first_k_dense_replace",
                                           "moe_layer_freq",
                                           "norm_topk_prob",
                                           "routed_scaling_factor",
                                           "topk_method",
                                           "rms_norm_eps",
                                           "tie_word_embeddings",
                                           "num_nextn_predict_layers",
                                           "rope_theta",
                                           "rope_interleave",
                                           "rope_scaling",
                                           "bos_token_id",
                                           "pad_token_id",
                                           "eos_token_id",
                                           "num_key_value_heads",
                                           "hidden_act",
                                           "scoring_func",
                                           "dtype"};

Status read_model(toml::table& table, const std::string& what, TrainConfig& config) {
  Section in(table, what, "model.");
  read_path(in, table, "init_from", config.init_from);
  if (in.find("init_from") != nullptr) {
    JAJU_RETURN_IF_ERROR(in.finish());  // a key beside init_from would be ignored: refuse it
    return {};
  }
  for (const char* key : kNeededModelKeys) {
    if (in.find(key) == nullptr) in.fail(key, "is missing; give every size of the model, or init_from");
  }
  for (const char* key : kOtherModelKeys) in.find(key);
  JAJU_RETURN_IF_ERROR(in.finish());

  // The same reader as for config.json checks the values.
  toml::table copy = table;
  if (!copy.contains("model_type")) copy.insert("model_type", "AXK1");
  if (!copy.contains("dtype")) copy.insert("dtype", "float32");
  const bool no_q_lora = copy["q_lora_rank"].value_exact<int64_t>() == 0;  // TOML has no null
  if (no_q_lora) copy.erase("q_lora_rank");
  std::ostringstream json;
  json << toml::json_formatter{copy};
  std::string text = json.str();
  if (no_q_lora) text.insert(text.find('{') + 1, "\"q_lora_rank\": null,");
  Result<ModelConfig> model = parse_config(text, "[model]");
  if (!model.ok()) {
    // The reader names the field; find its line.
    const std::string& message = model.message();
    const toml::node* node = &table;
    const size_t open = message.find('\'');
    const size_t close = open == std::string::npos ? open : message.find('\'', open + 1);
    if (close != std::string::npos) {
      const toml::node* field = table.get(message.substr(open + 1, close - open - 1));
      if (field != nullptr) node = field;
    }
    return error("{}: {}", place(*node, what), message);
  }
  config.model = *model;
  if (config.model.n_mtp_layers > 1) {
    return error("{}: 'model.num_nextn_predict_layers' is {}, only 0 and 1 are trained", place(table, what),
                 config.model.n_mtp_layers);
  }
  return {};
}

Status read_sources(toml::table& table, const std::string& what, const char* section,
                    std::vector<SourceConfig>& sources) {
  for (auto&& [key, node] : table) {
    const std::string name(key.str());
    auto* value = node.as_string();
    if (value == nullptr || value->get().empty()) {
      return error("{}: '{}.{}' is {}, it must be the directory of a shard set, in quotes", place(node, what),
                   section, printable(name), shown(node));
    }
    if (!utf8_valid(name) || name.empty() || name.size() > 64) {
      return error("{}: the name of a source in [{}] must have 1 to 64 bytes", place(node, what), section);
    }
    const std::filesystem::path dir = absolute(value->get());
    value->get() = dir.string();
    sources.push_back({name, dir});
  }
  return {};
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

Status read_balance(const toml::table& table, const std::string& what, BalanceConfig& balance) {
  Section in(table, what, "balance.");
  in.number("bias_step", 0.0, 1.0, balance.bias_step);
  in.number("sequence_loss", 0.0, 10.0, balance.sequence_loss);
  in.integer("every", 1, 10'000, balance.every);
  in.number("off_after", 0.0, 1.0, balance.off_after);
  return in.finish();
}

Status read_mix(Section& in, const toml::node& node, const TrainConfig& config, StageConfig& stage) {
  const toml::table* mix = node.as_table();
  if (mix == nullptr || mix->empty()) {
    return error(
        "{}: the mix of stage '{}' must name sources of [data] with their weights, like {{ text = 3, chat = "
        "1 }}",
        place(node, in.what()), stage.name);
  }
  for (const auto& [key, value] : *mix) {
    const std::string name(key.str());
    const std::optional<double> weight = value.is_number() ? value.value<double>() : std::nullopt;
    if (config.find_source(name) == nullptr) {
      return error("{}: the mix of stage '{}' names the source '{}', which [data] lacks",
                   place(value, in.what()), stage.name, printable(name));
    }
    if (!weight || !(*weight > 0) || *weight > 1e9) {
      return error("{}: the weight of '{}' in stage '{}' is {}, it must be a number above 0",
                   place(value, in.what()), printable(name), stage.name, shown(value));
    }
    stage.mix.push_back({name, *weight});
  }
  return {};
}

Status read_stage(const toml::table& table, const std::string& what, size_t index, TrainConfig& config) {
  StageConfig stage;
  stage.name = fmt::format("stage{}", index);
  Section in(table, what, fmt::format("stage.{}.", index));
  in.text("name", stage.name);
  if (stage.name.find_first_of("/\\\n\r\t.") != std::string::npos || stage.name.size() > 64) {
    in.fail("name", "must have at most 64 bytes, without slashes, dots and line breaks");
  }
  if (in.find("tokens") == nullptr) in.fail("tokens", "is missing: how many tokens does this stage see?");
  in.integer("tokens", 1, kManyTokens, stage.tokens);
  in.integer("context", 2, int64_t{1} << 24, stage.context);
  in.integer("batch_tokens", 2, int64_t{1} << 28, stage.batch_tokens);
  if (stage.batch_tokens < stage.context) {
    in.fail("batch_tokens", "is {}, but one document may have {} tokens: raise it, or lower context",
            stage.batch_tokens, stage.context);
  }
  in.number("lr", 0.0, 10.0, stage.lr);
  stage.lr_end = stage.lr;
  in.number("lr_end", 0.0, 10.0, stage.lr_end);
  int shape = stage.lr_end == stage.lr ? 0 : 1;
  in.choice("shape", {"constant", "linear", "cosine"}, shape);
  stage.shape = static_cast<LrShape>(shape);
  if (stage.shape == LrShape::constant && stage.lr_end != stage.lr) {
    in.fail("shape", "is \"constant\", but lr and lr_end differ");
  }
  in.integer("warmup", 0, stage.tokens, stage.warmup);
  in.number("mtp_weight", 0.0, 100.0, stage.mtp_weight);
  in.number("yarn_factor", 0.0, 1e4, stage.yarn_factor);
  if (stage.yarn_factor != 0.0 && stage.yarn_factor < 1.0) {
    in.fail("yarn_factor", "is {}, it must be 0 (off) or at least 1", stage.yarn_factor);
  }
  in.boolean("balance", stage.balance);
  int documents = 0;
  in.choice("long_documents", {"auto", "cut", "drop"}, documents);
  stage.long_documents = static_cast<LongDocuments>(documents);
  const toml::node* mix = in.find("mix");
  JAJU_RETURN_IF_ERROR(in.finish());
  for (const StageConfig& other : config.stages) {
    if (other.name == stage.name) {
      return error("{}: two stages have the name '{}'", place(table, what), printable(stage.name));
    }
  }
  if (mix != nullptr) {
    JAJU_RETURN_IF_ERROR(read_mix(in, *mix, config, stage));
  } else if (config.data.size() == 1) {
    stage.mix.push_back({config.data.front().name, 1.0});
  } else {
    return error(
        "{}: stage '{}' has no mix; say which sources of [data] it reads, like mix = {{ text = 3, chat = 1 "
        "}}",
        place(table, what), printable(stage.name));
  }
  config.stages.push_back(std::move(stage));
  return {};
}

void read_names(Section& in, const char* key, std::vector<std::string>& target) {
  const toml::node* node = in.find(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::optional<std::string> name = (*list)[i].value_exact<std::string>();
    if (!name || name->empty()) list = nullptr;
    if (list != nullptr) target.push_back(*name);
  }
  if (list == nullptr) in.fail(key, "is {}, it must be a list of names in quotes", shown(*node));
}

Status read_rl(toml::table& table, const std::string& what, RlConfig& rl) {
  constexpr int64_t kMany = 1'000'000'000;
  Section in(table, what, "rl.");
  read_path(in, table, "problems", rl.problems);
  if (rl.problems.empty())
    in.fail("problems", "is missing: give JSON lines, or a directory of `jaju data synth`");
  read_names(in, "tasks", rl.tasks);
  read_names(in, "languages", rl.languages);
  in.integer("min_difficulty", 0, 100, rl.min_difficulty);
  in.integer("max_difficulty", rl.min_difficulty, 100, rl.max_difficulty);
  in.integer("steps", 1, kMany, rl.steps);
  in.integer("prompts", 1, 100'000, rl.prompts);
  in.integer("samples", 2, 10'000, rl.samples);
  int modes = 0;
  in.choice("modes", {"both", "think", "direct"}, modes);
  rl.modes = modes == 0 ? "both" : modes == 1 ? "think" : "direct";
  in.number("temperature", 0.05, 10.0, rl.temperature);
  in.integer("max_tokens", 1, kMany, rl.max_tokens);
  in.integer("max_rounds", 1, 1000, rl.max_rounds);
  int overlong = 0;
  in.choice("overlong", {"keep", "filter", "soft"}, overlong);
  rl.overlong = static_cast<Overlong>(overlong);
  in.integer("overlong_buffer", 1, kMany, rl.overlong_buffer);
  in.number("lr", 0.0, 10.0, rl.lr);
  in.integer("warmup", 0, kMany, rl.warmup);
  in.integer("minibatches", 1, 100'000, rl.minibatches);
  in.integer("epochs", 1, 1000, rl.epochs);
  in.number("clip_low", 0.0, 1.0, rl.clip_low);
  in.number("clip_high", 0.0, 1e6, rl.clip_high);
  in.integer("batch_tokens", 1, kMany, rl.batch_tokens);
  in.integer("slots", 1, 4096, rl.slots);
  int dtype = 0;
  in.choice("rollout_dtype", {"float32", "bfloat16"}, dtype);
  rl.rollout_dtype = dtype == 0 ? "float32" : "bfloat16";
  return in.finish();
}

// `--set a.b=value`: the value is TOML; what is no TOML is taken as a text.
Status apply_override(toml::table& root, const std::string& word) {
  const std::string what = "--set " + printable(word);
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    return error("{}: write it as key=value, like run.seed=7", what);
  std::vector<std::string> path;
  std::istringstream keys(word.substr(0, equals));
  for (std::string key; std::getline(keys, key, '.');) path.push_back(key);
  if (path.empty() || std::any_of(path.begin(), path.end(), [](const std::string& k) { return k.empty(); })) {
    return error("{}: the key has an empty part", what);
  }
  toml::parse_result parsed = toml::parse("v = " + word.substr(equals + 1), what);
  if (parsed.failed() || parsed.table().size() != 1) {
    std::ostringstream quoted;
    quoted << "v = " << toml::value<std::string>(word.substr(equals + 1));
    parsed = toml::parse(quoted.str(), what);
    if (parsed.failed()) return error("{}: the value is neither TOML nor a text", what);
  }
  toml::table holder = std::move(parsed).table();

  toml::node* node = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (toml::table* table = node->as_table()) {
      if (!table->contains(path[i])) table->insert(path[i], toml::table{});
      node = table->get(path[i]);
    } else if (toml::array* array = node->as_array()) {
      toml::node* chosen = nullptr;
      for (size_t k = 0; k < array->size(); ++k) {
        const toml::table* element = (*array)[k].as_table();
        const bool named = element != nullptr && (*element)["name"].value<std::string>() == path[i];
        if (named || std::to_string(k) == path[i]) chosen = &(*array)[k];
      }
      if (chosen == nullptr) return error("{}: there is no stage '{}'", what, path[i]);
      node = chosen;
    } else {
      return error("{}: '{}' holds a value, not a table", what, path[i - 1]);
    }
  }
  toml::table* table = node->as_table();
  if (table == nullptr) return error("{}: '{}' is no table with keys", what, path[path.size() - 2]);
  // Moved with its type, so that it keeps the place it came from.
  holder.get("v")->visit([&](auto& value) { table->insert_or_assign(path.back(), std::move(value)); });
  return {};
}

// A table of the root, `empty` when it is not there.
Result<toml::table*> find_section(toml::table& root, const std::string& what, const char* name,
                                  toml::table& empty) {
  toml::node* node = root.get(name);
  if (node == nullptr) return &empty;
  if (node->as_table() == nullptr) return error("{}: '{}' must be a table", place(*node, what), name);
  return node->as_table();
}

Status read_rl_root(toml::table& root, const std::string& what, RlRecipe& recipe) {
  toml::table empty;
  Section known(root, what, "");
  for (const char* name : {"run", "model", "optimizer", "rl"}) known.find(name);
  JAJU_RETURN_IF_ERROR(known.finish());
  JAJU_ASSIGN(toml::table* const run, find_section(root, what, "run", empty));
  JAJU_RETURN_IF_ERROR(read_run(*run, what, recipe.run));
  JAJU_ASSIGN(toml::table* const model, find_section(root, what, "model", empty));
  Section from(*model, what, "model.");
  read_path(from, *model, "init_from", recipe.init_from);
  JAJU_RETURN_IF_ERROR(from.finish());
  if (recipe.init_from.empty()) {
    return error(
        "{}: 'model.init_from' is missing: reinforcement learning goes on from a model that can answer",
        what);
  }
  JAJU_ASSIGN(toml::table* const optimizer, find_section(root, what, "optimizer", empty));
  recipe.optimizer.weight_decay = 0;
  JAJU_RETURN_IF_ERROR(read_optimizer(*optimizer, what, recipe.optimizer));
  if (recipe.optimizer.kind != OptimizerKind::adamw) {
    return error("{}: 'optimizer.kind' must be \"adamw\" for reinforcement learning", what);
  }
  JAJU_ASSIGN(toml::table* const rl, find_section(root, what, "rl", empty));
  return read_rl(*rl, what, recipe.rl);
}

Status read_root(toml::table& root, const std::string& what, TrainConfig& config) {
  toml::table empty;
  const auto section = [&](const char* name) { return find_section(root, what, name, empty); };
  Section known(root, what, "");
  for (const char* name : {"run", "model", "data", "held_out", "optimizer", "balance", "stage"})
    known.find(name);
  JAJU_RETURN_IF_ERROR(known.finish());

  JAJU_ASSIGN(toml::table* const run, section("run"));
  JAJU_RETURN_IF_ERROR(read_run(*run, what, config.run));
  JAJU_ASSIGN(toml::table* const model, section("model"));
  if (model == &empty) return error("{}: [model] is missing", what);
  JAJU_RETURN_IF_ERROR(read_model(*model, what, config));
  JAJU_ASSIGN(toml::table* const data, section("data"));
  JAJU_RETURN_IF_ERROR(read_sources(*data, what, "data", config.data));
  if (config.data.empty())
    return error("{}: [data] is missing; name at least one shard set, like text = \"DIR\"", what);
  JAJU_ASSIGN(toml::table* const held_out, section("held_out"));
  JAJU_RETURN_IF_ERROR(read_sources(*held_out, what, "held_out", config.held_out));
  JAJU_ASSIGN(toml::table* const optimizer, section("optimizer"));
  JAJU_RETURN_IF_ERROR(read_optimizer(*optimizer, what, config.optimizer));
  JAJU_ASSIGN(toml::table* const balance, section("balance"));
  JAJU_RETURN_IF_ERROR(read_balance(*balance, what, config.balance));

  const toml::node* stages = root.get("stage");
  const toml::array* list = stages == nullptr ? nullptr : stages->as_array();
  if (list == nullptr || list->empty()) return error("{}: there is no [[stage]]", what);
  if (list->size() > 1000) return error("{}: {} stages are more than 1000", what, list->size());
  for (size_t i = 0; i < list->size(); ++i) {
    const toml::table* table = (*list)[i].as_table();
    if (table == nullptr)
      return error("{}: 'stage' must be written as [[stage]] tables", place((*list)[i], what));
    JAJU_RETURN_IF_ERROR(read_stage(*table, what, i, config));
  }
  if (!config.init_from.empty()) return {};
  int64_t limit = config.model.max_context;
  for (const StageConfig& stage : config.stages) {
    if (stage.yarn_factor > 0) limit = static_cast<int64_t>(static_cast<double>(limit) * stage.yarn_factor);
    if (stage.context > limit) {
      return error("{}: stage '{}' has context {}, but the model's max_position_embeddings allows {}", what,
                   stage.name, stage.context, limit);
    }
  }
  return {};
}

}  // namespace

int64_t TrainConfig::total_tokens() const {
  int64_t total = 0;
  for (const StageConfig& stage : stages) total += stage.tokens;
  return total;
}

double TrainConfig::peak_lr() const {
  double peak = 0;
  for (const StageConfig& stage : stages) peak = std::max({peak, stage.lr, stage.lr_end});
  return peak;
}

const SourceConfig* TrainConfig::find_source(const std::string& name) const {
  const auto found =
      std::find_if(data.begin(), data.end(), [&](const SourceConfig& s) { return s.name == name; });
  return found == data.end() ? nullptr : &*found;
}

namespace {

Result<toml::table> parse_root(std::string_view text, const std::string& what,
                               const std::vector<std::string>& overrides) {
  toml::parse_result parsed = toml::parse(text);
  if (parsed.failed()) {
    const toml::parse_error& problem = parsed.error();
    return error("{} line {}: {}", what, problem.source().begin.line, printable(problem.description()));
  }
  toml::table root = std::move(parsed).table();
  for (const std::string& word : overrides) JAJU_RETURN_IF_ERROR(apply_override(root, word));
  return root;
}

std::string toml_text(const toml::table& root) {
  std::ostringstream out;
  out << toml::default_formatter{root} << "\n";
  return out.str();
}

}  // namespace

Result<TrainConfig> parse_train_config(std::string_view text, const std::string& what,
                                       const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(toml::table root, parse_root(text, what, overrides));
  TrainConfig config;
  JAJU_RETURN_IF_ERROR(read_root(root, what, config));
  config.toml = toml_text(root);
  return config;
}

Result<TrainConfig> load_train_config(const std::filesystem::path& path,
                                      const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxRecipeBytes));
  return parse_train_config(text, path.string(), overrides);
}

Result<RlRecipe> parse_rl_recipe(std::string_view text, const std::string& what,
                                 const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(toml::table root, parse_root(text, what, overrides));
  RlRecipe recipe;
  JAJU_RETURN_IF_ERROR(read_rl_root(root, what, recipe));
  recipe.toml = toml_text(root);
  return recipe;
}

Result<RlRecipe> load_rl_recipe(const std::filesystem::path& path,
                                const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxRecipeBytes));
  return parse_rl_recipe(text, path.string(), overrides);
}

Result<RunConfig> load_run_config(const std::filesystem::path& path) {
  JAJU_ASSIGN(const std::string text, read_file(path, kMaxRecipeBytes));
  JAJU_ASSIGN(toml::table root, parse_root(text, path.string(), {}));
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
