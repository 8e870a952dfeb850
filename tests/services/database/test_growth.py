import pytest

from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata, WindowsReport
from crashtool.render.database import render_reports
from crashtool.services.database.changing import (
    choose_stale,
    delete_reports,
    get_report_for_uploading,
    record_upload_complete,
    request_upload,
)
from crashtool.services.database.locate_database import find_reports
from crashtool.services.sending.database_reports import walk_unsent
from tests.growth import grows_linearly
from tests.synth.database import (
    LAYOUTS,
    NOW,
    report_id,
    write_attachment,
    write_windows_database,
)


@pytest.fixture(params=LAYOUTS)
def make(request, tmp_path):
    """Writes a database of a layout with so many reports: a path."""

    def write(count, **settings):
        root = tmp_path / f"of-{count}"
        rows = [
            Metadata(NOW - i * 60, upload_attempts=i % 3, last_upload_attempt=(i % 3) * (NOW - i))
            for i in range(count)
        ]
        state = ("pending", "completed", "completed")
        if request.param == "windows":
            reports = [
                WindowsReport(report_id(i), f"{report_id(i)}.dmp", state[i % 3], row)
                for i, row in enumerate(rows)
            ]
            write_windows_database(root, reports, **settings)
        else:
            database = LAYOUTS[request.param](root, **settings)
            for i, row in enumerate(rows):
                database.put(i, state[i % 3], row)
        for i in range(0, count, 2):
            write_attachment(root, report_id(i), "log.txt", b"hello")
        return root

    return write


def test_a_database_is_read_and_listed_in_linear_time(make):
    def work(count):
        root = make(count)

        def list_reports():
            database = open_database(root, now=NOW)
            return render_reports(database, database.reports).text()

        return list_reports

    assert grows_linearly(work)


@pytest.mark.parametrize("agreed", [True, False])
def test_what_a_database_has_to_send_is_found_in_linear_time(make, agreed):
    def work(count):
        root = make(count, uploads_enabled=agreed)
        return lambda: list(walk_unsent(str(root), without_consent=False, note=print))

    assert grows_linearly(work)


def test_reports_are_held_and_marked_in_linear_time(make):
    def work(count):
        database = open_database(make(count))

        def mark_all():
            for report in database.reports:
                with get_report_for_uploading(database, report):
                    record_upload_complete(database, report, "0123456789ab")

        return mark_all

    assert grows_linearly(work)


def test_reports_are_deleted_in_linear_time(make):
    def work(count):
        database = open_database(make(count))

        def prune():
            stale = choose_stale(database, age=0, max_size=None, unsent=True, now=NOW + 1)
            delete_reports(database, stale)
            assert not open_database(database.path).reports

        return prune

    assert grows_linearly(work)


def test_reports_are_requested_again_by_their_uuids_in_linear_time(make):
    def work(count):
        database = open_database(make(count))

        def request_all():
            for report in find_reports(database, [str(report_id(i)) for i in range(count)]):
                request_upload(database, report)

        return request_all

    assert grows_linearly(work)
