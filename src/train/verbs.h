// Verbs of jaju-train that live in files of their own.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace jaju::train {

// What runs when the command line is read; returns the exit code.
using VerbAction = std::function<int()>;

// `jaju train report`: a page about runs (report.h).
void add_report_verb(CLI::App& app, VerbAction& action);
// `jaju train recipe`: every step from data to a released model (recipe.h).
void add_recipe_verb(CLI::App& app, VerbAction& action);
// `jaju train merge`: the weighted sum of models (merge.h).
void add_merge_verb(CLI::App& app, VerbAction& action);
// `jaju train rl`: reinforcement learning (rl.h).
void add_rl_verb(CLI::App& app, VerbAction& action);

}  // namespace jaju::train
