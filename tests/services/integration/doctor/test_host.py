"""host.ptrace, .pid1, .files and .lsm: this machine, and others that are planted."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.model.doctor import FAILURE, HOST, NOTE, PASS, SKIP, WARNING
from crashtool.services.integration.doctor import host_linux
from crashtool.services.integration.doctor.checks import CHECKS
from crashtool.services.integration.doctor.diagnose import diagnose
from crashtool.services.integration.doctor.examination import Options
from tests.conftest import ROOT
from tests.services.integration.doctor.folders import elf_program, write_program
from tests.toolchain import need_programs, run_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
# Loads a filter that answers EPERM to ptrace (101 on x86-64, 117 on arm64), then runs what follows
SECCOMP = r"""
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **arguments)
{
  struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {4, rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program)) return 77;
  execv(arguments[1], arguments + 1);
  return 78;
}
"""


def look(check, *paths, **options):
    """(verdict, finding) of one check of this machine, or of what is in the paths."""
    (row,) = (row for row in CHECKS if row.name == check)
    return diagnose([str(path) for path in paths], Options(**options), [row]).findings


def crashtool_doctor(folder, *before):
    """The findings of `crashtool doctor`, run as another process is: after some words."""
    line = [*before, sys.executable, "-m", "crashtool", "doctor", str(folder), "--json"]
    path = os.pathsep.join((str(ROOT), *sys.path))
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """system({name: text}) -> files of the kernel's, as another machine has them."""
    monkeypatch.setattr(host_linux, "SYSTEM", tmp_path / "system")

    def plant(files):
        for name, text in files.items():
            path = tmp_path / "system" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return plant


def test_a_machine_that_allows_ptrace_passes():
    if host_linux.try_to_attach() != 0:
        pytest.skip("needs a machine that allows ptrace")
    (finding,) = look("host.ptrace")
    assert finding.verdict == PASS


def test_a_seccomp_filter_that_forbids_ptrace_is_found(tmp_path):
    need_programs("gcc")
    (tmp_path / "forbid.c").write_text(SECCOMP)
    run_tool("gcc", "-o", tmp_path / "forbid", tmp_path / "forbid.c")
    done = crashtool_doctor(tmp_path, tmp_path / "forbid")
    if done.returncode == 77:
        pytest.skip("needs seccomp")
    assert done.returncode == 4
    assert "ptrace is forbidden (a seccomp filter is set): Operation not permitted" in done.stdout
    assert "--cap-add=SYS_PTRACE" in done.stdout


@pytest.mark.parametrize(
    ("scope", "fix"), [("2", "kernel.yama.ptrace_scope=1"), ("3", "boot again")]
)
def test_yama_is_named_when_it_forbids_ptrace(system, monkeypatch, scope, fix):
    system({host_linux.YAMA: f"{scope}\n"})
    monkeypatch.setattr(host_linux, "try_to_attach", lambda: errno.EPERM)
    (finding,) = look("host.ptrace")
    assert finding.verdict == FAILURE
    assert f"ptrace_scope is {scope}" in finding.cause
    assert fix in finding.fix


def test_a_trial_without_an_answer_is_a_skip(monkeypatch):
    monkeypatch.setattr(host_linux, "try_to_attach", lambda: None)
    (finding,) = look("host.ptrace")
    assert finding.verdict == SKIP


@pytest.mark.parametrize(
    ("name", "verdict"), [("systemd", PASS), ("tini", PASS), ("game", WARNING), ("sh", WARNING)]
)
def test_the_first_process_of_a_container(system, name, verdict):
    system({host_linux.FIRST_PROCESS: f"{name}\n"})
    (finding,) = look("host.pid1")
    assert finding.verdict == verdict
    if verdict == WARNING:
        assert f"PID 1 is {name}" in finding.cause
        assert "docker run --init" in finding.fix


