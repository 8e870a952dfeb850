// Starts Crashpad's handler: see crash_reporting.h.
//
// Written by `crashtool scaffold cpp` for @TITLE@.
// After a change: `crashtool doctor` checks the build, `crashtool smoke` that reports arrive.

#include "crash_reporting.h"

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX  // else windows.h breaks std::min and std::max in Crashpad's headers
#endif
#include <windows.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#include <sys/stat.h>
#include <unistd.h>
#elif defined(__linux__)
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>
#else
#error "Crashpad has no handler for this system"
#endif

#include <stdint.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "client/crash_report_database.h"
#include "client/crashpad_client.h"
#include "client/crashpad_info.h"
#include "client/settings.h"
@PROBE_INCLUDE@
// Where reports go. Define it in the build to keep it, and the token in it, out of the sources.
#ifndef CRASH_REPORTING_URL
#define CRASH_REPORTING_URL @URL@
#endif

// Bytes of what registers and stack point to, and of the code that ran, that a report may hold at
// most; 0 for none. Without them a debugger shows neither objects nor instructions.
#ifndef CRASH_REPORTING_MEMORY_LIMIT
#define CRASH_REPORTING_MEMORY_LIMIT (1024 * 1024)
#endif

namespace crash_reporting {
namespace {

std::string& LastError() {
  static std::string* text = new std::string();
  return *text;
}

bool Fail(const std::string& why) {
  LastError() = why;
  std::fprintf(stderr, "crash reporting is off: %s\n", why.c_str());
  return false;
}

#if defined(_WIN32)
const base::FilePath::CharType kHandlerName[] = FILE_PATH_LITERAL("crashpad_handler.exe");
const char kDataVariable[] = "LOCALAPPDATA";

std::string ToUtf8(const base::FilePath& path) {
  const std::wstring& wide = path.value();
  const int length = static_cast<int>(wide.size());
  const int size =
      ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(size), '\0');
  if (size > 0)
    ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, &text[0], size, nullptr, nullptr);
  return text;
}
std::string SystemError() {
  return "error " + std::to_string(::GetLastError());
}

base::FilePath ProgramFolder() {
  std::wstring path(32768, L'\0');  // the longest there is
  const DWORD size = ::GetModuleFileNameW(nullptr, &path[0], static_cast<DWORD>(path.size()));
  if (size == 0 || size >= path.size())
    return base::FilePath();
  path.resize(size);
  return base::FilePath(path).DirName();
}

base::FilePath DataFolder() {
  std::wstring path(32768, L'\0');
  const DWORD size =
      ::GetEnvironmentVariableW(L"LOCALAPPDATA", &path[0], static_cast<DWORD>(path.size()));
  if (size == 0 || size >= path.size())
    return base::FilePath();
  path.resize(size);
  return base::FilePath(path);
}

