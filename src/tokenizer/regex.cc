#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace jaju {
namespace {

// Backtracking steps one match may take, beyond a few per byte of text.
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr uint32_t kHeapLimitKib = 256 * 1024;
constexpr size_t kJitStackStart = 32 * 1024;
constexpr size_t kJitStackMax = 64 * 1024 * 1024;
constexpr size_t kMaxPatternBytes = 64 * 1024;

}  // namespace

struct RegexWorkspace::Impl {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr);
  ~Impl() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    if (stack != nullptr) pcre2_jit_stack_free(stack);
  }
};

RegexWorkspace::RegexWorkspace() : impl_(std::make_unique<Impl>()) {
  pcre2_set_heap_limit(impl_->context, kHeapLimitKib);
  if (impl_->stack != nullptr) pcre2_jit_stack_assign(impl_->context, nullptr, impl_->stack);
}
RegexWorkspace::~RegexWorkspace() = default;

struct Regex::Code {
  pcre2_code* code = nullptr;
  bool jit = false;
  ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, const std::string& what) {
  if (pattern.size() > kMaxPatternBytes) {
    return error("{}: the regular expression has {} bytes, more than the {} allowed", what, pattern.size(),
                 kMaxPatternBytes);
  }
  auto translated = translate_regex(pattern);
  if (!translated.ok()) return error("{}: regular expression '{}': {}", what, pattern, translated.message());

  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, 100);
  int code_error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()), translated->size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code_error,
                             &offset, context);
  pcre2_compile_context_free(context);
  if (code->code == nullptr) {
    std::array<char, 256> message{};
    pcre2_get_error_message(code_error, reinterpret_cast<PCRE2_UCHAR*>(message.data()), message.size());
    return error("{}: regular expression '{}': {} (at byte {} of its PCRE2 form '{}')", what, pattern,
                 message.data(), offset, *translated);
  }
  code->jit = pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE) == 0;
  return Regex(std::move(code));
}

bool Regex::find(std::string_view text, size_t from, RegexWorkspace& workspace, size_t* begin,
                 size_t* end) const {
  auto& w = *workspace.impl_;
  // After a hit, later matches in this text get less: a hostile pattern costs a bounded time in all.
  const uint64_t generous =
      kMatchLimit + std::min<uint64_t>(4 * static_cast<uint64_t>(text.size()), 2'000'000'000u);
  const uint64_t limit = std::max<uint64_t>(1000, generous >> std::min(60, 4 * workspace.limit_hits_));
  pcre2_set_match_limit(w.context, static_cast<uint32_t>(limit));
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
  int rc = code_->jit
               ? pcre2_jit_match(code_->code, subject, text.size(), from, 0, w.data, w.context)
               : pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, w.data, w.context);
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc < 0) {
    ++workspace.limit_hits_;
    return false;
  }
  const PCRE2_SIZE* span = pcre2_get_ovector_pointer(w.data);
  // A look-behind can make no match start early and \K is refused, so the span is in order; be sure anyway.
  if (span[0] < from || span[1] < span[0] || span[1] > text.size()) return false;
  *begin = span[0];
  *end = span[1];
  return true;
}

}  // namespace jaju
