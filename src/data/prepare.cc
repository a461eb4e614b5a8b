#include "data/prepare.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/thread_team.h"
#include "base/utf8.h"
#include "data/documents.h"
#include "data/records.h"
#include "data/shards.h"
#include "tokenizer/regex.h"

namespace jaju::data {
namespace {

namespace fs = std::filesystem;

// A batch of records is tokenised by all threads, then written in order.
constexpr size_t kBatchRecords = 4096;
constexpr size_t kBatchBytes = 8 << 20;

// One source while it is read. A source of n records and weight w gives round(n * w) of them: whole passes,
// then a last one that takes records at even distances.
struct Source {
  PrepareSource wanted;
  std::unique_ptr<RecordReader> reader;
  std::optional<Regex> expected;
  std::unique_ptr<RegexWorkspace> workspace;
  std::string hash;
  int64_t records = 0;
  int64_t total = 0;  // records it will give, passes included

  // Where the reading stands.
  int64_t given = 0;
  int64_t index = 0;  // of the next record, within the pass

  // What became of the records that were written.
  int64_t documents = 0;
  int64_t tokens = 0;
  int64_t loss_tokens = 0;
  int64_t too_long = 0;
  int64_t no_thinking = 0;

  // Which record the k-th of the total is.
  int64_t record_of(int64_t k) const {
    const int64_t pass = k / records;
    const int64_t last_pass = total - pass * records;
    if (last_pass >= records) return k - pass * records;
    return static_cast<int64_t>(static_cast<__int128>(k - pass * records) * records / last_pass);
  }

  // The next record that counts, in `record`; false at the end.
  Result<bool> next(std::string& record) {
    while (true) {
      JAJU_ASSIGN(const bool found, reader->next(record));
      if (!found || is_wanted(record)) return found;
    }
  }

  // A line that is no JSON object is wanted too: whoever reads it says what is wrong with it.
  bool is_wanted(const std::string& record) {
    if (wanted.takes_all()) return true;
    const auto object = nlohmann::json::parse(record, nullptr, false);
    if (!object.is_object()) return true;
    const auto field = [&](const char* name) -> std::string {
      const auto value = object.find(name);
      return value != object.end() && value->is_string() ? value->get<std::string>() : "";
    };
    const auto difficulty = object.find("difficulty");
    size_t begin = 0;
    size_t end = 0;
    return (wanted.tasks.empty() ||
            std::find(wanted.tasks.begin(), wanted.tasks.end(), field("task")) != wanted.tasks.end()) &&
           (wanted.min_difficulty == 0 || (difficulty != object.end() && difficulty->is_number_integer() &&
                                           *difficulty >= wanted.min_difficulty)) &&
           (!expected || expected->find(field("expected"), 0, *workspace, &begin, &end));
  }

  Status take(std::string& record) {
    const int64_t target = record_of(given);
    if (target < index) {
      JAJU_RETURN_IF_ERROR(reader->seek({}));
      index = 0;
    }
    while (true) {
      JAJU_ASSIGN(const bool found, next(record));
      if (!found) return error("{} became shorter while it was read", wanted.file.string());
      if (index++ == target) break;
    }
    ++given;
    return {};
  }
};

struct Job {
  size_t source = 0;
  std::string record;
  std::string place;
  // The source behind this record, for the progress file.
  int64_t given = 0;
  int64_t index = 0;
  RecordReader::Position position;
  // The result.
  std::vector<Document> documents;
  Status status;
};

class Preparation {
 public:
  explicit Preparation(const PrepareOptions& options) : options_(options), team_(options.threads) {}

  Status run() {
    JAJU_RETURN_IF_ERROR(check_options());
    JAJU_ASSIGN(maker_, DocumentMaker::create(options_.tokenizer));
    JAJU_RETURN_IF_ERROR(open_sources());
    fingerprint_ = fingerprint();
    bool finished = false;
    JAJU_RETURN_IF_ERROR(look_for_finished(&finished));
    if (finished) return {};
    JAJU_RETURN_IF_ERROR(start_or_resume());
    JAJU_RETURN_IF_ERROR(work());
    JAJU_RETURN_IF_ERROR(writer_->close_shard());
    JAJU_RETURN_IF_ERROR(write_manifest());
    std::error_code ignored;
    fs::remove(options_.to / "progress.json", ignored);
    return {};
  }

 private:
  bool cancelled() const { return options_.cancel != nullptr && options_.cancel->load(); }

