# Writes OUT with the commit the sources are at, and only when it changed. Run at every build:
#   cmake -D SOURCE=... -D OUT=... -P commit.cmake
set(commit "unknown")
cmake_minimum_required(VERSION 3.25)
find_program(GIT git)
if(GIT AND EXISTS "${SOURCE}/.git")
  execute_process(COMMAND ${GIT} -C ${SOURCE} describe --always --dirty --abbrev=10 --exclude=*
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit "${described}")
  endif()
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT "inline constexpr char kCommit[] = \"@commit@\";\n" @ONLY)
