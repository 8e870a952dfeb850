"""Exception records in words: what each platform's codes, flags and parameters say, and no more."""

from __future__ import annotations

from crashtool.formats.minidump.reasons.reason import Reason

__all__ = ["Reason", "describe_reason"]


def describe_reason(
    platform: str,
    architecture: str,
    code: int,
    flags: int = 0,
    parameters: tuple[int, ...] = (),
    address: int = 0,
    *,
    si_code_is_known: bool = True,
) -> Reason:
    """What an exception record means.

    `platform` and `architecture` are SystemInfo's words, the rest the record's fields.
    `si_code_is_known` is False for writers that leave `flags` 0 on Linux.
    """
    if platform == "windows":
        from crashtool.formats.minidump.reasons import windows

        return windows.describe(architecture, code, parameters, address)
    if platform in ("macos", "ios"):
        from crashtool.formats.minidump.reasons import macos

        return macos.describe(architecture, code, flags, parameters, address)
    if platform in ("linux", "android"):
        from crashtool.formats.minidump.reasons import linux

        return linux.describe(architecture, code, flags, address, si_code_is_known=si_code_is_known)
    name = f"unknown 0x{code:08x} / 0x{flags:08x}"
    return Reason(name, f"Exception {code:#x} with flags {flags:#x}", address)