  Status check_options() const {
    if (options_.sources.empty()) return error("nothing to prepare: there is no source");
    if (options_.max_tokens < 2) return error("max_tokens must be at least 2");
    if (options_.tokens_per_shard < 1) return error("tokens_per_shard must be at least 1");
    for (const PrepareSource& source : options_.sources) {
      if (!(source.weight >= 0.001 && source.weight <= 1000)) {
        return error("{}: the weight must be 0.001 to 1000", source.file.string());
      }
    }
    return {};
  }

  // Hashes and counts every source: the mix needs the counts, and a resumed run must meet the same bytes.
  Status open_sources() {
    int64_t bytes = 0;
    std::error_code ignored;
    for (const PrepareSource& wanted : options_.sources) {
      const auto size = fs::file_size(wanted.file, ignored);
      if (!ignored) bytes += static_cast<int64_t>(size);
    }
    Progress progress("counting", "B", bytes, options_.quiet);
    int64_t done = 0;
    for (const PrepareSource& wanted : options_.sources) {
      Source source;
      source.wanted = wanted;
      JAJU_ASSIGN(const RecordKind kind, record_kind(wanted.file, wanted.whole_file));
      if (kind != RecordKind::line && wanted.format != DocumentFormat::text) {
        return error("{}: the format '{}' needs JSONL", wanted.file.string(), name_of(wanted.format));
      }
      JAJU_ASSIGN(source.reader, RecordReader::open(wanted.file, kind));
      if (!wanted.expected.empty()) {
        JAJU_ASSIGN(source.expected, Regex::compile(wanted.expected, wanted.file.string() + ": expected"));
        source.workspace = std::make_unique<RegexWorkspace>();
      }
      JAJU_ASSIGN(source.hash, hash_file(wanted.file));
      std::string record;
      while (true) {
        JAJU_ASSIGN(const bool found, source.next(record));
        if (!found) break;
        ++source.records;
        if (source.records % 1024 == 0) {
          if (cancelled()) return stopped();
          progress.update(done + source.reader->position().offset);
        }
      }
      done += source.reader->size();
      if (source.records == 0) {
        return error("{} holds no record{}", wanted.file.string(),
                     wanted.takes_all() ? "" : " of the chosen ones");
      }
      source.total = std::llround(static_cast<double>(source.records) * wanted.weight);
      JAJU_RETURN_IF_ERROR(source.reader->seek({}));
      sources_.push_back(std::move(source));
    }
    return {};
  }

  nlohmann::ordered_json describe(const Source& source) const {
    nlohmann::ordered_json about = {{"file", source.wanted.file.filename().string()},
                                    {"format", std::string(name_of(source.wanted.format))},
                                    {"weight", source.wanted.weight},
                                    {"whole_file", source.wanted.whole_file},
                                    {"xxh3_64", source.hash},
                                    {"records", source.records}};
    if (!source.wanted.tasks.empty()) about["tasks"] = source.wanted.tasks;
    if (!source.wanted.expected.empty()) about["expected"] = source.wanted.expected;
    if (source.wanted.min_difficulty > 0) about["min_difficulty"] = source.wanted.min_difficulty;
    return about;
  }

  // What the result depends on. The threads are not in it.
  std::string fingerprint() const {
    nlohmann::ordered_json all = {{"version", 1},
                                  {"tokenizer", maker_->tokenizer_hash()},
                                  {"template", maker_->template_hash()},
                                  {"max_tokens", options_.max_tokens},
                                  {"tokens_per_shard", options_.tokens_per_shard}};
    for (const Source& source : sources_) all["sources"].push_back(describe(source));
    const std::string text = all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  }

  Status other_set() const {
    return error("{} already holds shards of other sources or options; give another --to, or delete it",
                 options_.to.string());
  }

  Status look_for_finished(bool* finished) const {
    const fs::path path = options_.to / "manifest.json";
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return {};
    JAJU_ASSIGN(const nlohmann::json manifest, read_json(path, 64 << 20));
    if (!manifest.is_object() || manifest.value("fingerprint", nlohmann::json()) != fingerprint_)
      return other_set();
    JAJU_ASSIGN(const std::unique_ptr<ShardSet> set, ShardSet::open(options_.to));
    *finished = true;
    return {};
  }

