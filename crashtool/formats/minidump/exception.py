"""The exception: what stopped the process, and in which thread."""

from __future__ import annotations

from crashtool.formats.minidump.dump_source import DumpSource, Location
from crashtool.formats.minidump.structs import ExceptionParameter, ExceptionStream
from crashtool.formats.named_tuple import NamedTuple

MAX_PARAMETERS = 15  # EXCEPTION_MAXIMUM_PARAMETERS (winnt.h)


class ExceptionRecord(NamedTuple):
    """One exception; what `code`, `flags` and `parameters` mean depends on the platform."""

    thread_id: int
    code: int
    flags: int
    record: int
    address: int
    parameters: tuple[int, ...]
    context: Location


def read_exception(source: DumpSource, location: Location) -> ExceptionRecord:
    """Exception, stream 6; MalformedFile when it is cut."""
    source.check_inside(ExceptionStream.SIZE, location, "Exception")
    stream = ExceptionStream.read(source.data, location.rva)
    count = stream.parameter_count
    if count > MAX_PARAMETERS:
        source.note(f"Exception: {count} parameters, where {MAX_PARAMETERS} fit", location.rva)
        count = MAX_PARAMETERS
    parameters = ExceptionParameter.read_array(stream.parameters, 0, count)
    return ExceptionRecord(
        thread_id=stream.thread_id,
        code=stream.code,
        flags=stream.flags,
        record=stream.record,
        address=stream.address,
        parameters=tuple(parameter.value for parameter in parameters),
        context=Location(stream.context_size, stream.context_rva),
    )
