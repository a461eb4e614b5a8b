// jaju tune: measures drive, memory and kernels once, and keeps what it found for run, serve and plan.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/paths.h"
#include "base/progress.h"
#include "base/thread_team.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/machine_here.h"
#include "cli/model_path.h"
#include "memory/disk_probe.h"
#include "memory/kernel_probe.h"
#include "model/model_sizes.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

struct TuneWords {
  std::string model;
  bool quick = false;
  bool json = false;
};

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;

// What is read of a drive: each way once, then the fastest few again, more often.
constexpr double kSecondsOfRead = 0.3;
constexpr double kSecondsOfBest = 2;
constexpr size_t kLeading = 5;
constexpr int kRoundsOfLeading = 5;

struct Trial {
  bool direct = true;
  int64_t piece_bytes = 0;
  int depth = 1;
};

// Every piece at the depth that is usual, every depth with the piece that is usual, and corners between.
std::vector<Trial> trials(bool direct_works, bool quick) {
  std::vector<Trial> list;
  if (direct_works) {
    if (quick) {
      for (const int depth : {1, 4, 16}) list.push_back({true, kMiB, depth});
    } else {
      for (const int64_t piece : {256 * kKiB, kMiB, 4 * kMiB, 32 * kMiB}) {
        for (const int depth : {1, 2, 4, 8, 16, 32}) list.push_back({true, piece, depth});
      }
    }
  }
  for (const int depth : {1, 8, 32}) {
    if (!quick || depth == 8) list.push_back({false, kMiB, depth});
  }
  return list;
}

// 1, 2, 4, ... and all, and three quarters of many.
std::vector<int> thread_counts(int cpus, bool quick) {
  std::vector<int> counts;
  for (int n = 1; n < cpus; n *= 2) counts.push_back(n);
  if (cpus >= 8) counts.push_back(cpus / 4 * 3);
  counts.push_back(cpus);
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  if (quick && counts.size() > 3) counts.erase(counts.begin(), counts.end() - 3);
  return counts;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

Result<std::vector<ThreadSpeeds>> measure_cpu(bool quick, const std::atomic<bool>* cancel) {
  const std::vector<int> counts = thread_counts(usable_cpus(), quick);
  Progress bar("memory and kernels", "thread counts", static_cast<int64_t>(counts.size()));
  std::vector<ThreadSpeeds> speeds;
  for (const int n : counts) {
    bar.update(static_cast<int64_t>(speeds.size()));
    if (cancel->load()) return error("interrupted; nothing was saved");
    JAJU_ASSIGN(const ThreadSpeeds one, measure_threads(n, quick));
    speeds.push_back(one);
  }
  return speeds;
}

struct DriveToMeasure {
  std::unique_ptr<DiskProbe> probe;
  std::string where;
};

Result<DriveToMeasure> find_drive(const TuneWords& words, const std::atomic<bool>* cancel) {
  DriveToMeasure drive;
  if (!words.model.empty()) {
    JAJU_ASSIGN(const fs::path dir, find_model(words.model));
    drive.where = dir.string();
    JAJU_ASSIGN(const ModelConfig config, load_config(dir));
    if (!weight_files(dir).empty()) {
      JAJU_ASSIGN(const MeasuredModel model, measure_model(dir, config));
      JAJU_ASSIGN(drive.probe, open_probe(dir, model.sizes.slot_bytes));
      // A few experts are soon all in some cache.
      constexpr int64_t kEnough = 256 * kMiB;
      if (drive.probe->extents() * drive.probe->extent_bytes() >= kEnough) return drive;
      note(fmt::format("{} is too small to measure a drive with; a test file in {} instead", dir.string(),
                       cache_dir().string()));
    }
  }
  drive.where = cache_dir().string();
  const int64_t bytes = words.quick ? 256 * kMiB : 2048 * kMiB;
  note(fmt::format("writing a test file of {} in {}, which is removed at the end",
                   human_bytes(static_cast<double>(bytes)), drive.where));
  JAJU_ASSIGN(drive.probe, DiskProbe::on_new_file(drive.where, bytes, kUsualExtent, cancel));
  return drive;
}

// The figure in `speeds` for a way of reading that is among them.
double& figure_of(std::vector<ReadSpeed>& speeds, const ReadSpeed& way) {
  return std::find_if(speeds.begin(), speeds.end(),
                      [&](const ReadSpeed& other) {
                        return way.direct == other.direct && way.depth == other.depth &&
                               way.piece_bytes == other.piece_bytes;
                      })
      ->bytes_per_second;
}

// Measures the leading reads again, in turns, and keeps their medians in `speeds`; returns the best of them.
Result<ReadSpeed> best_of_leading(DiskProbe& probe, std::vector<ReadSpeed>& speeds, bool quick,
                                  const std::atomic<bool>* cancel) {
  std::vector<ReadSpeed> leading = leading_reads(speeds, probe.extent_bytes(), kLeading);
  const int rounds = quick ? 1 : kRoundsOfLeading;
  std::vector<std::vector<double>> seen(leading.size());
  Progress bar("drive, the fastest again", "reads", rounds * static_cast<int64_t>(leading.size()));
  int64_t done = 0;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < leading.size(); ++i) {
      bar.update(done++);
      const ReadSpeed& s = leading[i];
      JAJU_ASSIGN(const ReadSpeed again,
                  probe.measure(s.direct, s.piece_bytes, s.depth, kSecondsOfRead, cancel));
      seen[i].push_back(again.bytes_per_second);
    }
  }
  for (size_t i = 0; i < leading.size(); ++i) {
    ReadSpeed& s = leading[i];
    std::nth_element(seen[i].begin(), seen[i].begin() + rounds / 2, seen[i].end());
    s.bytes_per_second = seen[i][static_cast<size_t>(rounds / 2)];
    figure_of(speeds, s) = s.bytes_per_second;
  }
  return best_read(leading, probe.extent_bytes());
}

