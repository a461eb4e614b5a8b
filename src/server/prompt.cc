#include "server/prompt.h"

#include <sys/random.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace jaju::server {
namespace {

// A stretch of the prompt that owns its text.
struct Stretch {
  std::string text;
  int32_t special = -1;
};

void add_text(std::vector<Stretch>& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty() && out.back().special < 0)
    out.back().text += text;
  else
    out.push_back({std::string(text), -1});
}

// As encode_prompt reads them: added tokens in trusted text only.
std::vector<Stretch> stretches(const Tokenizer& tokenizer, const std::vector<PromptPiece>& pieces) {
  std::vector<Stretch> out;
  for (const PromptPiece& piece : pieces) {
    size_t at = 0;
    if (piece.trusted) {
      for (const Tokenizer::AddedSpan& span : tokenizer.find_added(piece.text)) {
        if (at < span.begin) add_text(out, std::string_view(piece.text).substr(at, span.begin - at));
        out.push_back({"", span.id});
        at = span.end;
      }
    }
    add_text(out, std::string_view(piece.text).substr(std::min(at, piece.text.size())));
  }
  return out;
}

// Sampled ids as stretches: their bytes, and the added tokens among them as themselves.
std::vector<Stretch> stretches(const ServedModel& model, const std::vector<int32_t>& ids) {
  std::vector<Stretch> out;
  for (const int32_t id : ids) {
    const bool known = id >= 0 && static_cast<size_t>(id) < model.token_bytes->size();
    const std::string& bytes = known ? (*model.token_bytes)[static_cast<size_t>(id)] : std::string();
    if (bytes.empty())
      out.push_back({"", id});
    else
      add_text(out, bytes);
  }
  return out;
}

// Words no client can know, put where a remembered turn belongs.
struct Markers {
  std::string nonce;
  std::map<std::string, const std::vector<int32_t>*> ids;

  std::string add(const std::vector<int32_t>& what) {
    if (nonce.empty()) {
      uint64_t random[2] = {0, 0};
      if (::getrandom(random, sizeof random, 0) < 0) random[0] = reinterpret_cast<uintptr_t>(this);
      nonce = fmt::format("replay{:016x}{:016x}n", random[0], random[1]);
    }
    std::string marker = fmt::format("{}{:04}", nonce, ids.size());
    ids[marker] = &what;
    return marker;
  }
};

// Puts the sampled ids where their markers stand. False: a marker did not come through the template once, and
// whole.
bool put_back(const ServedModel& model, const Markers& markers, std::vector<Stretch>* all) {
  std::vector<Stretch> out;
  size_t found = 0;
  const auto add_all = [&](std::vector<Stretch> more) {
    for (Stretch& s : more) {
      if (s.special < 0)
        add_text(out, s.text);
      else
        out.push_back(std::move(s));
    }
  };
  const size_t length = markers.nonce.size() + 4;
  for (Stretch& stretch : *all) {
    if (stretch.special >= 0) {
      out.push_back(std::move(stretch));
      continue;
    }
    size_t at = 0;
    for (;;) {
      const size_t hit = stretch.text.find(markers.nonce, at);
      if (hit == std::string::npos) break;
      const auto what = markers.ids.find(stretch.text.substr(hit, length));
      if (what == markers.ids.end()) return false;
      add_text(out, std::string_view(stretch.text).substr(at, hit - at));
      add_all(stretches(model, *what->second));
      at = hit + length;
      ++found;
    }
    add_text(out, std::string_view(stretch.text).substr(at));
  }
  *all = std::move(out);
  return found == markers.ids.size();
}

bool ends_in_think(const std::vector<PromptPiece>& pieces) {
  std::string tail;
  for (auto piece = pieces.rbegin(); piece != pieces.rend() && tail.size() < 64; ++piece)
    tail = piece->text + tail;
  const size_t last = tail.find_last_not_of(" \n");
  return last != std::string::npos && std::string_view(tail).substr(0, last + 1).ends_with("<think>");
}

}  // namespace

Result<BuiltPrompt> build_prompt(const ServedModel& model, const ChatCall& call, bool thinking,
                                 const std::string& tenant) {
  BuiltPrompt built;
  std::vector<Stretch> all;
  if (call.raw) {
    if (const auto* ids = std::get_if<std::vector<int32_t>>(&call.raw_prompt)) {
      built.ids = *ids;
      return built;
    }
    all = stretches(*model.tokenizer, {{std::get<std::string>(call.raw_prompt), call.parse_special}});
  } else {
    PromptOptions options;
    options.thinking = thinking;
    options.tools = call.tool_choice == ToolChoice::none ? Json() : call.tools;
    options.variables = call.template_variables;
    std::vector<Message> messages = call.messages;
    std::vector<std::shared_ptr<const RememberedTurn>> turns;  // keeps what the markers point to
    std::vector<std::string> turn_markers;
    Markers markers;
    for (Message& message : messages) {
      if (message.role != "assistant" || message.tool_calls.empty()) continue;
      std::shared_ptr<const RememberedTurn> turn = model.turns->find(tenant, message);
      if (turn == nullptr) continue;
      message.tool_calls.clear();
      message.content = markers.add(turn->rest);
      turn_markers.push_back(message.content);
      message.reasoning = turn->reasoning.empty() ? "" : markers.add(turn->reasoning);
      turns.push_back(std::move(turn));
    }
    JAJU_ASSIGN(std::vector<PromptPiece> pieces, model.chat_template->render(messages, options));
    std::vector<Stretch> rendered = stretches(*model.tokenizer, pieces);
    built.replayed_turns = turns.size();
    if (!turns.empty()) {
      // Reasoning of finished turns is left out by the template; the turns themselves must be there.
      std::string text;
      for (const Stretch& s : rendered) text += s.text;
      std::erase_if(markers.ids,
                    [&](const auto& marker) { return text.find(marker.first) == std::string::npos; });
      const bool whole = std::all_of(turn_markers.begin(), turn_markers.end(),
                                     [&](const std::string& m) { return markers.ids.contains(m); });
      if (!whole || !put_back(model, markers, &rendered)) {
        built.replayed_turns = 0;
        JAJU_ASSIGN(pieces, model.chat_template->render(call.messages, options));
        rendered = stretches(*model.tokenizer, pieces);
      }
    }
    built.thinking = ends_in_think(pieces);
    all = std::move(rendered);
    if (!call.prefill.empty()) add_text(all, call.prefill);
  }

  std::vector<ReplayPiece> pieces;
  pieces.reserve(all.size());
  for (const Stretch& s : all) pieces.push_back({s.text, s.special});
  TokenReplay::Match match = model.replay->longest(tenant, pieces);
  built.ids = std::move(match.ids);
  built.replayed_tokens = built.ids.size();
  for (size_t i = match.piece; i < all.size(); ++i) {
    if (all[i].special >= 0) {
      built.ids.push_back(all[i].special);
      continue;
    }
    const std::vector<TokenId> more = model.tokenizer->encode(all[i].text, SpecialText::as_text);
    built.ids.insert(built.ids.end(), more.begin(), more.end());
  }
  return built;
}

}  // namespace jaju::server
