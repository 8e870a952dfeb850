"""annotate --into on every real dump: its bytes, and what inspect, a server and handlers read.

Each dump is taken with its CrashpadInfo stream and without it. The fast tests take a sample, the
slow ones all of them.
"""

import json
from collections import Counter

import pytest

from crashtool.formats.crashpad.metadata import Metadata
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.streams import CRASHPAD_INFO
from crashtool.services.sending.refusal import find_refusal
from tests.conftest import SHARED
from tests.formats.crashpad.test_real_handlers import HANDLERS, watching
from tests.formats.minidump.test_graft import check_kept, list_dumps, walk_forms
from tests.services.receiver.conftest import wait_until
from tests.synth.database import NOW, GenericDatabase, report_id

NEW = {"prod": "Gäme 2", "note": "", "crashtool.ticket": "4711"}
GIVEN = [f"{key}={value}" for key, value in NEW.items()]
CHANGED = {"annotations", "crashpad_info", "path", "size", "streams"}
NIL = "00000000-0000-0000-0000-000000000000"  # of a stream that nobody's client made
SAMPLE = 23  # one dump in so many

amounts = pytest.mark.parametrize(
    "step", [pytest.param(SAMPLE, id="sample"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)


class Form:
    """A dump in one of its forms, as a file, and the annotated one beside it."""

    def __init__(self, folder, number, source, data):
        self.source = source
        self.path = folder / f"in-{number}.dmp"
        self.path.write_bytes(data)
        self.output = folder / f"out-{number}.dmp"
        self.had_stream = Minidump(data).find_place(CRASHPAD_INFO) is not None


@pytest.fixture
def forms(step, tmp_path):
    """The forms of the dumps."""
    dumps = [path for root in ("corpus", "truth") for path in list_dumps(root)]
    if not dumps:
        pytest.skip(f"needs corpus/ and truth/ (CRASHTOOL_SHARED; looked in {SHARED.name}/)")
    made = [(path, data) for path in dumps[::step] for data in walk_forms(path.read_bytes())]
    return [Form(tmp_path, number, *row) for number, row in enumerate(made)]


def annotate(crashtool, forms):
    """Those that were written; the others are refused by name, and nothing is written."""
    written = []
    for form in forms:
        result = crashtool("annotate", *GIVEN, "--into", form.path, "--output", form.output)
        if result.exit_code == 0:
            written.append(form)
            continue
        assert result.exit_code == 3, (form.source, result.exception)
        assert "cut short or damaged" in result.stderr, form.source
        assert not form.output.exists(), form.source
    assert len(written) >= 0.97 * len(forms)
    return written


@amounts
def test_all_other_bytes_stay_and_a_second_time_nothing_is_written(crashtool, forms, step):
    kinds = Counter()
    for form in annotate(crashtool, forms):
        data = form.path.read_bytes()
        check_kept(data, form.output.read_bytes(), most=8 if form.had_stream else 32)
        before = form.output.stat()
        again = crashtool("annotate", *GIVEN, "--into", form.output, "--output", form.output)
        after = form.output.stat()
        assert again.exit_code == 0
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        kinds["with a stream" if form.had_stream else "without"] += 1
    assert len(kinds) == 2
    print(f"\n{len({form.source for form in forms})} dumps: {dict(kinds)}")


@amounts
def test_inspect_reads_them_back_and_all_else_as_before(crashtool, forms, step):
    for form in annotate(crashtool, forms):
        before = read_page(crashtool, form.path)
        after = read_page(crashtool, form.output)
        assert after.keys() == before.keys()
        same = before.keys() - CHANGED
        assert {key: after[key] for key in same} == {key: before[key] for key in same}, form.source
        process = {row["name"]: row["value"] for row in annotations(after, "process")}
        assert (
            process == {row["name"]: row["value"] for row in annotations(before, "process")} | NEW
        ), form.source
        made = after["crashpad_info"]
        if before["crashpad_info"]:
            assert made == before["crashpad_info"], form.source
        else:
            assert (made["report_id"], made["client_id"]) == (NIL, NIL), form.source
        assert annotations(after, "module") == annotations(before, "module"), form.source


def read_page(crashtool, path):
    result = crashtool("inspect", "--json", path)
    assert result.exit_code in (0, 3), (path, result.exception)
    return json.loads(result.stdout)


def annotations(document, kind):
    """Those of the process, or all others; which of them wins in an upload is not compared."""
    return [
        {key: row[key] for key in ("name", "value", "kind", "module") if key in row}
        for row in document["annotations"]
        if (row["kind"] == "process") == (kind == "process")
    ]


@amounts
def test_they_arrive_as_fields_when_the_dumps_are_sent(crashtool, forms, step, tmp_path):
    pytest.importorskip("starlette")
    from crashtool.services.receiver.app import start_receiver

    written = annotate(crashtool, forms)
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url()
        paths = [form.output for form in written]
        result = crashtool("send-dump", "--again", "--jobs", 4, "--url", url, *paths)
        reports = receiver.inbox.reports()
        arrived = {report.minidump.read_bytes(): report.fields for report in reports}
    assert result.exit_code == 0, result.stderr
    assert len(reports) == len(written)
    for form in written:
        fields = arrived[form.output.read_bytes()]
        assert {key: fields[key] for key in NEW} == NEW, form.source


@amounts
@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_real_handler_reads_them_unless_it_refuses_the_dump(
    crashtool, forms, step, tmp_path, handler, kind
):
    from crashtool.services.receiver.app import start_receiver

    database = GenericDatabase(tmp_path / "db")
    written = {
        f"{report_id(number)}.dmp": form
        for number, form in enumerate(annotate(crashtool, forms), start=1)
    }
    for number, form in enumerate(written.values(), start=1):
        database.add(number, "pending", Metadata(NOW), form.output.read_bytes())
    with start_receiver(tmp_path / "inbox") as receiver:
        with watching(handler, database.root, receiver.submission_url(), "--no-rate-limit"):
            wait_until(lambda: receiver.inbox.count() == len(written), 30 + len(written))
        reports = receiver.inbox.reports()
    outcomes = Counter()
    for report in reports:
        form = written.pop(report.files[0].filename)
        with Minidump.open(form.output) as dump:
            refusal = find_refusal(dump)
        found = {key: report.fields[key] for key in NEW if key in report.fields}
        assert found == ({} if refusal else NEW), (form.source, refusal, kind)
        outcomes[refusal or "read"] += 1
    assert not written
    assert outcomes["read"] > 0.5 * outcomes.total()
    print(f"\n{kind}: {outcomes.most_common()}")
