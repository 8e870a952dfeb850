# Symbols for crash reports: written by `crashtool scaffold cmake`.
#
#   include(CrashtoolSymbols)
#   crashtool_debug_information(game engine)
#   crashtool_upload_symbols(upload-symbols TARGETS game engine TAG "${PROJECT_VERSION}"
#                            REQUIRE_FOR "${CMAKE_INSTALL_PREFIX}")
#
# `cmake --build . --target upload-symbols` then checks what ships and sends its symbols. Where to, and
# the symbol token, come from the environment or crashtool.toml (CRASHTOOL_UNIVERSE,
# CRASHTOOL_SYMBOLS_TOKEN): neither is kept in CMake's cache or in the build files.

cmake_minimum_required(VERSION 3.16)
include_guard(GLOBAL)

find_program(CRASHTOOL_EXECUTABLE crashtool DOC "the crashtool command")

# Debug information, and an identifier that ties a crash to it, in every configuration.
function(crashtool_debug_information)
  foreach(target IN LISTS ARGN)
    if(MSVC)
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C,CXX>:/Zi>)
      target_link_options(${target} PRIVATE /DEBUG:FULL /OPT:REF /OPT:ICF)
    elseif(CMAKE_C_LINKER_SUPPORTS_PDB OR CMAKE_CXX_LINKER_SUPPORTS_PDB)
      # Clang, with GNU's command line, for Microsoft's ABI
      target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:C,CXX>:-g;-gcodeview;-fasynchronous-unwind-tables>)
      target_link_options(${target} PRIVATE LINKER:/DEBUG:FULL,/OPT:REF,/OPT:ICF)
    else()
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C,CXX>:-g>)
      if(CMAKE_SYSTEM_NAME MATCHES "Linux|Android|BSD")
        target_compile_options(${target} PRIVATE
          $<$<COMPILE_LANGUAGE:C,CXX>:-fasynchronous-unwind-tables>)
        target_link_options(${target} PRIVATE -Wl,--build-id=sha1)
      endif()
    endif()
  endforeach()
endfunction()

# crashtool_upload_symbols(<name> TARGETS <target>... [TAG <tag>] [REQUIRE_FOR <path>...]
#                          [FOLDERS <path>...] [RECEIPT <file>] [STORE <folder or URL>]
#                          [ALWAYS] [DRY_RUN] [SOFT_FAIL] [STRICT])
#
# A target <name> that uploads the symbols of the targets, and of all debug files in FOLDERS. With
# REQUIRE_FOR, every module below those paths must be readable with them, or the build fails.
# ALWAYS makes it part of every build. STORE writes a symbol store instead of uploading.
function(crashtool_upload_symbols name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ALWAYS;DRY_RUN;SOFT_FAIL;STRICT" "TAG;RECEIPT;STORE"
    "TARGETS;FOLDERS;REQUIRE_FOR")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "crashtool_upload_symbols: unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_TARGETS AND NOT arg_FOLDERS)
    message(FATAL_ERROR "crashtool_upload_symbols: TARGETS or FOLDERS are needed")
  endif()
  if(NOT CRASHTOOL_EXECUTABLE)
    message(FATAL_ERROR "crashtool was not found: add its folder to PATH, or set CRASHTOOL_EXECUTABLE")
  endif()
  set(command "${CRASHTOOL_EXECUTABLE}" upload-symbols)
  foreach(target IN LISTS arg_TARGETS)
    list(APPEND command "$<TARGET_FILE:${target}>")
    if(CMAKE_C_LINKER_SUPPORTS_PDB OR CMAKE_CXX_LINKER_SUPPORTS_PDB)
      list(APPEND command "$<TARGET_PDB_FILE:${target}>")
    endif()
  endforeach()
  list(APPEND command ${arg_FOLDERS})
  foreach(path IN LISTS arg_REQUIRE_FOR)
    list(APPEND command --require-for "${path}")
  endforeach()
  if(arg_TAG)
    list(APPEND command --tag "${arg_TAG}")
  endif()
  if(arg_RECEIPT)
    list(APPEND command --receipt "${arg_RECEIPT}")
  endif()
  if(arg_STORE)
    list(APPEND command --to "${arg_STORE}")
  endif()
  foreach(flag IN ITEMS DRY_RUN SOFT_FAIL STRICT)
    if(arg_${flag})
      string(TOLOWER "${flag}" word)
      string(REPLACE "_" "-" word "${word}")
      list(APPEND command "--${word}")
    endif()
  endforeach()
  set(all)
  if(arg_ALWAYS)
    set(all ALL)
  endif()
  add_custom_target(${name} ${all} COMMAND ${command} VERBATIM USES_TERMINAL
    COMMENT "Symbols for crash reports")
  if(arg_TARGETS)
    add_dependencies(${name} ${arg_TARGETS})
  endif()
endfunction()