bool IsProgram(const base::FilePath& path) {
  const DWORD attributes = ::GetFileAttributesW(path.value().c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES)
    return false;
  ::SetLastError(ERROR_BAD_EXE_FORMAT);
  return (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

// Makes a folder and those above it: Crashpad makes only the last.
bool MakeFolder(const base::FilePath& path) {
  if (::CreateDirectoryW(path.value().c_str(), nullptr) ||
      ::GetLastError() == ERROR_ALREADY_EXISTS)
    return true;
  const base::FilePath above = path.DirName();
  if (::GetLastError() != ERROR_PATH_NOT_FOUND || above.value() == path.value())
    return false;
  return MakeFolder(above) && (::CreateDirectoryW(path.value().c_str(), nullptr) ||
                               ::GetLastError() == ERROR_ALREADY_EXISTS);
}
#else
const base::FilePath::CharType kHandlerName[] = FILE_PATH_LITERAL("crashpad_handler");
const char kDataVariable[] = "HOME";

std::string ToUtf8(const base::FilePath& path) {
  return path.value();
}
std::string SystemError() {
  return std::strerror(errno);
}

base::FilePath ProgramFolder() {
#if defined(__APPLE__)
  uint32_t size = 0;
  _NSGetExecutablePath(nullptr, &size);
  std::vector<char> path(size + 1);
  if (_NSGetExecutablePath(path.data(), &size) != 0)
    return base::FilePath();
  char* real = ::realpath(path.data(), nullptr);
  if (real == nullptr)
    return base::FilePath();
  const base::FilePath program((std::string(real)));
  std::free(real);
  return program.DirName();  // of an .app: Contents/MacOS
#else
  std::vector<char> path(PATH_MAX);
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0 || static_cast<size_t>(size) >= path.size())
    return base::FilePath();
  return base::FilePath(std::string(path.data(), static_cast<size_t>(size))).DirName();
#endif
}

base::FilePath DataFolder() {
#if !defined(__APPLE__)
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/')
    return base::FilePath(std::string(state));
#endif
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/')
    return base::FilePath();
#if defined(__APPLE__)
  return base::FilePath(std::string(home) + "/Library/Application Support");
#else
  return base::FilePath(std::string(home) + "/.local/state");
#endif
}

bool IsProgram(const base::FilePath& path) {
  struct stat status;
  if (::stat(path.value().c_str(), &status) != 0)
    return false;
  errno = EISDIR;
  return !S_ISDIR(status.st_mode) && ::access(path.value().c_str(), X_OK) == 0;
}

// Makes a folder and those above it: Crashpad makes only the last.
bool MakeFolder(const base::FilePath& path) {
  if (::mkdir(path.value().c_str(), 0700) == 0 || errno == EEXIST)
    return true;
  const base::FilePath above = path.DirName();
  if (errno != ENOENT || above.value() == path.value())
    return false;
  return MakeFolder(above) && (::mkdir(path.value().c_str(), 0700) == 0 || errno == EEXIST);
}
#endif

base::FilePath DatabaseFolder() {
  const base::FilePath data = DataFolder();
  if (data.empty())
    return data;
  return data.Append(FILE_PATH_LITERAL(@NAME@)).Append(FILE_PATH_LITERAL("crashes"));
}

// Nothing is uploaded from a database in which uploads were never enabled. It is closed again
// before the handler opens it.
bool PrepareDatabase(const base::FilePath& folder, bool uploads_enabled) {
  if (!MakeFolder(folder))
    return Fail("cannot make the folder " + ToUtf8(folder) + ": " + SystemError());
  const std::unique_ptr<crashpad::CrashReportDatabase> database =
      crashpad::CrashReportDatabase::Initialize(folder);
  if (!database || database->GetSettings() == nullptr)
    return Fail("cannot open the database " + ToUtf8(folder));
  if (!database->GetSettings()->SetUploadsEnabled(uploads_enabled))
    return Fail("cannot write the settings of the database " + ToUtf8(folder));
  return true;
}

std::map<std::string, std::string> Annotations(const Options& options) {
  std::map<std::string, std::string> annotations = {@ANNOTATIONS@};
#if defined(CRASH_REPORTING_VERSION)
  annotations["ver"] = CRASH_REPORTING_VERSION;
#endif
#if defined(CRASH_REPORTING_TOKEN)
  annotations["token"] = CRASH_REPORTING_TOKEN;
  annotations["format"] = "minidump";
#endif
  for (const auto& annotation : options.annotations)
    annotations[annotation.first] = annotation.second;
  return annotations;
}
@ATTACHMENTS@@PROBE@

}  // namespace

bool Start(const Options& options) {
  static bool is_started = false;
  if (is_started)
    return true;

  const std::string url = CRASH_REPORTING_URL;
  if (url.empty())
    return Fail("there is no URL: define CRASH_REPORTING_URL where this is compiled");
  const base::FilePath folder = ProgramFolder();
  if (folder.empty())
    return Fail("the folder of this program is not known");
  const base::FilePath handler = folder.Append(base::FilePath::StringType(kHandlerName));
  if (!IsProgram(handler))
    return Fail("cannot run the handler " + ToUtf8(handler) + ": " + SystemError());
  const base::FilePath database = DatabaseFolder();
  if (database.empty())
    return Fail(std::string("there is no folder for the database: no ") + kDataVariable);
  if (!PrepareDatabase(database, options.uploads_enabled))
    return false;

  const std::map<std::string, std::string> annotations = Annotations(options);
  std::vector<std::string> arguments;
#if !defined(NDEBUG)
  arguments.push_back("--no-rate-limit");  // else one upload an hour; never in a release
#endif
@COLLECT@
#if CRASH_REPORTING_MEMORY_LIMIT > 0
  crashpad::CrashpadInfo::GetCrashpadInfo()->set_gather_indirectly_referenced_memory(
      crashpad::TriState::kEnabled, CRASH_REPORTING_MEMORY_LIMIT);
#endif

  // Never destroyed: its destructor takes the crash handling of Windows down with it.
  static crashpad::CrashpadClient* client = new crashpad::CrashpadClient();
#if defined(_WIN32)
  const bool asynchronous_start = true;
#else
  const bool asynchronous_start = false;
#endif
  if (!client->StartHandler(
@CALL@))
    return Fail("the handler " + ToUtf8(handler) + " did not start");
#if defined(_WIN32)
  if (!client->WaitForHandlerStart(10000))
    return Fail("the handler " + ToUtf8(handler) + " did not start within 10 s");
@WER@@ALIVE@#endif
  is_started = true;
  return true;
}

const std::string& error() {
  return LastError();
}

}  // namespace crash_reporting