  Status start_or_resume() {
    const fs::path path = options_.to / "progress.json";
    std::error_code failed;
    nlohmann::json progress;
    if (fs::exists(path, failed)) {
      JAJU_ASSIGN(progress, read_json(path, 16 << 20));
      if (!progress.is_object() || progress.value("fingerprint", nlohmann::json()) != fingerprint_)
        return other_set();
    } else if (fs::exists(options_.to / "shard-00000.bin", failed)) {
      return other_set();
    }
    JAJU_ASSIGN(writer_, ShardWriter::create(options_.to, options_.tokens_per_shard));
    remove_leftovers();
    if (progress.is_null()) return save_progress();
    const auto broken = [&] {
      return error("{} is damaged; delete {} to begin again", path.string(), options_.to.string());
    };
    const auto number = [](const nlohmann::json& object, const char* key, int64_t* value) {
      const auto found = object.find(key);
      if (found == object.end() || !found->is_number_integer() || *found < 0) return false;
      *value = found->get<int64_t>();
      return true;
    };
    int64_t n_shards = 0;
    const auto list = progress.find("sources");
    if (!number(progress, "shards", &n_shards) || !number(progress, "documents_done", &skip_documents_) ||
        list == progress.end() || !list->is_array() || list->size() != sources_.size()) {
      return broken();
    }
    if (n_shards > static_cast<int64_t>(writer_->shards().size())) {
      // A finished shard was lost or damaged: everything is made again.
      skip_documents_ = 0;
      JAJU_RETURN_IF_ERROR(writer_->keep(0));
      return save_progress();
    }
    JAJU_RETURN_IF_ERROR(writer_->keep(n_shards));
    for (size_t s = 0; s < sources_.size(); ++s) {
      Source& source = sources_[s];
      const nlohmann::json& saved = (*list)[s];
      RecordReader::Position position;
      if (!saved.is_object() || !number(saved, "given", &source.given) ||
          !number(saved, "index", &source.index) || !number(saved, "offset", &position.offset) ||
          !number(saved, "line", &position.line) || !number(saved, "documents", &source.documents) ||
          !number(saved, "tokens", &source.tokens) || !number(saved, "loss_tokens", &source.loss_tokens) ||
          !number(saved, "too_long", &source.too_long) ||
          !number(saved, "no_thinking", &source.no_thinking) || source.given > source.total) {
        return broken();
      }
      JAJU_RETURN_IF_ERROR(source.reader->seek(position));
    }
    written_ = positions();
    return {};
  }

  // A kill in the middle of an atomic write leaves its temporary file.
  void remove_leftovers() const {
    std::error_code ignored;
    std::vector<fs::path> doomed;
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.to, ignored)) {
      const std::string name = entry.path().filename().string();
      for (const char* begin : {"progress.json.tmp-", "manifest.json.tmp-"}) {
        if (name.size() == std::strlen(begin) + 6 && name.compare(0, name.size() - 6, begin) == 0) {
          doomed.push_back(entry.path());
        }
      }
    }
    for (const fs::path& path : doomed) fs::remove(path, ignored);
  }

  struct Standing {
    int64_t given = 0;
    int64_t index = 0;
    RecordReader::Position position;
  };
  std::vector<Standing> positions() const {
    std::vector<Standing> all;
    for (const Source& source : sources_)
      all.push_back({source.given, source.index, source.reader->position()});
    return all;
  }

  // `documents_done`: how many documents of the next record are in the finished shards already.
  Status save_progress(int64_t documents_done = 0) {
    if (written_.empty()) written_ = positions();
    nlohmann::ordered_json progress = {{"fingerprint", fingerprint_},
                                       {"shards", writer_->shards().size()},
                                       {"documents_done", documents_done}};
    for (size_t s = 0; s < sources_.size(); ++s) {
      const Source& source = sources_[s];
      progress["sources"].push_back({{"given", written_[s].given},
                                     {"index", written_[s].index},
                                     {"offset", written_[s].position.offset},
                                     {"line", written_[s].position.line},
                                     {"documents", source.documents},
                                     {"tokens", source.tokens},
                                     {"loss_tokens", source.loss_tokens},
                                     {"too_long", source.too_long},
                                     {"no_thinking", source.no_thinking}});
    }
    return write_file_atomic(options_.to / "progress.json", progress.dump(1) + "\n");
  }

  Status stopped() const {
    return error("stopped; the same command goes on behind the last finished shard of {}",
                 options_.to.string());
  }

  // The source that is furthest behind its share, measured in the middle of its next record; the first of
  // equals.
  Source* next_source() {
    Source* best = nullptr;
    for (Source& source : sources_) {
      if (source.given == source.total) continue;
      // (given + 1/2) / total, compared without rounding.
      if (best == nullptr || static_cast<__int128>(2 * source.given + 1) * best->total <
                                 static_cast<__int128>(2 * best->given + 1) * source.total) {
        best = &source;
      }
    }
    return best;
  }

