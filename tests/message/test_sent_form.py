"""What of a form can be kept, so that it comes out the same again."""

from urllib.parse import urlencode

import pytest

from gateway.message.sent_form import SentForm, read_sent_form

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
OF_CHROMIUM = f"{MULTIPART}; boundary=----WebKitFormBoundaryAb12"


def multipart(*parts: str, boundary: str = "----WebKitFormBoundaryAb12") -> bytes:
    """Parts, each a head and a value, as a browser delimits them."""
    lines = [f"--{boundary}\r\n{part}\r\n" for part in parts]
    return f"{''.join(lines)}--{boundary}--\r\n".encode()


def part(name: str, value: str, more: str = "") -> str:
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}'


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (("a", "b"),),
        (("a", ""), ("a", "1"), ("b", "2"), ("a", "3")),
        (("text", 'one\r\ntwo & <three>="four" 100% + five'),),
        (("ünï", "日本 🦉"),),
        tuple((f"f{n}", str(n)) for n in range(1000)),
    ],
    ids=["none", "one", "repeated", "marks", "far from ASCII", "many"],
)
def test_fields_come_out_as_they_went_in(fields: tuple[tuple[str, str], ...]) -> None:
    body = urlencode(fields).encode()
    parts = multipart(*(part(*field) for field in fields))

    assert read_sent_form(URLENCODED, body) == SentForm(URLENCODED, fields)
    assert read_sent_form(f"{URLENCODED.upper()}; charset=UTF-8", body) is not None
    assert read_sent_form(OF_CHROMIUM, parts) == SentForm(MULTIPART, fields)


def test_files_are_known_by_name_and_not_kept() -> None:
    body = multipart(
        part("title", "Owls"),
        part("photo", "\x89PNG", '; filename="a %22b%22.png"\r\nContent-Type: image/png'),
        part("none", "", '; filename=""\r\nContent-Type: application/octet-stream'),
        part("a%22b%0D%0Ac", "x"),
    )

    form = read_sent_form(OF_CHROMIUM, body)

    assert form is not None
    assert form.fields == (("title", "Owls"), ('a"b\r\nc', "x"))
    assert form.files == (("photo", 'a "b".png'), ("none", ""))


GOOD = multipart(part("a", "b"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b"a=b"),
        ("text/plain", b"a=b"),
        ("application/json", b"{}"),
        (f"{URLENCODED}x", b"a=b"),
        # Of a page in another encoding than UTF-8, or of no browser.
        (URLENCODED, b"a=%E9"),
        (URLENCODED, b"a=\xc3\xa9"),
        (URLENCODED, b"a=%00"),
        (URLENCODED, b"%00=a"),
        (URLENCODED, b"=a"),
        (URLENCODED, b"&".join(b"a=b" for _ in range(1001))),
        (MULTIPART, GOOD),
        (f"{MULTIPART}; boundary=other", GOOD),
        (f"{OF_CHROMIUM}; boundary=other", GOOD),
        (OF_CHROMIUM, b""),
        (OF_CHROMIUM, b"preamble\r\n" + GOOD),
        (OF_CHROMIUM, GOOD[:-4]),
        (OF_CHROMIUM, GOOD.replace(b"Ab12\r\n", b"Ab12x\r\n")),
        (OF_CHROMIUM, GOOD.replace(b"\r\n\r\nb", b"\r\nb")),
        (OF_CHROMIUM, GOOD.replace(b"name=", b"nome=")),
        (OF_CHROMIUM, GOOD.replace(b"b\r\n", b"\xe9\r\n")),
        (OF_CHROMIUM, multipart(*[part("a", "b", '; filename="c"')] * 1001)),
    ],
)
def test_what_would_not_come_out_the_same_is_no_form(content_type: str, body: bytes) -> None:
    assert read_sent_form(content_type, body) is None
