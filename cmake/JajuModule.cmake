# Helpers every room's CMakeLists.txt uses.

add_library(jaju_flags INTERFACE)
target_compile_options(jaju_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wnull-dereference
  -Woverloaded-virtual $<$<BOOL:${JAJU_WERROR}>:-Werror>
  # gcc 12 reports null dereferences inside the standard library's own headers at -O3.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference>)
# Same input, same bits: no contraction the source does not ask for (kernels use explicit FMA).
target_compile_options(jaju_flags INTERFACE -ffp-contract=off)
if(JAJU_SANITIZE)
  target_compile_options(jaju_flags INTERFACE -fsanitize=${JAJU_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(jaju_flags INTERFACE -fsanitize=${JAJU_SANITIZE})
endif()

# jaju_module(name SOURCES a.cc ... DEPENDS lower rooms ... LIBS third-party targets ...)
function(jaju_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBS" ${ARGN})
  add_library(jaju_${name} STATIC ${ARG_SOURCES})
  target_include_directories(jaju_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM ARG_DEPENDS PREPEND jaju_)
  target_link_libraries(jaju_${name} PUBLIC ${ARG_DEPENDS} ${ARG_LIBS} PRIVATE jaju_flags)
endfunction()

# jaju_test(name SOURCES x_test.cc ... DEPENDS rooms ... [LABELS fast|slow] [TIMEOUT seconds])
# Registers every TEST() of the executable with ctest.
function(jaju_test name)
  if(NOT JAJU_TESTS OR JAJU_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LIBS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS fast)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS PREPEND jaju_)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ${ARG_LIBS} jaju_flags GTest::gtest GTest::gtest_main)
  # The code under test is optimised in its own library; test bodies are not worth -O3's build time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_compile_definitions(${name} PRIVATE JAJU_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
