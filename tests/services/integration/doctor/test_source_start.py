"""source.start: the mistakes of a source one by one, the guide's own sample, and good code."""

import pytest

from crashtool.model.doctor import NOTE, SKIP, WARNING
from tests.conftest import SHARED
from tests.services.integration.doctor.folders import examine, failures

CHECK = "source.start"
GOOD = r"""
#include "client/crashpad_client.h"
namespace game {
bool StartCrashReporting(const std::wstring& folder) {
  static auto* client = new crashpad::CrashpadClient();
  base::FilePath handler(folder + L"\\crashpad_handler.exe");
  base::FilePath db(folder + L"\\crashes");
  auto database = crashpad::CrashReportDatabase::Initialize(db);
  if (!database || !database->GetSettings()) return false;
  database->GetSettings()->SetUploadsEnabled(true);
  crashpad::CrashpadInfo::GetCrashpadInfo()->set_gather_indirectly_referenced_memory(
      crashpad::TriState::kEnabled, 1 << 20);
  bool rc = client->StartHandler(handler, db, base::FilePath(), url, annotations, arguments,
                                 /* restartable */ true, /* asynchronous_start */ false);
  if (rc == false) return false;
  return true;
}
}
"""
GUIDE = r"""
static bool startCrashHandler() {
  std::map<std::string, std::string> annotations;
  std::vector<std::string> arguments;
  CrashpadClient client;
  bool rc;
  std::string url("https://submit.backtrace.io/acme/token/minidump");
  base::FilePath db(L"../crash/db");
  base::FilePath handler(L"crashpad_handler.exe");
  std::unique_ptr<CrashReportDatabase> database = crashpad::CrashReportDatabase::Initialize(db);
  if (database == nullptr || database->GetSettings() == NULL) return false;
  database->GetSettings()->SetUploadsEnabled(true);
  rc = client.StartHandler(handler, db, db, url, annotations, arguments, true, true);
  if (rc == false) return false;
  rc = client.WaitForHandlerStart(INFINITE);
  return rc;
}
"""


def look(tmp_path, text, name="crash.cpp", **others):
    source = tmp_path / "src"
    source.mkdir(exist_ok=True)
    (source / name).write_text(text)
    for other, content in others.items():
        (source / f"{other}.cpp").write_text(content)
    return examine(source)


def told(diagnosis, verdict=WARNING):
    return [
        (row.line, row.cause)
        for row in diagnosis.findings
        if (row.check, row.verdict) == (CHECK, verdict)
    ]


def test_good_code_passes(tmp_path):
    diagnosis = look(tmp_path, GOOD)

    assert failures(diagnosis) == set()
    assert told(diagnosis) + told(diagnosis, NOTE) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("SetUploadsEnabled(true)", "GetClientID(&id)", 13, "SetUploadsEnabled is called neither"),
        ("bool rc = client->", "client->", 13, "the result of StartHandler is not looked at"),
        ("rc == false", "false", 13, "the result of StartHandler is not looked at"),
        ("static auto* client = new crashpad::CrashpadClient();",
         "crashpad::CrashpadClient client;", 13, "lives no longer than the function"),
        ("rc = client->", "rc = crashpad::CrashpadClient{}.", 13, "lives no longer"),
        ("if (rc == false)", "client->WaitForHandlerStart(5000); if (!rc)", 15,
         "asynchronous_start is false"),
        (r'folder + L"\\crashpad_handler.exe"', 'L"crashpad_handler.exe"', 13,
         "the handler's path is relative: crashpad_handler.exe"),
        (r'folder + L"\\crashes"', 'L"~/crashes"', 13, "the database's path begins with ~"),
        (r'folder + L"\\crashes"', 'FILE_PATH_LITERAL("db")', 13,
         "the database's path is relative: db"),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_warning_on_its_line(tmp_path, old, new, line, words):
    assert old in GOOD
    text = GOOD.replace(old, new).replace("client->StartHandler", "client->StartHandler")
    if new.endswith("CrashpadClient client;"):
        text = text.replace("client->", "client.")

    ((where, cause),) = told(look(tmp_path, text))

    assert words in cause
    assert where == line


