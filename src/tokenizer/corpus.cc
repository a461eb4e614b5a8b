#include "tokenizer/corpus.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/split_mix.h"
#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace jaju {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr size_t kLongestPiece = 1 << 20;  // of a text without a good place to cut
constexpr size_t kPiecesPerRound = 32;     // read ahead; fixed, so that rounds do not depend on the threads

struct Piece {
  size_t file = 0;
  bool begins = false;
  int64_t first_line = 0;  // JSONL, from 1
  int64_t number = 0;      // within the file
  std::string text;
  Status status;
};

// Where a piece of `text` may end: behind the last line break that white space does not follow. 0: nowhere.
size_t last_cut(std::string_view text) {
  // The character behind must be whole to know what it is.
  for (size_t end = text.size() >= 4 ? text.size() - 4 : 0; end > 0; --end) {
    const size_t found = text.rfind('\n', end - 1);
    if (found == std::string_view::npos) return 0;
    end = found + 1;
    uint32_t next = 0;
    if (utf8_length(text.substr(end), &next) > 0 && !is_white_space(next)) return end;
  }
  return 0;
}

// The start of the last character, so that a piece never ends inside one.
size_t character_cut(std::string_view text) {
  size_t end = text.size();
  for (int back = 0; back < 4 && end > 1; ++back) {
    --end;
    if ((static_cast<uint8_t>(text[end]) & 0xc0) != 0x80) return end;
  }
  return text.size();
}

class FileReader {
 public:
  FileReader(const CorpusFile& file, size_t piece_bytes) : file_(file), piece_bytes_(piece_bytes) {}
  ~FileReader() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // The next piece in piece.text; empty at the end.
  Status next(Piece& piece) {
    if (fd_ < 0) {
      fd_ = ::open(file_.path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd_ < 0) return error("{}: cannot be opened: {}", file_.path.string(), std::strerror(errno));
    }
    piece.begins = number_ == 0;
    piece.first_line = line_;
    piece.number = number_++;
    size_t want = piece_bytes_;
    size_t cut = 0;
    while (cut == 0) {
      JAJU_RETURN_IF_ERROR(fill(want));
      if (end_) {
        cut = rest_.size();
        break;
      }
      if (file_.jsonl) {
        const size_t found = rest_.rfind('\n');
        cut = found == std::string::npos ? 0 : found + 1;
        if (cut == 0 && static_cast<int64_t>(rest_.size()) > kMaxCorpusLine) {
          return error("{} line {}: has more than {} bytes", file_.path.string(), line_, kMaxCorpusLine);
        }
      } else {
        cut = last_cut(rest_);
        if (cut == 0 && rest_.size() >= kLongestPiece) cut = character_cut(rest_);
      }
      want = rest_.size() + rest_.size() / 2 + piece_bytes_;
    }
    piece.text.assign(rest_, 0, cut);
    rest_.erase(0, cut);
    if (piece.begins && piece.text.starts_with("\xef\xbb\xbf")) piece.text.erase(0, 3);
    if (file_.jsonl) line_ += std::count(piece.text.begin(), piece.text.end(), '\n');
    return {};
  }
  int64_t bytes_read() const { return bytes_read_; }

 private:
  // Reads until `rest_` has `want` bytes or the file ends.
  Status fill(size_t want) {
    while (!end_ && rest_.size() < want) {
      const size_t before = rest_.size();
      rest_.resize(want);
      const ssize_t n = ::read(fd_, rest_.data() + before, want - before);
      rest_.resize(before + static_cast<size_t>(std::max<ssize_t>(n, 0)));
      if (n < 0 && errno != EINTR) {
        return error("{}: cannot be read: {}", file_.path.string(), std::strerror(errno));
      }
      if (n > 0) bytes_read_ += n;
      end_ = n == 0;
    }
    return {};
  }

  const CorpusFile& file_;
  size_t piece_bytes_;
  int fd_ = -1;
  bool end_ = false;
  std::string rest_;
  int64_t line_ = 1;
  int64_t number_ = 0;
  int64_t bytes_read_ = 0;
};