  Status work() {
    int64_t total = 0;
    int64_t given = 0;
    for (const Source& source : sources_) {
      total += source.total;
      given += source.given;
    }
    Progress progress("tokenising", "records", total, options_.quiet);
    std::vector<Job> batch(kBatchRecords);
    while (given < total) {
      if (cancelled()) return stopped();
      size_t n = 0;
      for (size_t bytes = 0; n < kBatchRecords && bytes < kBatchBytes && given < total; ++n, ++given) {
        Source* source = next_source();
        Job& job = batch[n];
        job.source = static_cast<size_t>(source - sources_.data());
        JAJU_RETURN_IF_ERROR(source->take(job.record));
        job.place = source->reader->place();
        job.given = source->given;
        job.index = source->index;
        job.position = source->reader->position();
        bytes += job.record.size();
      }
      constexpr int64_t kStep = 16;
      team_.parallel_for((static_cast<int64_t>(n) + kStep - 1) / kStep, [&](int64_t step, int) {
        const auto end = std::min(n, static_cast<size_t>((step + 1) * kStep));
        for (auto i = static_cast<size_t>(step * kStep); i < end; ++i) {
          Job& job = batch[i];
          const Source& source = sources_[job.source];
          const bool lines = source.wanted.file.extension() != ".txt" &&
                             source.wanted.file.extension() != ".md" &&
                             source.wanted.file.extension() != ".text";
          job.documents.clear();
          job.status = maker_->make(source.wanted.format, lines, job.record, job.place, &job.documents);
        }
      });
      for (size_t i = 0; i < n; ++i) JAJU_RETURN_IF_ERROR(write(batch[i]));
      progress.update(given);
    }
    return {};
  }

  Status write(const Job& job) {
    if (!job.status.ok()) return job.status;
    Source& source = sources_[job.source];
    int64_t done = 0;
    for (const Document& document : job.documents) {
      if (skip_documents_ > 0) {  // already in a finished shard, and counted
        --skip_documents_;
        ++done;
        continue;
      }
      const size_t shards = writer_->shards().size();
      if (document.no_thinking) {
        ++source.no_thinking;
      } else if (static_cast<int64_t>(document.tokens.size()) > options_.max_tokens) {
        ++source.too_long;
      } else {
        ++source.documents;
        source.tokens += static_cast<int64_t>(document.tokens.size());
        source.loss_tokens += std::count_if(document.tokens.begin(), document.tokens.end(),
                                            [](uint32_t token) { return (token & kLossBit) != 0; });
        JAJU_RETURN_IF_ERROR(writer_->append(document.tokens));
      }
      ++done;
      if (writer_->shards().size() > shards) {
        if (done == static_cast<int64_t>(job.documents.size())) {
          written_[job.source] = {job.given, job.index, job.position};
          JAJU_RETURN_IF_ERROR(save_progress());
        } else {
          JAJU_RETURN_IF_ERROR(save_progress(done));
        }
      }
    }
    written_[job.source] = {job.given, job.index, job.position};
    return {};
  }

  Status write_manifest() {
    nlohmann::ordered_json more = {{"fingerprint", fingerprint_},
                                   {"tokenizer", {{"xxh3_64", maker_->tokenizer_hash()}}},
                                   {"template", {{"xxh3_64", maker_->template_hash()}}},
                                   {"max_tokens", options_.max_tokens}};
    int64_t loss_tokens = 0;
    int64_t tokens = 0;
    for (const Source& source : sources_) {
      loss_tokens += source.loss_tokens;
      tokens += source.tokens;
    }
    more["loss_tokens"] = loss_tokens;
    for (const Source& source : sources_) {
      nlohmann::ordered_json entry = describe(source);
      entry["records_taken"] = source.given;
      entry["documents"] = source.documents;
      entry["tokens"] = source.tokens;
      entry["loss_tokens"] = source.loss_tokens;
      entry["share_of_tokens"] =
          tokens > 0
              ? std::round(1e6 * static_cast<double>(source.tokens) / static_cast<double>(tokens)) / 1e6
              : 0.0;
      entry["too_long"] = source.too_long;
      entry["no_thinking"] = source.no_thinking;
      more["sources"].push_back(std::move(entry));
    }
    return write_shard_manifest(options_.to, writer_->shards(), maker_->vocab_size(), more);
  }

  const PrepareOptions& options_;
  ThreadTeam team_;
  std::unique_ptr<DocumentMaker> maker_;
  std::vector<Source> sources_;
  std::vector<Standing>
      written_;  // of each source: behind the last record all of whose documents were appended
  std::unique_ptr<ShardWriter> writer_;
  std::string fingerprint_;
  int64_t skip_documents_ = 0;
};

}  // namespace

Status prepare(const PrepareOptions& options) {
  return Preparation(options).run();
}

}  // namespace jaju::data