def test_the_guides_own_sample_has_its_three_faults(tmp_path):
    causes = [cause for _, cause in told(look(tmp_path, GUIDE))]

    assert len(causes) == 3
    assert "lives no longer" in causes[0]
    assert "handler's path is relative" in causes[1]
    assert "database's path is relative" in causes[2]


def test_what_another_file_of_the_folder_does_counts(tmp_path):
    text = GOOD.replace("SetUploadsEnabled", "GetUploadsEnabled")

    diagnosis = look(tmp_path, text, consent="void f() { s->SetUploadsEnabled(true); }")

    assert told(diagnosis) == []


def test_the_absence_of_gathered_memory_is_a_note(tmp_path):
    text = GOOD.replace("set_gather_indirectly_referenced_memory", "other")

    diagnosis = look(tmp_path, text)

    ((_, cause),) = told(diagnosis, NOTE)
    assert "set_gather_indirectly_referenced_memory" in cause
    assert told(diagnosis) == []


@pytest.mark.parametrize(
    "text",
    [
        "int main() { crashpad::CrashpadClient client; if (!client.StartHandler(h, d)) return 1; }",
        "struct A { crashpad::CrashpadClient c_; bool Go() { return c_.StartHandler(h, d); } };",
        "crashpad::CrashpadClient g; bool Go() { return g.StartHandler(h, d); }",
        "bool Go() { static crashpad::CrashpadClient c; return c.StartHandler(h, d); }",
        "void Go(crashpad::CrashpadClient& c) { EXPECT_TRUE(c.StartHandler(h, d)); }",
        "void Go() { started_ = client_->StartHandler(h, d); }",
        "void Go() { if (a && client_->StartHandler(h, d)) {} }",
        "void Go() { LOG_IF(!client_->StartHandler(h, d)); }",
    ],
)
def test_a_client_that_lives_on_and_a_result_that_is_used_are_no_faults(tmp_path, text):
    diagnosis = look(tmp_path, text + "\n// SetUploadsEnabled\nvoid u() { SetUploadsEnabled(1); }")

    assert told(diagnosis) == []


@pytest.mark.parametrize(
    "text",
    [
        "// client.StartHandler(h)\n",
        "bool StartHandler(const base::FilePath& handler);\n",
        "bool CrashpadClient::StartHandler(const base::FilePath& handler) { return true; }\n",
        '#if 0\nclient.StartHandler("h");\n#endif\n',
        'const char* t = "client.StartHandler(h)";\n',
    ],
)
def test_what_does_not_call_it_is_not_judged(tmp_path, text):
    diagnosis = look(tmp_path, text)

    assert told(diagnosis) + told(diagnosis, NOTE) == []


def test_crashpads_own_tests_are_not_judged(tmp_path):
    root = tmp_path / "crashpad"
    (root / "client").mkdir(parents=True)
    (root / "client" / "crashpad_client.h").write_text("bool StartHandler(int);")
    (root / "client" / "crashpad_client_win_test.cc").write_text(GUIDE)

    diagnosis = examine(root)

    assert told(diagnosis) == []
    assert any("Crashpad itself" in cause for _, cause in told(diagnosis, SKIP))


def test_utf_16_and_windows_line_ends_are_read(tmp_path):
    (tmp_path / "crash.cpp").write_bytes(GUIDE.replace("\n", "\r\n").encode("utf-16"))

    assert len(told(examine(tmp_path / "crash.cpp"))) == 3


@pytest.mark.skipif(
    not (SHARED / "prototypes" / "integration").is_dir(), reason="needs prototypes/integration"
)
def test_code_that_was_run_on_real_clients_has_no_fault():
    diagnosis = examine(SHARED / "prototypes" / "integration" / "cr2.cpp")

    assert told(diagnosis) == []
