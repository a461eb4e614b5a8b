# The web chat: embeds the files of web/dist in a static library, jaju_web_assets (src/server/web_assets.h).
#
# web/dist is committed, so building jaju needs no node. web/dist/sources.sha is the hash of the sources it was built from;
# where it differs (someone edited web/src) CMake runs `npm run build`, provided that node is there and `npm ci` was run in
# web/; otherwise it says so and embeds what is there. A checkout as it was committed never runs npm.
option(JAJU_WEB_BUILD "Rebuild web/dist when its sources changed and web/node_modules is there" ON)
include(${CMAKE_CURRENT_LIST_DIR}/JajuWebSources.cmake)

function(jaju_refresh_web_dist)
  set(web ${PROJECT_SOURCE_DIR}/web)
  jaju_web_sources_hash(now sources)
  # Every source makes CMake run again when it changes.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  file(STRINGS ${web}/dist/sources.sha built LIMIT_COUNT 1)
  if(now STREQUAL built OR NOT JAJU_WEB_BUILD)
    return()
  endif()
  find_program(JAJU_NPM npm)
  mark_as_advanced(JAJU_NPM)
  if(NOT JAJU_NPM OR NOT EXISTS ${web}/node_modules/vite/package.json)
    message(WARNING "web/dist is older than its sources; to rebuild it: cd web && npm ci && npm run build")
    return()
  endif()
  message(STATUS "Building the web chat (npm run build)")
  execute_process(COMMAND ${JAJU_NPM} run --silent build WORKING_DIRECTORY ${web} RESULT_VARIABLE failed
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "npm run build failed in web/:\n${output}")
  endif()
endfunction()

function(jaju_web_content_type variable file)
  if(file MATCHES "\\.html$")
    set(type "text/html; charset=utf-8")
  elseif(file MATCHES "\\.js$")
    set(type "text/javascript; charset=utf-8")
  elseif(file MATCHES "\\.css$")
    set(type "text/css; charset=utf-8")
  elseif(file MATCHES "\\.svg$")
    set(type "image/svg+xml")
  elseif(file MATCHES "\\.png$")
    set(type "image/png")
  elseif(file MATCHES "\\.woff2$")
    set(type "font/woff2")
  elseif(file MATCHES "\\.md$")
    set(type "text/markdown; charset=utf-8")
  else()
    message(FATAL_ERROR "web/dist/${file}: cmake/JajuWebAssets.cmake knows no content type for this name")
  endif()
  set(${variable} "${type}" PARENT_SCOPE)
endfunction()

# jaju_embed_web_assets(OUT): writes OUT, a source file whose assembler directives include the bytes of each file.
function(jaju_embed_web_assets out)
  set(dist ${PROJECT_SOURCE_DIR}/web/dist)
  file(GLOB_RECURSE files RELATIVE ${dist} CONFIGURE_DEPENDS ${dist}/*)
  list(REMOVE_ITEM files sources.sha)
  list(SORT files COMPARE STRING)
  set(bytes "")
  set(externs "")
  set(table "")
  set(paths "")
  set(number 0)
  foreach(file IN LISTS files)
    jaju_web_content_type(type ${file})
    file(SIZE ${dist}/${file} size)
    file(SHA256 ${dist}/${file} hash)
    string(SUBSTRING ${hash} 0 32 hash)
    set(cache "no-cache")
    if(file MATCHES "^assets/")
      set(cache "public, max-age=31536000, immutable")
    endif()
    string(APPEND bytes "asm(\".section .rodata\\n.balign 16\\n.hidden jaju_web_${number}\\n.globl jaju_web_${number}\\n\"\n"
      "    \"jaju_web_${number}:\\n.incbin \\\"${dist}/${file}\\\"\\n.byte 0\\n.previous\");\n")
    string(APPEND externs "extern const char jaju_web_${number}[];\n")
    string(APPEND table "    {\"/${file}\", \"${type}\", \"\\\"${hash}\\\"\", \"${cache}\", {jaju_web_${number}, ${size}}},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${dist}/${file})
    list(APPEND paths ${dist}/${file})
    math(EXPR number "${number} + 1")
  endforeach()
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS "${paths}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/csp.txt)
  file(STRINGS ${PROJECT_SOURCE_DIR}/web/csp.txt csp)
  list(JOIN csp "; " csp)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [[
// Made by cmake/JajuWebAssets.cmake from web/dist.
#include "server/web_assets.h"

#include <algorithm>

@bytes@
extern "C" {
@externs@}

namespace jaju {
namespace {
const WebAsset kAssets[] = {
@table@};
}  // namespace

std::span<const WebAsset> web_assets() { return kAssets; }

const WebAsset* find_web_asset(std::string_view path) {
  if (path == "/") path = "/index.html";
  const WebAsset* found = std::lower_bound(std::begin(kAssets), std::end(kAssets), path,
                                           [](const WebAsset& a, std::string_view p) { return a.path < p; });
  return found != std::end(kAssets) && found->path == path ? found : nullptr;
}

std::string_view web_content_security_policy() { return "@csp@"; }

}  // namespace jaju
]])
endfunction()

jaju_refresh_web_dist()
