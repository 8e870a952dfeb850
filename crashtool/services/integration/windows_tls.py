"""TLS for uploads from old Windows: which settings it takes, for which system and handler."""

from __future__ import annotations

from collections.abc import Mapping

from crashtool.formats.named_tuple import NamedTuple

UPDATE = "KB3140245"
"""Without this update WinHTTP does not read DefaultSecureProtocols, and the update does not set
it (support.microsoft.com/help/3140245).
"""

TLS_1_0, TLS_1_1, TLS_1_2 = 0x80, 0x200, 0x800  # WINHTTP_FLAG_SECURE_PROTOCOL_*, winhttp.h
PROTOCOLS = TLS_1_1 | TLS_1_2

WINHTTP = r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\WinHttp"
WINHTTP_32 = WINHTTP.replace("SOFTWARE", r"SOFTWARE\Wow6432Node")
SCHANNEL = (
    r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"
)

WINDOWS_7, SERVER_2012, WINDOWS_8_1 = (6, 1), (6, 2), (6, 3)
OLD_WINDOWS = {
    WINDOWS_7: "Windows 7 SP1 and Windows Server 2008 R2 SP1",
    SERVER_2012: "Windows Server 2012",
}
"""Version of the system -> its names, for those that the update is for."""

OWN_PROTOCOLS = ("backtrace", "backtrace-2018")
"""Kinds of handler that set TLS 1.0 to 1.2 themselves before Windows 8.1, since November 2019
(AddNewTLSOnWindows7, util/net/http_transport_win.cc): DefaultSecureProtocols does not reach them.
"""


class TlsSetting(NamedTuple):
    """A DWORD of the registry, the newest Windows that needs it, and why."""

    key: str
    name: str
    value: int
    newest: tuple[int, int]
    reason: str

    @property
    def is_schannel(self) -> bool:
        """Whether it switches a protocol on for all programs, those of OWN_PROTOCOLS too."""
        return self.key.startswith(SCHANNEL)


SETTINGS = (
    TlsSetting(
        WINHTTP,
        "DefaultSecureProtocols",
        PROTOCOLS,
        SERVER_2012,
        "WinHTTP in 64-bit programs, and in all programs of a 32-bit Windows",
    ),
    TlsSetting(
        WINHTTP_32,
        "DefaultSecureProtocols",
        PROTOCOLS,
        SERVER_2012,
        "WinHTTP in 32-bit programs on a 64-bit Windows",
    ),
    TlsSetting(
        SCHANNEL + r"\TLS 1.1\Client",
        "DisabledByDefault",
        0,
        WINDOWS_7,
        "TLS 1.1 in Schannel: Windows 7 and Server 2008 R2 do not offer it by themselves",
    ),
    TlsSetting(
        SCHANNEL + r"\TLS 1.2\Client",
        "DisabledByDefault",
        0,
        WINDOWS_7,
        "TLS 1.2 in Schannel: Windows 7 and Server 2008 R2 do not offer it by themselves",
    ),
)

STORY = f"""\
; TLS 1.1 and 1.2 for crash reports from Windows 7 SP1, Windows Server 2008 R2 SP1 and
; Windows Server 2012. Windows 8.1, Windows Server 2012 R2 and later need none of this.
;
; 1. Install the update {UPDATE} first. Without it WinHTTP does not read
;    DefaultSecureProtocols, and the update does not add it: this file does.
; 2. As an administrator: reg import winhttp-tls.reg
;    A 32-bit installer on a 64-bit Windows must call %SystemRoot%\\Sysnative\\reg.exe: the reg.exe
;    that it finds by itself writes to the 32-bit view alone.
; 3. Restart the computer.
;
; Which handlers it is for:
; - Chromium's and Sentry's crashpad_handler take WinHTTP's default protocols: all of it.
; - Backtrace's handlers, since November 2019, ask for TLS 1.0, 1.1 and 1.2 themselves before
;   Windows 8.1. For them DefaultSecureProtocols changes nothing; the Schannel keys count.
;   Whether they get far without the update is not known: install it for them, too.
;
; 0x{PROTOCOLS:x} is TLS 1.1 (0x{TLS_1_1:x}) and TLS 1.2 (0x{TLS_1_2:x}). All programs that take
; WinHTTP's default get it; for a server that only knows TLS 1.0 add 0x{TLS_1_0:x}:
; 0x{PROTOCOLS | TLS_1_0:x}. What Schannel has disabled stays disabled.
"""


def registry_text() -> str:
    """The .reg file with all settings, which says what to do before and after; ASCII alone."""
    sections = [
        f'; {setting.reason}\n[{setting.key}]\n"{setting.name}"=dword:{setting.value:08x}\n'
        for setting in SETTINGS
    ]
    return "\n".join(["Windows Registry Editor Version 5.00\n", STORY, *sections])


def needed_settings(
    version: tuple[int, int], kind: str, *, is_64bit: bool = True
) -> tuple[TlsSetting, ...]:
    """What a handler of this kind needs on this Windows; none from Windows 8.1 on.

    `kind` is a name of HANDLER_KINDS. Before Windows 7 there is no TLS 1.2 at all, and nothing
    that would help: that gives none, too.
    """
    if version < WINDOWS_7:
        return ()
    return tuple(
        setting
        for setting in SETTINGS
        if version <= setting.newest
        and (setting.is_schannel or kind not in OWN_PROTOCOLS)
        and (is_64bit or setting.key != WINHTTP_32)
    )


def is_set(setting: TlsSetting, registry: Mapping[tuple[str, str], int | str | bytes]) -> bool:
    """Whether a registry has a setting: TLS 1.2 is among the protocols, or is not disabled.

    `registry` is (key, name), both in lower case -> data, as `index_registry` gives it.
    """
    data = registry.get((setting.key.lower(), setting.name.lower()))
    if not isinstance(data, int):
        return False
    return data == 0 if setting.is_schannel else bool(data & TLS_1_2)
