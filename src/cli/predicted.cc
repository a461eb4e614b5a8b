#include "cli/predicted.h"

#include "cli/machine_here.h"

namespace jaju::cli {

std::optional<Prediction> predict_here(const Engine& engine, const std::filesystem::path& dir,
                                       int64_t sequences) {
  if (engine.streamed() == nullptr) return std::nullopt;
  const std::optional<Machine> machine = tuned_machine(dir, engine.options().threads);
  return machine ? predict(engine, *machine, sequences) : std::nullopt;
}

std::string describe_predicted(const Engine& engine, const std::filesystem::path& dir, int64_t sequences,
                               const Decoded& decoded, int width) {
  if (engine.streamed() == nullptr || decoded.tokens == 0) return "";
  const std::optional<Prediction> prediction = predict_here(engine, dir, sequences);
  if (prediction) return describe_prediction(*prediction, decoded, width);
  return fmt::format("{:<{}}unknown; `jaju tune {}` measures what a prediction is made of\n", "plan", width,
                     dir.string());
}

}  // namespace jaju::cli
