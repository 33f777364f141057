import pytest

from gateway.message.fields import Fields, fold


@pytest.mark.parametrize(
    "name",
    [
        b"X-Remote-User",
        b"x_remote_user",
        b"X_REMOTE-user",
        *(b"X%cRemote%cUser" % (mark, mark) for mark in b"!#$%&'*+-.^_`|~"),
    ],
)
def test_every_spelling_folds_to_one(name):
    assert fold(name) == b"x-remote-user"


def test_letters_and_digits_stay_apart():
    assert fold(b"Azaz09") == b"azaz09"
    assert len({fold(b"%c" % n) for n in b"abcdefghijklmnopqrstuvwxyz0123456789-"}) == 37


def test_fields_are_found_by_lower_case_names_in_order():
    fields = Fields([(b"A", b"1"), (b"b", b""), (b"a", b"2")])

    assert fields.all(b"a") == [b"1", b"2"]
    assert fields.all(b"c") == []
    assert (fields.has(b"b"), fields.has(b"c")) == (True, False)


@pytest.mark.parametrize(
    ("values", "only", "text"),
    [([], None, ""), ([b"x"], b"x", "x"), ([b"x", b"x"], None, ""), ([b"\xff"], b"\xff", "\ufffd")],
)
def test_the_only_value_is_no_value_where_there_are_two(values, only, text):
    fields = Fields([(b"N", value) for value in values])

    assert fields.only(b"n") == only
    assert fields.text(b"n") == text


@pytest.mark.parametrize(
    ("values", "tokens"),
    [
        ([], set()),
        ([b""], set()),
        ([b",,"], set()),
        ([b"Close"], {b"close"}),
        ([b"a ,\tB", b"c"], {b"a", b"b", b"c"}),
    ],
)
def test_tokens_are_those_of_all_the_fields(values, tokens):
    assert Fields([(b"Connection", value) for value in values]).tokens(b"connection") == tokens
