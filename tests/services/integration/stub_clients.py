"""Headers with the public interface of Crashpad's clients, for each fork and date, of our own.

Written from the signatures that the forks had at that date, not from crashtool's table of them: a
mistake there does not compile here. On Linux a program that includes them runs, too: StartHandler
prints what it was given, one thing a line, instead of starting anything.
"""

from pathlib import Path
from typing import NamedTuple

PATHS = (
    "const base::FilePath& handler, const base::FilePath& database, "
    "const base::FilePath& metrics_dir"
)
MAP = "const std::map<std::string, std::string>& "
REST = (
    MAP + "annotations, const std::vector<std::string>& arguments, bool restartable, "
    "bool asynchronous_start"
)
FILES = "const std::vector<base::FilePath>& attachments = {}"
URL = "const std::string& url"
PROXY = "const std::string& http_proxy"
SCREENSHOT = "const base::FilePath& screenshot = base::FilePath(), bool wait_for_upload = false"
REPORTER = (
    "const base::FilePath& crash_reporter = base::FilePath(), "
    "const base::FilePath& crash_envelope = base::FilePath()"
)
REPORT_ID = 'const std::string& report_id = ""'


class Client(NamedTuple):
    """What a client's header declares; `probe` since Linux has GetHandlerSocket."""

    start: tuple[str, ...]
    least_cxx: int = 14
    chromeos: bool = False
    probe: bool = True
    wer: bool = False
    for_backtrace: bool = False

    @property
    def has_files(self):
        return FILES in self.start


OLD = (PATHS, URL, REST)
FILED = (*OLD, FILES)
PROXIED = (PATHS, URL, PROXY, REST, FILES)
CLIENTS = {
    ("upstream", "2019-05-02"): Client(OLD, probe=False),
    ("upstream", "2019-08-19"): Client(OLD),
    ("upstream", "2020-06-24"): Client(FILED),
    ("upstream", "2021-01-12"): Client(FILED, chromeos=True),
    ("upstream", "2021-04-29"): Client(FILED, chromeos=True),
    ("upstream", "2022-01-19"): Client(FILED, chromeos=True),
    ("upstream", "2022-07-07"): Client(FILED, chromeos=True, wer=True),
    ("upstream", "2023-01-31"): Client(FILED, 17, chromeos=True, wer=True),
    ("upstream", "2025-02-24"): Client(FILED, 17, wer=True),
    ("upstream", "2025-12-01"): Client(FILED, 17, wer=True),
    ("backtrace", "2022-07-29"): Client(FILED, wer=True),
    ("backtrace", "2022-08-29"): Client(FILED, wer=True),
    ("backtrace", "2023-03-31"): Client(FILED, 17, wer=True),
    ("backtrace-2018", "2020-06-24"): Client(FILED, for_backtrace=True),
    ("sentry", "2020-07-21"): Client(FILED),
    ("sentry", "2023-05-27"): Client(PROXIED, 17, wer=True),
    ("sentry", "2025-03-01"): Client((*PROXIED, SCREENSHOT), 17, wer=True),
    ("sentry", "2025-10-01"): Client((*PROXIED, SCREENSHOT, REPORTER), 17, wer=True),
    ("sentry", "2026-02-01"): Client((*PROXIED, SCREENSHOT, REPORTER, REPORT_ID), 17, wer=True),
}

