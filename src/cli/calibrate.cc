#include "cli/calibrate.h"

#include <algorithm>

#include "base/progress.h"
#include "cli/cli.h"
#include "data/token_text.h"
#include "model/importance.h"
#include "runtime/text_reader.h"

namespace jaju::cli {
namespace {

// Every step reads all the weights once: the more tokens share it, the better.
constexpr int64_t kStepTokens = 2048;
constexpr int64_t kWindow = 512;

}  // namespace

Status calibrate(const std::filesystem::path& dir, const CalibrationOptions& options,
                 const std::filesystem::path& file) {
  EngineOptions engine_options;
  engine_options.precision = Precision::f32;
  engine_options.threads = options.threads;
  engine_options.prefill_chunk = kStepTokens;
  JAJU_ASSIGN(const std::unique_ptr<Engine> engine, Engine::open(dir, engine_options));
  if (engine->weights().packed) {
    return error("{} is packed already: calibrate the checkpoint it was made from", dir.string());
  }
  TextReader reader(*engine);
  data::TokenTextOptions text_options;
  text_options.max_tokens = options.max_tokens;
  text_options.window = std::min(kWindow, reader.max_tokens());
  JAJU_ASSIGN(const std::vector<TokenSequence> sequences,
              data::read_token_text(options.text, dir, text_options));
  int64_t total = 0;
  for (const TokenSequence& s : sequences) total += static_cast<int64_t>(s.size());

  ImportanceTally tally(engine->weights(), engine->config());
  {
    Progress bar("calibrating", "tokens", total, options.quiet);
    int64_t done = 0;
    for (const auto& step : steps_of(sequences, reader.max_tokens())) {
      JAJU_RETURN_IF_ERROR(reader.read(step, &tally, MutRows()));
      for (const TokenSequence& s : step) done += static_cast<int64_t>(s.size());
      bar.update(done);
    }
  }
  if (total < options.max_tokens / 2) {
    note(fmt::format("{} has {} tokens only, of the {} that --calibration-tokens asks for",
                     options.text.string(), with_commas(total), with_commas(options.max_tokens)));
  }
  if (tally.experts_unseen() > 0) {
    note(fmt::format(
        "{} of {} experts saw nothing of the text and are weighed by their layer's mean: more or more "
        "varied text would tell",
        with_commas(tally.experts_unseen()), with_commas(tally.experts())));
  }
  return tally.save(file, total);
}

}  // namespace jaju::cli