// True for about `share` of all (file, number), the same ones every time.
bool drawn(size_t file, int64_t number, double share) {
  const uint64_t x = mix64((static_cast<uint64_t>(file) << 40) + static_cast<uint64_t>(number));
  return static_cast<double>(x >> 11) < share * 9007199254740992.0;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

class CorpusReader {
 public:
  CorpusReader(const std::vector<CorpusFile>& files, const CorpusOptions& options, ThreadTeam& team,
               const std::function<void(int, const CorpusDocument&)>& on_document)
      : files_(files),
        options_(options),
        team_(team),
        on_document_(on_document),
        lines_(static_cast<size_t>(team.size())) {
    int64_t total = 0;
    for (const CorpusFile& file : files) total += file.bytes;
    if (options.sample_bytes > 0 && options.sample_bytes < total) {
      share_ = static_cast<double>(options.sample_bytes) / static_cast<double>(total);
      // Small pieces make an even sample.
      piece_bytes_ =
          std::clamp<size_t>(static_cast<size_t>(options.sample_bytes / 1024), 4 << 10, kPieceBytes);
    }
  }

  Status read(const std::function<Status(int64_t)>& between) {
    int64_t bytes_before = 0;
    std::vector<Piece> round;
    for (size_t f = 0; f < files_.size(); ++f) {
      FileReader reader(files_[f], files_[f].jsonl ? kPieceBytes : piece_bytes_);
      for (bool more = true; more;) {
        Piece piece;
        piece.file = f;
        JAJU_RETURN_IF_ERROR(reader.next(piece));
        more = !piece.text.empty();
        const bool taken = files_[f].jsonl || share_ >= 1 || drawn(f, piece.number, share_);
        if (more && taken) round.push_back(std::move(piece));
        const bool last = !more && f + 1 == files_.size();
        if (round.size() == kPiecesPerRound || last) {
          JAJU_RETURN_IF_ERROR(run(round));
          JAJU_RETURN_IF_ERROR(between(bytes_before + reader.bytes_read()));
        }
      }
      bytes_before += reader.bytes_read();
    }
    return {};
  }

 private:
  Status run(std::vector<Piece>& round) {
    team_.parallel_for(static_cast<int64_t>(round.size()), [&](int64_t i, int thread) {
      Piece& piece = round[static_cast<size_t>(i)];
      piece.status = files_[piece.file].jsonl ? run_lines(piece, thread) : run_text(piece, thread);
    });
    for (const Piece& piece : round) JAJU_RETURN_IF_ERROR(piece.status);
    round.clear();
    return {};
  }

  Status run_text(Piece& piece, int thread) {
    if (!utf8_valid(piece.text)) piece.text = utf8_replace_invalid(piece.text);
    on_document_(thread, {piece.file, {}, {&piece.text, 1}, piece.begins});
    return {};
  }

  Status run_lines(const Piece& piece, int thread) {
    CorpusLineReader& reader = lines_[static_cast<size_t>(thread)];
    int64_t number = piece.first_line;
    for (size_t begin = 0; begin < piece.text.size(); ++number) {
      const size_t end = std::min(piece.text.find('\n', begin), piece.text.size());
      const std::string_view line = std::string_view(piece.text).substr(begin, end - begin);
      begin = end + 1;
      if (is_blank(line) || (share_ < 1 && !drawn(piece.file, number, share_))) continue;
      const std::string what = fmt::format("{} line {}", files_[piece.file].path.string(), number);
      JAJU_ASSIGN(const CorpusLineReader::Line* parsed, reader.read(line, options_, what));
      on_document_(thread, {piece.file, parsed->group, parsed->texts, true});
    }
    return {};
  }

  const std::vector<CorpusFile>& files_;
  const CorpusOptions& options_;
  ThreadTeam& team_;
  const std::function<void(int, const CorpusDocument&)>& on_document_;
  std::vector<CorpusLineReader> lines_;  // per thread
  double share_ = 1;
  size_t piece_bytes_ = kPieceBytes;
};

}  // namespace

Result<std::vector<CorpusFile>> open_corpus(const std::vector<std::filesystem::path>& paths) {
  namespace fs = std::filesystem;
  if (paths.empty()) return error("there is no file to read: name one or more text or JSONL files");
  std::vector<CorpusFile> files;
  for (const fs::path& path : paths) {
    std::error_code failure;
    const fs::file_status status = fs::status(path, failure);
    if (!fs::exists(status)) return error("{}: there is no such file", path.string());
    if (!fs::is_regular_file(status)) return error("{}: is not a regular file", path.string());
    const auto bytes = static_cast<int64_t>(fs::file_size(path, failure));
    if (failure || ::access(path.c_str(), R_OK) != 0) return error("{}: cannot be read", path.string());
    const std::string kind = path.extension().string();
    files.push_back({path, bytes, kind == ".jsonl" || kind == ".ndjson"});
  }
  return files;
}

Status read_corpus(const std::vector<CorpusFile>& files, const CorpusOptions& options, ThreadTeam& team,
                   const std::function<void(int, const CorpusDocument&)>& on_document,
                   const std::function<Status(int64_t)>& between) {
  return CorpusReader(files, options, team, on_document).read(between);
}

}  // namespace jaju
