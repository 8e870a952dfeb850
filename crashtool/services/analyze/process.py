"""What ran: its name, version, id and age."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.minidump.file import Minidump
from crashtool.model.crash import Annotation, Process
from crashtool.model.module import Module
from crashtool.services.analyze.module_map import UNNAMED

# In the order of trust: what Crashpad's documentation asks for, what programs use instead, and
# what Electron calls the version of the program (its `ver` is Electron's own).
VERSION_ANNOTATIONS = ("_version", "ver", "version")
SIMULATOR_LINKER = "dyld_sim"  # comes before the program in dumps of the iOS simulator
NO_VERSION = "0.0.0.0"  # noqa: S104 (a version, not an address)
MAX_ID = 11  # digits
MAX_UPTIME = 10 * 365 * 86400


def read_process(
    dump: Minidump, modules: Sequence[Module], annotations: Sequence[Annotation]
) -> Process:
    """The process, from the MiscInfo stream, the first module and the annotations."""
    misc = dump.misc
    created = misc.process_create_time if misc else None
    process = Process(
        id=_id(dump),
        name=_name(dump, modules),
        version=_version(modules, annotations),
        created=created or None,
        uptime=_uptime(created, dump.header.timestamp),
    )
    return _add_start(process, dump)


def _add_start(process: Process, dump: Minidump) -> Process:
    """The process with how it was started, if the dump holds the memory that says so."""
    system = dump.system
    if system is None or system.platform != "windows":
        return process
    from crashtool.formats.minidump.process_parameters import read_process_parameters

    parameters = read_process_parameters(dump.memory, (thread.teb for thread in dump.threads))
    if parameters is None:
        return process
    from crashtool.services.analyze.secrets import mask_secrets  # not in every dump

    return process._replace(
        command_line=_mask(mask_secrets, parameters.command_line),
        image_path=_mask(mask_secrets, parameters.image_path),
        current_directory=_mask(mask_secrets, parameters.current_directory),
        environment_count=parameters.environment_count,
    )


def _mask(mask: Callable[[str], str], text: str | None) -> str | None:
    return text and mask(text)


def _id(dump: Minidump) -> int | None:
    if dump.misc and dump.misc.process_id is not None:
        return dump.misc.process_id
    text = (dump.linux.proc_status or {}).get("Pid", "")  # Breakpad's dumps have no MiscInfo
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_ID else None


def _name(dump: Minidump, modules: Sequence[Module]) -> str | None:
    program = next((module for module in modules if module.name != SIMULATOR_LINKER), None)
    if program and program.name and program.name != UNNAMED:
        return program.name
    command = dump.linux.command_line
    if command:
        return base_name(command[0]) or None
    return None


def _version(modules: Sequence[Module], annotations: Sequence[Annotation]) -> str | None:
    if modules and modules[0].version not in (None, NO_VERSION):
        return modules[0].version
    left = {item.name: item.value for item in annotations if item.wins}
    return next((left[name] for name in VERSION_ANNOTATIONS if left.get(name)), None)


def _uptime(created: int | None, written: int) -> int | None:
    """Seconds from start to dump; None when the two clocks cannot both be right."""
    if not created or not 0 <= written - created <= MAX_UPTIME:
        return None
    return written - created
