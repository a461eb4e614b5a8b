# cmake -D SOURCE=root -P check_sources.cmake: fails where web/dist was not built from web/src as it is.
cmake_minimum_required(VERSION 3.25)
set(PROJECT_SOURCE_DIR ${SOURCE})
include(${SOURCE}/cmake/JajuWebSources.cmake)
jaju_web_sources_hash(now)
file(STRINGS ${SOURCE}/web/dist/sources.sha built LIMIT_COUNT 1)
if(NOT now STREQUAL built)
  message(FATAL_ERROR "web/dist was built from other sources: cd web && npm ci && npm run build, then commit web/dist")
endif()
