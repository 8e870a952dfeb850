"""Databases that were changed here, in the hands of the real handler for Windows, under Wine."""

import pytest

from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.services.database.changing import (
    delete_reports,
    get_report_for_uploading,
    record_upload_complete,
    request_upload,
)
from tests.services.receiver.conftest import wait_until
from tests.synth.database import CLIENT, NOW, WindowsDatabase, report_id
from tests.synth.minidump import MinidumpBuilder
from tests.wine import eager_receiver, wine

__all__ = ["wine"]
pytestmark = [pytest.mark.xdist_group("wine"), pytest.mark.toolchain]


def dump(number):
    return MinidumpBuilder().add_system().add_misc(process_id=number).pack()


def states(root):
    return {
        int(str(row.uuid)[-2:], 16): (row.state, row.uploaded, row.upload_attempts, row.id)
        for row in open_database(root).reports
    }


def test_a_real_windows_handler_goes_on_with_a_database_that_was_changed_here(tmp_path, wine):
    if wine is None:
        pytest.skip("needs wine")
    made = WindowsDatabase(tmp_path / "db", uploads_enabled=False)
    failed = Metadata(NOW, upload_attempts=1, last_upload_attempt=NOW)
    made.put(1, "completed", failed, dump(1), log=b"attached")
    made.put(2, "completed", Metadata(NOW), dump(2))
    made.put(3, "pending", Metadata(NOW), dump(3))
    made.put(4, "pending", Metadata(NOW), dump(4))
    made.put(5, "completed", Metadata(NOW, True, 1, NOW, False, b"long ago"), dump(5))
    database = open_database(made.root)
    reports = {int(str(row.uuid)[-2:], 16): row for row in database.reports}
    request_upload(database, reports[1])
    with get_report_for_uploading(database, reports[4]):
        record_upload_complete(database, reports[4], "sent from here")
    delete_reports(database, [reports[2]])

    with eager_receiver() as (url, asked), wine.handler(made.root, "database", f"--url={url}"):
        wait_until(lambda: states(made.root)[1][1] and states(made.root)[3][0] == "completed", 120)

    assert states(made.root) == {
        1: ("completed", True, 2, '{"response":"ok","_rxid":"w1"}'),
        3: ("completed", False, 0, ""),  # retired: there is no consent
        4: ("completed", True, 1, "sent from here"),
        5: ("completed", True, 1, "long ago"),
    }
    assert len(asked) == 1
    after = open_database(made.root)
    assert after.settings.client_id == CLIENT
    assert not after.settings.uploads_enabled
    assert after.problems == ()
    assert not (made.root / "reports" / f"{report_id(2)}.dmp").exists()