Result<DriveProfile> measure_drive(const TuneWords& words, const std::atomic<bool>* cancel) {
  JAJU_ASSIGN(const DriveToMeasure drive, find_drive(words, cancel));
  DriveProfile profile;
  profile.where = fs::absolute(drive.where).lexically_normal().string();
  profile.extent_bytes = drive.probe->extent_bytes();
  JAJU_ASSIGN(profile.device, device_of(drive.where));
  const std::vector<Trial> list = trials(drive.probe->direct_works(), words.quick);
  {
    Progress bar("drive", "reads", static_cast<int64_t>(list.size()));
    int64_t done = 0;
    for (const Trial& t : list) {
      bar.update(done++);
      JAJU_ASSIGN(const ReadSpeed speed,
                  drive.probe->measure(t.direct, t.piece_bytes, t.depth, kSecondsOfRead, cancel));
      // Pieces larger than the extent are the extent.
      const bool known = std::any_of(profile.speeds.begin(), profile.speeds.end(), [&](const ReadSpeed& s) {
        return s.direct == speed.direct && s.depth == speed.depth && s.piece_bytes == speed.piece_bytes;
      });
      if (!known) profile.speeds.push_back(speed);
    }
  }
  JAJU_ASSIGN(profile.best, best_of_leading(*drive.probe, profile.speeds, words.quick, cancel));
  // The best of several unsteady figures was a lucky one: what predictions build on is measured anew.
  const ReadSpeed& best = profile.best;
  JAJU_ASSIGN(const ReadSpeed anew,
              drive.probe->measure(best.direct, best.piece_bytes, best.depth,
                                   words.quick ? kSecondsOfRead : kSecondsOfBest, cancel));
  profile.best.bytes_per_second = anew.bytes_per_second;
  figure_of(profile.speeds, best) = anew.bytes_per_second;
  return profile;
}

std::string giga(double value) {
  return value > 0 ? fmt::format("{:.1f}", value / 1e9) : "-";
}
std::string tera(double value) {
  return value > 0 ? fmt::format("{:.2f}", value / 1e12) : "-";
}

std::string piece_text(int64_t piece, int64_t extent_bytes) {
  if (piece >= extent_bytes) return "whole";
  return piece >= kMiB ? fmt::format("{} MiB", piece / kMiB) : fmt::format("{} KiB", piece / kKiB);
}

void print_drive(const DriveProfile& d) {
  print(fmt::format("drive    {} (device {})\n", d.where, d.device));
  print(fmt::format("         GB/s of random reads of {}, cut into pieces, n pieces under way\n\n",
                    human_bytes(static_cast<double>(d.extent_bytes))));
  const int depths[] = {1, 2, 4, 8, 16, 32};
  std::string head = fmt::format("{:<12}{:<8}", "", "piece");
  for (const int depth : depths) head += fmt::format("{:>8}", fmt::format("n={}", depth));
  print(head + "\n");
  std::vector<std::pair<bool, int64_t>> rows;
  for (const ReadSpeed& s : d.speeds) {
    if (std::find(rows.begin(), rows.end(), std::pair(s.direct, s.piece_bytes)) == rows.end())
      rows.emplace_back(s.direct, s.piece_bytes);
  }
  for (const auto& [direct, piece] : rows) {
    std::string line =
        fmt::format("{:<12}{:<8}", direct ? "direct" : "page cache", piece_text(piece, d.extent_bytes));
    for (const int depth : depths) {
      std::string cell;
      for (const ReadSpeed& s : d.speeds) {
        if (s.direct != direct || s.piece_bytes != piece || s.depth != depth) continue;
        const bool best = direct == d.best.direct && piece == d.best.piece_bytes && depth == d.best.depth;
        cell = fmt::format("{:.2f}{}", s.bytes_per_second / 1e9, best ? "*" : "");
      }
      line += fmt::format("{:>8}", cell);
    }
    print(line + "\n");
  }
  print("* what reads will be like: the least under way that is as fast; measured anew\n");
}