def test_a_real_namespace_in_which_python_is_the_first_process(tmp_path):
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare")
    done = crashtool_doctor(tmp_path, "unshare", "-p", "-f", "--mount-proc")
    if "unshare failed" in done.stderr:
        pytest.skip("needs process namespaces")
    assert '"check": "host.pid1", "verdict": "warning"' in done.stdout
    assert "PID 1 is python" in done.stdout


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('FROM debian\nENTRYPOINT ["/opt/app"]\n', 2),
        ("FROM debian\n# the game\nRUN x \\\n  y\nCMD exec /opt/app --now\n", 5),
        ('FROM a AS b\nENTRYPOINT ["tini", "--"]\nFROM c\nCMD ["app"]\n', 4),
        ('FROM debian\nENTRYPOINT ["/sbin/tini", "--"]\nCMD ["/opt/app"]\n', None),
        ('FROM debian\nENTRYPOINT ["/entry.sh"]\n', None),
        ("FROM debian\n", None),
        ("FROM debian\nENTRYPOINT [not json\n", None),
    ],
)
def test_what_a_dockerfile_starts(tmp_path, text, line):
    write_program(tmp_path / "app", elf_program())
    (tmp_path / "Dockerfile").write_text(text)
    findings = [f for f in look("host.pid1", tmp_path) if f.file.endswith("Dockerfile")]
    assert [(f.verdict, f.line) for f in findings] == [(WARNING if line else PASS, line)]


def test_few_files_are_a_warning(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (6, 6))
    (finding,) = look("host.files")
    assert finding.verdict == WARNING
    assert "6 files only" in finding.cause
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert look("host.files")[0].verdict == PASS


def test_a_process_with_few_files_says_so(tmp_path):
    script = 'ulimit -n 60 && exec "$@"'
    done = crashtool_doctor(tmp_path, "sh", "-c", script, "sh")
    assert "a process may open 60 files only" in done.stdout


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {
                host_linux.LSM: "capability,apparmor",
                host_linux.CONFINED: "docker-default (enforce)",
            },
            "docker-default",
        ),
        ({host_linux.LSM: "capability,selinux", host_linux.SELINUX: "1"}, "SELinux is enforcing"),
    ],
)
def test_a_security_module_is_a_note(system, files, words):
    system(files)
    (finding,) = look("host.lsm")
    assert finding.verdict == NOTE
    assert words in finding.cause


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({host_linux.LSM: "capability,yama,apparmor", host_linux.CONFINED: "unconfined"}, PASS),
        ({host_linux.LSM: "capability,selinux", host_linux.SELINUX: "0"}, PASS),
        ({}, SKIP),
    ],
)
def test_no_security_module_that_confines(system, files, verdict):
    system(files)
    assert [finding.verdict for finding in look("host.lsm")] == [verdict]


def test_with_a_root_this_machine_is_not_looked_at(tmp_path):
    diagnosis = diagnose(
        [], Options(root=tmp_path), [row for row in CHECKS if row.kinds == (HOST,)]
    )
    assert {finding.verdict for finding in diagnosis.findings} == {SKIP}


def look_at_image(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    rows = [row for row in CHECKS if row.name in ("host.ptrace", "host.lsm")]
    return diagnose([], Options(root=root), rows)


SCOPE = "kernel.yama.ptrace_scope"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"etc/sysctl.d/10-ptrace.conf": f"# x\n{SCOPE} = 2\n"}, "10-ptrace.conf:2"),
        ({"etc/sysctl.conf": "kernel/yama/ptrace_scope=3\n"}, "sysctl.conf:1"),
        ({"usr/lib/sysctl.d/50-a.conf": f"-{SCOPE}=2\n"}, "50-a.conf:1"),
        ({"etc/sysctl.d/10-ptrace.conf": f"{SCOPE} = 1\n"}, None),
        ({"etc/sysctl.d/10-ptrace.conf": f"#{SCOPE} = 2\n"}, None),
        (
            {"etc/sysctl.d/10-a.conf": f"{SCOPE}=2\n", "etc/sysctl.d/20-b.conf": f"{SCOPE}=1\n"},
            None,
        ),
        ({"usr/lib/sysctl.d/10-a.conf": f"{SCOPE}=2\n", "etc/sysctl.d/10-a.conf": "\n"}, None),
        ({"etc/hostname": "box\n"}, None),
    ],
)
def test_the_scope_that_a_system_boots_with_is_the_last_one_set(tmp_path, files, told):
    diagnosis = look_at_image(tmp_path, files)
    warned = [row for row in diagnosis.findings if row.verdict == WARNING]
    assert [f"{Path(row.file).name}:{row.line}" for row in warned] == ([told] if told else [])


@pytest.mark.parametrize(("value", "count"), [("enforcing", 1), ("permissive", 0)])
def test_selinux_of_another_system_is_a_note(tmp_path, value, count):
    text = f"# SELINUX=enforcing\nSELINUX={value}\nSELINUXTYPE=targeted\n"
    diagnosis = look_at_image(tmp_path, {"etc/selinux/config": text})
    assert sum(row.verdict == NOTE for row in diagnosis.findings) == count
