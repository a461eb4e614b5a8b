// What the verbs share: exit codes, the one way to report an error, and how a verb joins the program.
//
// Answers and listings go to stdout, everything else to stderr. Every verb lives in a file of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace CLI {
class App;
}

namespace jaju::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailure = 1;        // something went wrong while running
inline constexpr int kUsage = 2;          // the command line is wrong
inline constexpr int kInterrupted = 130;  // Ctrl-C, as shells report it

// What the chosen verb will do once the command line is read; returns the exit code.
using Action = std::function<int()>;

void add_run(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_tokenizer(CLI::App& app, Action& action);
void add_logits(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_gguf(CLI::App& app, Action& action);
void add_pack(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_tune(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);

// One sentence on stderr, "jaju: ..."; returns the exit code to end with.
int fail(const Status& status);
int fail_usage(const Status& status);
// "jaju: ..." on stderr.
void note(std::string_view sentence);

// Writes to stdout; a failed write (full disk) shows up in flush_stdout.
void print(std::string_view text);
// OK, or why what was printed did not arrive. Call once at the end of a verb.
Status flush_stdout();

// The candidate nearest to `word` by edit distance, or empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// --kv of every verb that opens an engine.
inline constexpr const char* kKvHelp =
    "Type of the cache: auto (bf16, or f32 for an f32 model), f32, bf16, or q8: 8 bits, a good half of "
    "bf16's "
    "memory, logits a little less exact";
extern const std::vector<std::string> kKvTypes;

// --numa of the verbs that are measured or run for long.
inline constexpr const char* kNumaHelp =
    "On a machine with several NUMA nodes: bind threads to nodes and bring each node the weights its threads "
    "read. auto (default), on (an error when the system refuses) or off";
extern const std::vector<std::string> kNumaModes;

// --huge-pages of the same verbs.
inline constexpr const char* kHugePagesHelp =
    "Weights that fit in memory move into huge pages in idle time: auto (default: models of 256 MiB "
    "or more), on (of any size), or off, which leaves them in the page cache, where several programs share "
    "them";
extern const std::vector<std::string> kHugePageModes;

// "518,983,059,456"
std::string with_commas(int64_t n);
// "519 B", "32.8 B", "240 k"
std::string short_count(int64_t n);

// The bytes of a token as people can read them: text where they are whole characters, \x.. where not.
std::string readable(std::string_view bytes);

// "1,2,3" to ids; `what` names the argument in the error. Spaces are allowed, an empty list is not.
Result<std::vector<int32_t>> parse_ids(std::string_view text, const std::string& what);

}  // namespace jaju::cli
