#include "train/train_state.h"

namespace jaju::train {
namespace {

using Rows = std::vector<std::vector<int64_t>>;

torch::Tensor from_rows(const Rows& rows) {
  if (rows.empty()) return {};
  torch::Tensor load =
      torch::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())}, torch::kInt64);
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].size() != rows[0].size()) return {};
    std::copy(rows[r].begin(), rows[r].end(),
              load.data_ptr<int64_t>() + static_cast<int64_t>(r) * load.size(1));
  }
  return load;
}

}  // namespace

nlohmann::json TrainState::to_json() const {
  return {{"step", step},
          {"tokens", tokens},
          {"stage", stage},
          {"stage_tokens", stage_tokens},
          {"run_seconds", run_seconds},
          {"optimizer_steps", optimizer_steps},
          {"balance_counted", balance_counted},
          {"balance_load", to_rows(balance_load)},
          {"report_counted", report_counted},
          {"report_load", to_rows(report_load)}};
}

Result<TrainState> parse_train_state(const nlohmann::json& json, const std::string& what) {
  TrainState s;
  try {
    s.step = json.at("step").get<int64_t>();
    s.tokens = json.at("tokens").get<int64_t>();
    s.stage = json.at("stage").get<size_t>();
    s.stage_tokens = json.at("stage_tokens").get<int64_t>();
    s.run_seconds = json.at("run_seconds").get<double>();
    s.optimizer_steps = json.at("optimizer_steps").get<int64_t>();
    s.balance_counted = json.at("balance_counted").get<int64_t>();
    s.balance_load = from_rows(json.at("balance_load").get<Rows>());
    s.report_counted = json.at("report_counted").get<int64_t>();
    s.report_load = from_rows(json.at("report_load").get<Rows>());
  } catch (const nlohmann::json::exception& problem) {
    return error("{} is damaged: {}", what, problem.what());
  }
  return s;
}

Rows to_rows(const torch::Tensor& load) {
  Rows rows;
  if (!load.defined()) return rows;
  const torch::Tensor host = load.to(torch::kCPU).contiguous();
  for (int64_t r = 0; r < host.size(0); ++r) {
    const int64_t* row = host.data_ptr<int64_t>() + r * host.size(1);
    rows.emplace_back(row, row + host.size(1));
  }
  return rows;
}

}  // namespace jaju::train
