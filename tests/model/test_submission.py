from crashtool.formats.minidump.crashpad_info import AnnotationObject
from crashtool.model.submission import (
    Field,
    identify_by_url,
    override_fields,
    settle_fields,
    upload_fields,
)
from tests.synth.submission import CLIENT_ID, make_crashpad, make_module


def sent(crashpad):
    return {field.name: field.value for field in upload_fields(crashpad)}


def test_the_process_wins_over_modules_and_the_first_module_over_later_ones():
    modules = [
        make_module(0, simple=[("a", "simple 0"), ("b", "simple 0")], objects=[("b", b"object 0")]),
        make_module(1, simple=[("b", "simple 1"), ("c", "simple 1")], objects=[("c", b"object 1")]),
    ]
    fields = sent(make_crashpad([("a", "process")], modules))

    assert fields == {"a": "process", "b": "simple 0", "c": "simple 1", "guid": str(CLIENT_ID)}


def test_modules_count_in_the_order_of_the_module_list():
    modules = [make_module(5, simple=[("k", "later")]), make_module(2, simple=[("k", "first")])]

    assert sent(make_crashpad([], modules))["k"] == "first"


def test_simple_annotations_of_a_module_win_over_its_objects():
    modules = [make_module(0, simple=[("k", "simple")], objects=[("k", b"object")])]
    settled = settle_fields(make_crashpad([], modules))

    assert [field.value for field in settled.sent if field.name == "k"] == ["simple"]
    assert settled.dropped == (Field("k", "object", "module 0"),)


def test_only_string_objects_are_sent():
    numbers = AnnotationObject("number", 0x8001, b"\1\2\3\4")

    assert "number" not in sent(make_crashpad([], [make_module(0, objects=[numbers])]))


def test_the_client_id_takes_the_place_of_an_annotation_called_guid():
    settled = settle_fields(make_crashpad([("guid", "mine")]))

    assert settled.sent == (Field("guid", str(CLIENT_ID), "client id"),)
    assert settled.dropped == (Field("guid", "mine", "process"),)


def test_list_annotations_are_joined_and_win_their_name():
    modules = [make_module(0, lists=["one", "two"]), make_module(1, lists=["three"])]
    fields = sent(make_crashpad([("list_annotations", "mine")], modules))

    assert fields["list_annotations"] == "one\ntwo\nthree"


def test_without_list_annotations_the_name_is_free():
    assert sent(make_crashpad([("list_annotations", "mine")]))["list_annotations"] == "mine"


def test_backtraces_override_sets_the_client_id_and_is_not_sent_itself():
    fields = sent(make_crashpad([("_backtrace_internal_guid_override", "theirs")]))

    assert fields == {"guid": "theirs"}


def test_an_annotation_called_like_the_dump_is_dropped():
    settled = settle_fields(make_crashpad([("upload_file_minidump", "hijack")]))

    assert [field.name for field in settled.sent] == ["guid"]
    assert settled.dropped[0].value == "hijack"


def test_a_dump_without_crashpad_information_has_the_nil_client_id():
    assert sent(None) == {"guid": "00000000-0000-0000-0000-000000000000"}


def test_fields_are_in_the_order_of_their_bytes():
    names = [
        field.name for field in upload_fields(make_crashpad([("é", ""), ("z", ""), ("B", "")]))
    ]

    assert names == ["B", "guid", "z", "é"]


def test_bytes_that_are_not_utf_8_stay_what_they_are():
    crashpad = make_crashpad([], [make_module(0, objects=[("k", b"\xe9\xff")])])

    assert sent(crashpad)["k"].encode("utf-8", "surrogateescape") == b"\xe9\xff"


def test_the_users_own_fields_win_and_the_replaced_are_told():
    settled = override_fields(
        settle_fields(make_crashpad([("prod", "A")])), [Field("prod", "B", "--annotation")]
    )

    assert settled.sent[1] == Field("prod", "B", "--annotation")
    assert settled.dropped == (Field("prod", "A", "process"),)


def test_product_version_and_client_go_into_the_query():
    fields = upload_fields(make_crashpad([("ver", "1.0 b"), ("prod", "A&B=C/D~")]))

    assert identify_by_url("http://h/p", fields) == (
        f"http://h/p?product=A%26B%3DC%2FD~&version=1.0%20b&guid={CLIENT_ID}"
    )
    assert identify_by_url("http://h/p?x=1", fields[:1]) == f"http://h/p?x=1&guid={CLIENT_ID}"