void print_table(const MachineProfile& p, const DriveProfile& drive) {
  print(fmt::format("machine  {}, {} CPU{}, {} of memory\n\n", p.machine.cpu, p.machine.cores,
                    p.machine.cores == 1 ? "" : "s",
                    human_bytes(static_cast<double>(p.machine.memory_bytes))));
  print(fmt::format("{:<9}{:>12}{:>9}{:>9}{:>9}{:>14}{:>16}\n", "threads", "memory GB/s", "f32", "bf16",
                    "int8", "answers GB/s", "prompts TOPS"));
  for (const ThreadSpeeds& s : p.speeds) {
    print(fmt::format("{:<9}{:>12}{:>9}{:>9}{:>9}{:>14}{:>16}\n",
                      fmt::format("{}{}", s.threads, s.threads == p.threads ? "*" : ""), giga(s.stream),
                      tera(s.f32), tera(s.bf16), tera(s.int8), giga(s.decode_bytes), tera(s.prompt_ops)));
  }
  print(
      "f32, bf16, int8: TFLOP/s and TOPS of loops that do nothing else.\n"
      "answers: quantised weights read for one row; prompts: products with many.\n"
      "* the fewest threads that get all there is\n\n");
  print_drive(drive);
}

int run_tune(const TuneWords& words) {
  // Mistakes first: they should not cost the time of the measurements.
  if (!words.model.empty()) {
    const Result<fs::path> dir = find_model(words.model);
    if (!dir.ok()) return fail(dir.status());
  }
  const InterruptScope interrupt(/*second_ends=*/true);
  const auto ended = [&](const Status& status) {
    if (!interrupt.flag()->load()) return fail(status);
    note("interrupted; nothing was saved");
    return kInterrupted;
  };
  LoadedProfile old = load_machine_profile();
  MachineProfile profile;
  profile.machine = this_machine();
  profile.measured = now_text();
  const Result<std::vector<ThreadSpeeds>> speeds = measure_cpu(words.quick, interrupt.flag());
  if (!speeds.ok()) return ended(speeds.status());
  profile.speeds = *speeds;
  profile.threads = best_threads(profile.speeds);
  const Result<DriveProfile> drive = measure_drive(words, interrupt.flag());
  if (!drive.ok()) return ended(drive.status());
  // Drives measured before stay.
  if (old.profile) {
    for (DriveProfile& d : old.profile->drives) {
      if (d.device != drive->device) profile.drives.push_back(std::move(d));
    }
  }
  profile.drives.push_back(*drive);
  if (const Status saved = save_machine_profile(profile); !saved.ok()) return fail(saved);
  if (words.json) {
    print(to_json(profile));
  } else {
    print_table(profile, *drive);
  }
  note(fmt::format("kept in {}; run, serve and plan use it", machine_profile_file().string()));
  const Status written = flush_stdout();
  return written.ok() ? kOk : fail(written);
}

}  // namespace

void add_tune(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("tune", "Measures drive, memory and kernels once, for run, serve and plan");
  auto o = std::make_shared<TuneWords>();
  verb->add_option("MODEL", o->model,
                   "Measure the drive this model is on (default: where jaju keeps its cache)");
  verb->add_flag("--quick", o->quick, "A few seconds instead of half a minute");
  verb->add_flag("--json", o->json, "The profile itself, on stdout");
  verb->footer(
      R"(What is measured
  threads   how fast memory is read and numbers are multiplied with 1, 2, 4, ... threads, first by loops that do
            nothing else, then by the kernels. Memory is often saturated before all threads work.
  drive     whole experts at random places, with O_DIRECT and by the page cache, in pieces of several sizes, with 1 to
            32 of them under way. Only reads: the model is never written to. Where no model is named, or it is too
            small, a file is written in jaju's cache folder, whose drive is measured; it goes with the program.
A quiet machine gives the better profile. Another machine, or another drive, needs its own; drives add up.

Examples
  jaju tune ~/models/A.X-K1-q4
  jaju tune --quick)");
  verb->callback([&action, o] { action = [o] { return run_tune(*o); }; });
}

}  // namespace jaju::cli
