"""host.tls.windows: exported registries of old and new Windows."""

import pytest

from crashtool.formats.crashpad.markers import FAMILY_TEXTS
from crashtool.formats.registry_file import pack_registry_file
from crashtool.model.doctor import HOST, PASS, SKIP, WARNING, Subject
from crashtool.services.integration.doctor import registry_tls
from crashtool.services.integration.doctor.examination import Examination, Options
from crashtool.services.integration.windows_tls import registry_text
from tests.services.integration.doctor.folders import (
    examine,
    failures,
    handler_texts,
    pe_program,
    warnings,
    write_program,
)

CHECK = "host.tls.windows"
HEAD = "Windows Registry Editor Version 5.00\n\n"
VERSION = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]"
WINDOWS_7 = f'{VERSION}\n"CurrentVersion"="6.1"\n'
WINDOWS_10 = f'{VERSION}\n"CurrentVersion"="6.3"\n"CurrentMajorVersionNumber"=dword:0000000a\n'
WINHTTP = (
    r"[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\WinHttp]"
    '\n"DefaultSecureProtocols"=dword:00000a00\n'
)


def look(tmp_path, text):
    path = tmp_path / "export.reg"
    path.write_bytes(pack_registry_file(text))
    return examine(path, without=())


def causes(diagnosis):
    return [row.cause for row in diagnosis.findings if (row.check, row.verdict) == (CHECK, WARNING)]


def test_what_scaffold_reg_writes_passes(tmp_path):
    diagnosis = look(tmp_path, registry_text())

    assert CHECK not in warnings(diagnosis) | failures(diagnosis)
    passed = {row.file for row in diagnosis.findings if (row.check, row.verdict) == (CHECK, PASS)}
    assert str(tmp_path / "export.reg") in passed


def test_one_view_alone_is_not_enough(tmp_path):
    diagnosis = look(tmp_path, HEAD + WINHTTP)

    told = causes(diagnosis)
    assert any("Wow6432Node" in cause for cause in told)
    assert sum("SCHANNEL" in cause for cause in told) == 2
    assert CHECK not in failures(diagnosis)


def test_windows_7_without_anything_needs_all(tmp_path):
    assert len(causes(look(tmp_path, HEAD + WINDOWS_7))) == 4


def test_windows_10_needs_nothing(tmp_path):
    assert causes(look(tmp_path, HEAD + WINDOWS_10)) == []


def test_tls_1_1_alone_is_too_little(tmp_path):
    text = registry_text().replace("dword:00000a00", "dword:00000200")

    assert len(causes(look(tmp_path, text))) == 2


def test_backtraces_handler_needs_schannel_alone(tmp_path):
    text = next(text for text, family in FAMILY_TEXTS if family == "backtrace")
    write_program(tmp_path / "crashpad_handler.exe", pe_program(client=False) + handler_texts(text))
    (tmp_path / "export.reg").write_bytes(pack_registry_file(HEAD + WINDOWS_7))

    told = causes(examine(tmp_path, without=()))

    assert len(told) == 2
    assert all("SCHANNEL" in cause for cause in told)


@pytest.mark.parametrize("text", [HEAD + '[HKEY_CURRENT_USER\\Other]\n"a"=dword:1\n', HEAD])
def test_an_export_of_something_else_is_a_skip(tmp_path, text):
    diagnosis = look(tmp_path, text)

    skips = [row for row in diagnosis.findings if (row.check, row.verdict) == (CHECK, SKIP)]
    assert any(row.file.endswith("export.reg") for row in skips)
    assert CHECK not in warnings(diagnosis)


def test_the_fix_names_the_update_and_the_file(tmp_path):
    finding = next(row for row in look(tmp_path, HEAD + WINDOWS_7).findings if row.check == CHECK)

    assert "KB3140245" in finding.fix
    assert "crashtool scaffold reg" in finding.fix


@pytest.mark.parametrize(("true_version", "count"), [((6, 1, 7601), 4), ((10, 0, 19045), 0)])
def test_this_machines_windows_is_not_the_one_that_a_program_is_shown(
    monkeypatch, true_version, count
):
    """A Python that another program runs is told of Windows 7 or 8 for want of a manifest."""

    class Shown(tuple):
        __slots__ = ()
        platform_version = true_version

    monkeypatch.setattr(registry_tls, "_read_registry", dict)
    monkeypatch.setattr(registry_tls.sys, "platform", "win32")
    monkeypatch.setattr(
        registry_tls.sys, "getwindowsversion", lambda: Shown((6, 1, 7601)), raising=False
    )
    results = list(registry_tls.check_tls(Subject(HOST), Examination(Options(), ())))

    assert len(results) == count
