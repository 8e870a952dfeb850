# Crash reporting with Crashpad: written by `crashtool scaffold cpp` for
# @TITLE@.
#
#   include(@FOLDER@/CrashReporting.cmake)  # in the uppermost CMakeLists.txt, after project()
#   crash_reporting_add(game)
#
# compiles crash_reporting.cpp into a program, links Crashpad, and puts the handler beside it, in the
# build and when it is installed. With crashtool there, `cmake --build . --target game-symbols` checks
# and uploads the program's symbols.
#
# CRASHPAD_DIR: @DIR_MEANING@.
# CRASH_REPORTING_URL, CRASH_REPORTING_TOKEN: where reports go, from these variables or the
# environment; they end up in the program, and in the build's files.

cmake_minimum_required(VERSION 3.16)
include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/CrashtoolSymbols.cmake")

set(CRASH_REPORTING_FOLDER "${CMAKE_CURRENT_LIST_DIR}" CACHE INTERNAL "")
set(CRASHPAD_DIR @DIR@ CACHE PATH "@DIR_MEANING@")
@FIND@@HANDLERS@

# Crashpad's libraries, with what programs need besides.
function(_crash_reporting_define_crashpad)
  if(TARGET crash_reporting_crashpad)
    return()
  endif()
  add_library(crash_reporting_crashpad INTERFACE IMPORTED GLOBAL)
@LIBRARIES@
  target_compile_features(crash_reporting_crashpad INTERFACE cxx_std_@CXX@)
  if(WIN32)
    target_compile_definitions(crash_reporting_crashpad INTERFACE NOMINMAX)
    target_link_libraries(crash_reporting_crashpad INTERFACE @WINDOWS_LIBRARIES@)
  elseif(APPLE)
    target_link_libraries(crash_reporting_crashpad INTERFACE
@FRAMEWORKS@)
  else()
    find_package(Threads REQUIRED)
    target_link_libraries(crash_reporting_crashpad INTERFACE Threads::Threads ${CMAKE_DL_LIBS})
    target_link_options(crash_reporting_crashpad INTERFACE
      # Without it, GCC drops the note by which the handler finds the program's own annotations.
      "LINKER:-u,@NOTE@"
      # Crashpad's assembler files do not say that they need no executable stack.
      "LINKER:-z,noexecstack")
  endif()
endfunction()

# crash_reporting_add(<target> [VERSION <version>] [DESTINATION <folder>] [NO_INSTALL])
#
# VERSION is the annotation `ver` and the tag of the symbols; the project's own when not given.
# DESTINATION is where the program is installed; the usual place for programs when not given.
function(crash_reporting_add target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "VERSION;DESTINATION" "")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "crash_reporting_add: unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  _crash_reporting_define_crashpad()
  target_sources(${target} PRIVATE "${CRASH_REPORTING_FOLDER}/crash_reporting.cpp")
  set_source_files_properties("${CRASH_REPORTING_FOLDER}/crash_reporting.cpp" PROPERTIES
    SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
  target_include_directories(${target} PRIVATE "${CRASH_REPORTING_FOLDER}")
  target_link_libraries(${target} PRIVATE crash_reporting_crashpad)
  if(NOT arg_VERSION)
    set(arg_VERSION "${PROJECT_VERSION}")
  endif()
  if(arg_VERSION)
    target_compile_definitions(${target} PRIVATE "CRASH_REPORTING_VERSION=\"${arg_VERSION}\"")
  endif()
  foreach(name IN ITEMS CRASH_REPORTING_URL CRASH_REPORTING_TOKEN)
    set(value "${${name}}")
    if(NOT value)
      set(value "$ENV{${name}}")
    endif()
    if(value)
      target_compile_definitions(${target} PRIVATE "${name}=\"${value}\"")
    endif()
  endforeach()
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    get_target_property(options ${target} LINK_OPTIONS)
    if(NOT "${options};${CMAKE_EXE_LINKER_FLAGS}" MATCHES "(^|[; ])-static([; ]|$)")
      # Crashpad's own @THREAD@ gives each thread a stack on which its overflow can be reported.
      # A program linked with -static would not start with it.
      target_link_options(${target} PRIVATE "LINKER:-u,@THREAD@")
    endif()
  endif()

  set(handler "crashpad_handler${CMAKE_EXECUTABLE_SUFFIX}")
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${CRASHPAD_HANDLER}"
      "$<TARGET_FILE_DIR:${target}>/${handler}")
  get_target_property(is_bundle ${target} MACOSX_BUNDLE)
  if(NOT arg_NO_INSTALL AND NOT (APPLE AND is_bundle)) # a bundle is installed with all that is in it
    if(NOT arg_DESTINATION)
      include(GNUInstallDirs)
      set(arg_DESTINATION "${CMAKE_INSTALL_BINDIR}")
    endif()
    install(PROGRAMS "${CRASHPAD_HANDLER}" DESTINATION "${arg_DESTINATION}" RENAME "${handler}")
  endif()

  crashtool_debug_information(${target})
  if(CRASHTOOL_EXECUTABLE)
    set(tag)
    if(arg_VERSION)
      set(tag TAG "${arg_VERSION}")
    endif()
    crashtool_upload_symbols(${target}-symbols TARGETS ${target} ${tag})
  endif()
endfunction()
