import pytest

from gateway.message.cookies import clear_cookie, cookie_values, set_cookie


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ([], []),
        ([b"a=1"], ["1"]),
        ([b"b=2; a=1; aa=3"], ["1"]),
        ([b"a=1; a=2", b"a=3"], ["1", "2", "3"]),
        ([b"a"], [""]),
        ([b"a=", b'a="q"'], ["", "q"]),
        ([b" a =1"], ["1"]),
        ([b"a=b=c"], ["b=c"]),
        ([b"a=\xff"], ["\ufffd"]),
        ([b"x=a=1; A=2"], []),
        ([b";;a=1;;"], ["1"]),
    ],
)
def test_every_value_of_a_cookie_is_found(fields, values):
    assert cookie_values(fields, "a") == values


def test_a_cookie_is_for_the_whole_site_and_no_script():
    name, value = set_cookie("a", "b", secure=True)

    assert name == "Set-Cookie"
    assert value == "a=b; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_what_a_cookie_can_say():
    _, value = set_cookie("a", "b", secure=False, max_age_s=5, domain="x.test", same_site="strict")

    assert value == "a=b; Path=/; HttpOnly; SameSite=Strict; Max-Age=5; Domain=x.test"


def test_a_cleared_cookie_is_gone_at_once():
    assert "Max-Age=0" in clear_cookie("a", secure=True)[1].split("; ")