FILE_PATH = r"""
#ifndef BASE_FILES_FILE_PATH_H_
#define BASE_FILES_FILE_PATH_H_
#include <string>
#if defined(_WIN32)
#define FILE_PATH_LITERAL(x) L##x
#else
#define FILE_PATH_LITERAL(x) x
#endif
namespace base {
class FilePath {
 public:
#if defined(_WIN32)
  typedef std::wstring StringType;
#else
  typedef std::string StringType;
#endif
  typedef StringType::value_type CharType;
  FilePath() {}
  explicit FilePath(const StringType& path) : path_(path) {}
  const StringType& value() const { return path_; }
  bool empty() const { return path_.empty(); }
  FilePath DirName() const {
    const StringType::size_type at = Slash();
    return FilePath(path_.substr(0, at == 0 ? 1 : at == StringType::npos ? 0 : at));
  }
  FilePath BaseName() const {
    const StringType::size_type at = Slash();
    return at == StringType::npos ? *this : FilePath(path_.substr(at + 1));
  }
  [[nodiscard]] FilePath Append(const StringType& component) const {
    return FilePath(path_ + FILE_PATH_LITERAL("/") + component);
  }
  [[nodiscard]] FilePath Append(const FilePath& component) const {
    return Append(component.value());
  }
 private:
  StringType::size_type Slash() const {
    return path_.find_last_of(FILE_PATH_LITERAL("/\\"));
  }
  StringType path_;
};
}  // namespace base
#endif
"""
CLIENT = r"""
#ifndef CLIENT_CRASHPAD_CLIENT_H_
#define CLIENT_CRASHPAD_CLIENT_H_
#include <map>
#include <set>
#include <string>
#include <vector>
#include <stdint.h>
#include "base/files/file_path.h"
#include "build/build_config.h"
@CHROMEOS@
#if __cplusplus < @STANDARD@L
#error "this client needs a newer C++"
#endif
#if !defined(_WIN32)
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#endif
namespace crashpad {
class CrashpadClient {
 public:
  CrashpadClient() {}
  CrashpadClient(const CrashpadClient&) = delete;
  CrashpadClient& operator=(const CrashpadClient&) = delete;
  ~CrashpadClient() {}
#if defined(_WIN32)
  bool StartHandler(@START@);
@FOR_BACKTRACE@
  bool WaitForHandlerStart(unsigned int timeout_ms);
@WER@
#else
  bool StartHandler(@START@) {
    printf("handler %s\ndatabase %s\nurl %s\n", handler.value().c_str(),
           database.value().c_str(), url.c_str());
    for (const auto& pair : annotations)
      printf("annotation %s=%s\n", pair.first.c_str(), pair.second.c_str());
    for (const auto& argument : arguments) printf("argument %s\n", argument.c_str());
@PRINT_FILES@
    if (!metrics_dir.empty() || !restartable || asynchronous_start) printf("odd\n");
    return getenv("STUB_FAILS") == nullptr;
  }
#endif
#if defined(__linux__)
@PROBE@
#endif
};
}  // namespace crashpad
#endif
"""
DATABASE = r"""
#include <memory>
#include "base/files/file_path.h"
#include "client/settings.h"
namespace crashpad {
class CrashReportDatabase {
 public:
  virtual ~CrashReportDatabase() {}
#if defined(_WIN32) || defined(__APPLE__)
  static std::unique_ptr<CrashReportDatabase> Initialize(const base::FilePath& path);
  virtual Settings* GetSettings() = 0;
#else
  static std::unique_ptr<CrashReportDatabase> Initialize(const base::FilePath& path) {
    FILE* file = fopen((path.value() + "/settings.dat").c_str(), "w");
    if (file == nullptr) return nullptr;
    fclose(file);
    return std::unique_ptr<CrashReportDatabase>(new CrashReportDatabase());
  }
  virtual Settings* GetSettings() { return &settings_; }
  Settings settings_;
#endif
};
}  // namespace crashpad
"""
SETTINGS = r"""
#ifndef CLIENT_SETTINGS_H_
#define CLIENT_SETTINGS_H_
#include <stdio.h>
namespace crashpad {
class Settings {
 public:
#if defined(_WIN32) || defined(__APPLE__)
  bool SetUploadsEnabled(bool enabled);
#else
  bool SetUploadsEnabled(bool enabled) { printf("uploads %d\n", enabled); return true; }
#endif
};
}  // namespace crashpad
#endif
"""
INFO = r"""
#include <stdint.h>
#include <stdio.h>
namespace crashpad {
enum class TriState : uint8_t { kUnset = 0, kEnabled, kDisabled };
struct CrashpadInfo {
#if defined(_WIN32) || defined(__APPLE__)
  static CrashpadInfo* GetCrashpadInfo();
  void set_gather_indirectly_referenced_memory(TriState gather, uint32_t limit);
#else
  static CrashpadInfo* GetCrashpadInfo() { static CrashpadInfo info; return &info; }
  void set_gather_indirectly_referenced_memory(TriState gather, uint32_t limit) {
    printf("memory %d %u\n", static_cast<int>(gather), limit);
  }
#endif
};
}  // namespace crashpad
"""
EXCEPTION_HANDLER_CLIENT = r"""
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
namespace crashpad {
class ExceptionHandlerClient {
 public:
  ExceptionHandlerClient(int sock, bool multiple_clients) { (void)sock; (void)multiple_clients; }
  bool GetHandlerCredentials(ucred* creds) {
    creds->pid = 1;
    return getenv("STUB_DIES") == nullptr;
  }
};
}  // namespace crashpad
"""
SOCKET = """
  static bool GetHandlerSocket(int* sock, pid_t* pid) { *sock = 0; *pid = 0; return true; }
"""
FOR_BACKTRACE = (
    f"  bool StartHandlerForBacktrace({PATHS}, {URL}, {MAP}annotations, "
    f"const std::vector<std::string>& arguments, {MAP}fileAttachments, bool restartable, "
    "bool asynchronous_start);"
)
WER = "  bool RegisterWerModule(const std::wstring& full_path);"
PRINT_FILES = (
    '    for (const auto& file : attachments) printf("attachment %s\\n", file.value().c_str());'
)
CHROMEOS = """
#include "build/chromeos_buildflags.h"
#if !defined(CHROMEOS_FLAGS)
#error "made by GN"
#endif
"""


def write_stub_client(folder, fork, since):
    """The headers of one client in a folder; the folders to include, as its layout has them."""
    client = CLIENTS[fork, since]
    headers = {
        "base/files/file_path.h": FILE_PATH,
        "build/build_config.h": "",
        "client/crashpad_client.h": _fill(CLIENT, client),
        "client/crash_report_database.h": DATABASE,
        "client/settings.h": SETTINGS,
        "client/crashpad_info.h": INFO,
    }
    if client.probe:
        headers["util/linux/exception_handler_client.h"] = EXCEPTION_HANDLER_CLIENT
    for name, text in headers.items():
        path = Path(folder, "include", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if not client.chromeos:
        return [Path(folder, "include")]
    made = Path(folder, "gen", "build", "chromeos_buildflags.h")
    made.parent.mkdir(parents=True)
    made.write_text("#define CHROMEOS_FLAGS\n")
    return [Path(folder, "include"), Path(folder, "gen")]


def _fill(text, client):
    values = {
        "CHROMEOS": CHROMEOS if client.chromeos else "",
        "STANDARD": {14: "201402", 17: "201703"}[client.least_cxx],
        "START": ", ".join(client.start),
        "FOR_BACKTRACE": FOR_BACKTRACE if client.for_backtrace else "",
        "WER": WER if client.wer else "",
        "PRINT_FILES": PRINT_FILES if client.has_files else "",
        "PROBE": SOCKET if client.probe else "",
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
