// Recipes for training: what the model, the data, the stages and the balancing mean.
#include "train/config.h"

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "base/utf8.h"
#include "train/config_tables.h"

namespace jaju::train {
namespace {

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
    // No context is longer than 2^24 (read_stage); beyond, many factors would leave int64_t.
    const double longer = static_cast<double>(limit) * std::max(1.0, stage.yarn_factor);
    limit = static_cast<int64_t>(std::min(longer, 1e15));
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

Result<TrainConfig> parse_train_config(std::string_view text, const std::string& what,
                                       const std::vector<std::string>& overrides) {
  JAJU_ASSIGN(toml::table root, parse_recipe_tables(text, what, overrides));
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

}  // namespace jaju::train
