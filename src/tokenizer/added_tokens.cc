#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <map>

#include "tokenizer/unicode.h"

namespace jaju {

AddedTokenMatcher::AddedTokenMatcher(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const Entry& e) { return e.content.empty(); });
  if (entries_.empty()) return;

  // The trie of reversed contents, then flattened breadth first.
  std::vector<std::map<uint8_t, int32_t>> children(1);
  std::vector<int32_t> entry_of(1, -1);
  for (size_t k = 0; k < entries_.size(); ++k) {
    int32_t node = 0;
    const std::string& content = entries_[k].content;
    for (auto c = content.rbegin(); c != content.rend(); ++c) {
      const auto [found, fresh] = children[static_cast<size_t>(node)].try_emplace(
          static_cast<uint8_t>(*c), static_cast<int32_t>(children.size()));
      node = found->second;
      if (fresh) {
        children.emplace_back();
        entry_of.push_back(-1);
      }
    }
    // Two tokens with one (normalized) content: the first listed wins.
    if (entry_of[static_cast<size_t>(node)] < 0)
      entry_of[static_cast<size_t>(node)] = static_cast<int32_t>(k);
  }
  states_.resize(children.size());
  root_.assign(256, 0);
  for (size_t s = 0; s < children.size(); ++s) {
    states_[s].first_edge = static_cast<int32_t>(edges_.size());
    states_[s].n_edges = static_cast<int32_t>(children[s].size());
    states_[s].entry = entry_of[s];
    for (const auto& [byte, to] : children[s]) edges_.push_back({byte, to});
  }
  for (const auto& [byte, to] : children[0]) root_[byte] = to;

  std::vector<int32_t> queue;
  for (const auto& [byte, to] : children[0]) queue.push_back(to);
  for (size_t q = 0; q < queue.size(); ++q) {
    const int32_t s = queue[q];
    for (const auto& [byte, to] : children[static_cast<size_t>(s)]) {
      State& target = states_[static_cast<size_t>(to)];
      target.fail = step(states_[static_cast<size_t>(s)].fail, byte);
      if (target.entry < 0) target.entry = states_[static_cast<size_t>(target.fail)].entry;
      queue.push_back(to);
    }
  }
}

int32_t AddedTokenMatcher::child(int32_t state, uint8_t byte) const {
  const State& s = states_[static_cast<size_t>(state)];
  const auto first = edges_.begin() + s.first_edge;
  const auto last = first + s.n_edges;
  const auto found = std::lower_bound(first, last, byte, [](const Edge& e, uint8_t b) { return e.byte < b; });
  return found != last && found->byte == byte ? found->to : -1;
}

int32_t AddedTokenMatcher::step(int32_t state, uint8_t byte) const {
  while (state != 0) {
    const int32_t to = child(state, byte);
    if (to >= 0) return to;
    state = states_[static_cast<size_t>(state)].fail;
  }
  return root_[byte];
}

void AddedTokenMatcher::find(std::string_view text, std::vector<AddedMatch>& out) const {
  out.clear();
  if (entries_.empty()) return;
  std::vector<Candidate> candidates;  // from the text's end to its start
  int32_t state = 0;
  for (size_t pos = text.size(); pos-- > 0;) {
    state = step(state, static_cast<uint8_t>(text[pos]));
    const int32_t entry = states_[static_cast<size_t>(state)].entry;
    if (entry >= 0) candidates.push_back({pos, entry});
  }

  size_t search_from = 0;  // contents do not overlap
  size_t taken = 0;        // end of what earlier matches swallowed
  size_t space_begin = 1;  // a run of white space already measured
  size_t space_end = 0;
  for (auto c = candidates.rbegin(); c != candidates.rend(); ++c) {
    if (c->begin < search_from) continue;
    const Entry& e = entries_[static_cast<size_t>(c->entry)];
    size_t begin = c->begin;
    size_t end = begin + e.content.size();
    search_from = end;
    if (e.single_word) {
      size_t before = begin;
      size_t after = end;
      if (begin > 0 && is_word(previous_char(text, before))) continue;
      if (end < text.size() && is_word(next_char(text, after))) continue;
    }
    if (e.lstrip) {
      while (begin > taken) {
        size_t pos = begin;
        if (!is_white_space(previous_char(text, pos))) break;
        begin = pos;
      }
      begin = std::max(begin, taken);
    }
    if (e.rstrip) {
      if (end >= space_begin && end < space_end) {
        end = space_end;
      } else {
        space_begin = end;
        while (end < text.size()) {
          size_t pos = end;
          if (!is_white_space(next_char(text, pos))) break;
          end = pos;
        }
        space_end = end;
      }
    }
    out.push_back({begin, end, e.id});
    taken = end;
  }
}

}  // namespace jaju
