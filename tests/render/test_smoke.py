from crashtool.model.smoke import SmokeCheck, SmokeResult
from crashtool.render.smoke import render_smoke, smoke_document

FAILED = SmokeResult(
    (
        SmokeCheck("handler found", True, "here"),
        SmokeCheck("crash seen", False, "none", "look there"),
    ),
    handler="/handler",
    log=("it said\x1b[31m this",),
    seconds=0.5,
)


def test_a_failed_check_shows_its_hint_and_the_log():
    assert render_smoke(FAILED).text() == (
        "PASS  handler found  here\n"
        "FAIL  crash seen     none\n"
        "      look there\n"
        "\n"
        "The handler said\n"
        "  it said\\x1b[31m this\n"
        "\n"
        "FAIL: 1 of 2 checks failed in 0.50 s\n"
    )


def test_success_is_one_line_more():
    result = FAILED._replace(checks=FAILED.checks[:1])

    assert (
        render_smoke(result).text()
        == "PASS  handler found  here\n\nPASS: 1 of 1 checks in 0.50 s\n"
    )


def test_the_document_names_what_failed():
    document = smoke_document(FAILED)

    assert document["passed"] is False
    assert document["checks"][1] == {
        "name": "crash seen",
        "passed": False,
        "detail": "none",
        "hint": "look there",
    }
