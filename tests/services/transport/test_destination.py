import pytest

from crashtool.errors import BadUrl
from crashtool.services.sending.report_url import find_report_url
from crashtool.services.symbol_upload.symbol_url import find_destination

TOKEN = "5c" * 32
NOTHING = {"universe": None, "host": None, "token": None}


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "https://[::1",
        "ftp://example.com",
        f"https://user:word@submit.backtrace.io/acme/{TOKEN}/",
        f"https://submit.backtrace.io/<universe>/{TOKEN}/",
        f"https://submit.backtrace.io:99999/acme/{TOKEN}/",
    ],
)
def test_a_bad_url_is_refused_by_the_same_rule_for_reports_and_for_symbols(url):
    with pytest.raises(BadUrl) as reports:
        find_report_url(url + "minidump", warn=print, **NOTHING)
    with pytest.raises(BadUrl) as symbols:
        find_destination(url + "symbols", **NOTHING)
    assert reports.value.what.partition("(")[2] == symbols.value.what.partition("(")[2]
