// /health, /ready, /metrics, and the files of the web page.
#include "server/dialects.h"
#include "server/metrics.h"
#include "server/web_assets.h"

namespace jaju::server {

void health(ApiContext&, const RequestPtr&, const ResponderPtr& responder) {
  answer_json(*responder, {{"status", "ok"}});
}

void ready(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  const SchedulerSnapshot now = api.service.model().backend->snapshot();
  const char* status = !now.healthy ? "unhealthy" : now.draining || api.draining() ? "draining" : "ready";
  HttpResponse response;
  response.status = std::string_view(status) == "ready" ? 200 : 503;
  response.body = dump(Json{{"status", status}});
  if (response.status == 503) response.headers.emplace_back("Retry-After", "5");
  responder->respond(std::move(response));
}

void metrics(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  const Backend& backend = *api.service.model().backend;
  response.body =
      api.metrics->text(backend.snapshot(), backend.experts(), api.connections(), api.worker_jobs());
  responder->respond(std::move(response));
}

void web_page(ApiContext&, const RequestPtr& request, const ResponderPtr& responder) {
  const WebAsset* asset = find_web_asset(request->path);
  HttpResponse response;
  if (asset == nullptr) {
    ApiError error;
    error.http = 404;
    error.message = "this program was built without the web page; the API is at /v1 and /api";
    return answer_error(*request, *responder, error);
  }
  response.content_type = std::string(asset->content_type);
  response.headers = {{"ETag", std::string(asset->etag)},
                      {"Cache-Control", std::string(asset->cache_control)},
                      {"Content-Security-Policy", std::string(web_content_security_policy())},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Frame-Options", "DENY"}};
  if (request->header("if-none-match") == asset->etag) {
    response.status = 304;
  } else {
    response.view = asset->body;
  }
  responder->respond(std::move(response));
}

}  // namespace jaju::server
