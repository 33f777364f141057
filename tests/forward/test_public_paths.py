"""Places that an app names, as its clients know them."""

import random
from urllib.parse import urljoin, urlsplit

import pytest

from gateway.forward.public_paths import PublicPaths

ORIGIN = b"https://notes.example.com"
BELOW_BASE = PublicPaths(app=b"/base")


def place(paths, value, name=b"location"):
    return paths.field(name, value, ORIGIN)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"/base", b"/"),
        (b"/base/", b"/"),
        (b"/base/login?next=/base/x", b"/login?next=/base/x"),
        (b"/base?a", b"/?a"),
        (b"/base#a", b"/#a"),
        (b"https://notes.example.com/base/x", b"https://notes.example.com/x"),
        (b"https://notes.example.com", b"https://notes.example.com"),
        # Not below the app's path, relative, or foreign: as the app wrote it.
        (b"/bases/x", b"/bases/x"),
        (b"/other", b"/other"),
        (b"login", b"login"),
        (b"?a=/base/x", b"?a=/base/x"),
        (b"", b""),
        (b"//base/x", b"//base/x"),
        (b"https://id.example.com/base/x", b"https://id.example.com/base/x"),
        (b"https://notes.example.com.evil.example/base/x",) * 2,
        (b"https://notes.example.com:8443/base/x", b"https://notes.example.com:8443/base/x"),
        (b"https://notes.example.com@evil.example/base/x",) * 2,
        (b"https://notes.example.com\\@evil.example/base/x",) * 2,
        (b"com.example.notes:/base/x", b"com.example.notes:/base/x"),
    ],
)
def test_a_place_below_the_apps_path_is_told_as_clients_know_it(said, told):
    assert place(BELOW_BASE, said) == told
    assert place(BELOW_BASE, said, b"content-location") == told


@pytest.mark.parametrize(
    "said",
    [b"/base//evil.example", b"/base/\\evil.example", b"/base/\t/evil.example", b"/base//"],
)
def test_what_is_left_of_a_path_never_names_another_host(said):
    told = place(BELOW_BASE, said).decode().replace("\t", "").replace("\\", "/")

    assert urlsplit(urljoin("https://notes.example.com/", told)).netloc == "notes.example.com"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"0;url=/base/x", b"0;url=/x"),
        (b"5; URL = '/base/x'", b"5; URL = '/x'"),
        (b'0,"/base/x"', b'0,"/x"'),
        (b"0 /base/x", b"0 /x"),
        (b"5", b"5"),
        (b"", b""),
        (b"0;url=https://id.example.com/base/x", b"0;url=https://id.example.com/base/x"),
    ],
)
def test_the_place_in_refresh_is_told_as_clients_know_it(said, told):
    assert place(BELOW_BASE, said, b"refresh") == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"a=1", b"a=1"),
        (b"a=1; HttpOnly", b"a=1; HttpOnly"),
        (b"a=1; Path=/base; HttpOnly", b"a=1; Path=/; HttpOnly"),
        (b"a=1;path = /base/", b"a=1; Path=/"),
        (b"a=1; Path=/base/x", b"a=1; Path=/x"),
        (b"a=1; Path=/base/x; PATH=/base/y", b"a=1; Path=/x; Path=/y"),
        (b"a=1; Path=/", b"a=1; Path=/"),
        # Not where the app is, or no path at all: browsers take the page's folder.
        (b"a=1; Path=/bases", b"a=1; Path=/bases"),
        (b'a=1; Path="/base"', b'a=1; Path="/base"'),
        (b"a=1; Path", b"a=1; Path"),
        (b"a=/base; Path=", b"a=/base; Path="),
        (b"Path=/base", b"Path=/base"),
        (b"__Host-a=1; Secure; Path=/", b"__Host-a=1; Secure; Path=/"),
    ],
)
def test_a_cookies_path_is_told_as_clients_know_it(said, told):
    assert BELOW_BASE.cookie(said) == told


def test_a_cookie_for_a_folder_above_the_app_is_for_all_of_it():
    paths = PublicPaths(app=b"/apps/notes")

    assert paths.cookie(b"a=1; Path=/apps") == b"a=1; Path=/"
    assert paths.cookie(b"a=1; Path=/apps/") == b"a=1; Path=/"
    assert paths.cookie(b"a=1; Path=/app") == b"a=1; Path=/app"


def test_whatever_an_app_names_as_its_own_stays_on_the_clients_host():
    chance, pieces = random.Random(5), [b"/", b"\\", b"\t", b"base", b"a", b"..", b"?", b"#", b"@"]
    for _ in range(20_000):
        said = b"/base/" + b"".join(chance.choices(pieces, k=chance.randint(0, 6)))
        told = place(BELOW_BASE, said).decode().replace("\t", "").replace("\\", "/")
        assert urlsplit(urljoin("https://notes.example.com/", told)).netloc == "notes.example.com"


AT_ITS_OWN = PublicPaths(origins=["http://backend:3000", "https://[::1]", "http://notes"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"http://backend:3000", b"https://notes.example.com/"),
        (b"http://backend:3000/", b"https://notes.example.com/"),
        (b"http://backend:3000/a?b#c", b"https://notes.example.com/a?b#c"),
        (b"http://backend:3000?b", b"https://notes.example.com/?b"),
        (b"HTTP://Backend:3000/A", b"https://notes.example.com/A"),
        (b"https://[::1]/a", b"https://notes.example.com/a"),
        (b"https://[::1]:443/a", b"https://notes.example.com/a"),
        (b"http://notes:80/a", b"https://notes.example.com/a"),
        (b"http://backend:3000//evil.example/a", b"https://notes.example.com//evil.example/a"),
        # Another scheme, host or port, or not quite a URL of it.
        *[
            (other, other)
            for other in (
                b"https://backend:3000/a",
                b"http://backend/a",
                b"http://backend:30000/a",
                b"http://backend:3000.evil.example/a",
                b"http://backend:3000@evil.example/a",
                b"http://alice@backend:3000/a",
                b"http://backend:3000\\evil.example/a",
                b"http://backend:3000:80/a",
                b"http:/backend:3000/a",
                b"//backend:3000/a",
                b"/a",
                b"a",
                b"/?next=http://backend:3000/a",
                b"https://id.example.com/?return_to=http://backend:3000/a",
                b"http://bAckend.evil.example:3000/",
                b"https://[::1]:4430/a",
            )
        ],
    ],
)
def test_a_redirect_to_the_apps_own_address_leads_to_the_public_one(said, told):
    assert place(AT_ITS_OWN, said) == told
    assert place(AT_ITS_OWN, b"3; url=" + said, b"refresh") == b"3; url=" + told


def test_at_its_own_address_an_app_below_a_path_is_known_too():
    paths = PublicPaths(app=b"/base", origins=["http://backend:3000"])

    assert place(paths, b"http://backend:3000/base/x") == b"https://notes.example.com/x"
    assert place(paths, b"http://backend:3000/other") == b"https://notes.example.com/other"
    assert place(paths, b"/base/x") == b"/x"


def test_what_has_nowhere_to_be_turned_to_is_as_the_app_wrote_it():
    paths = PublicPaths(app=b"/base", redirects=False)

    assert not paths.names
    assert paths.cookie(b"a=1; Path=/base") == b"a=1; Path=/"
    assert AT_ITS_OWN.cookie(b"a=1; Path=/base") == b"a=1; Path=/base"


STRIPPED = PublicPaths(public=b"/notes", origins=["http://backend:3000"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"/", b"/notes/"),
        (b"/login?a=/b", b"/notes/login?a=/b"),
        (b"http://backend:3000/login", b"https://notes.example.com/notes/login"),
        (b"https://notes.example.com/login", b"https://notes.example.com/notes/login"),
        # An app that knows its prefix.
        (b"/notes", b"/notes"),
        (b"/notes/login", b"/notes/login"),
        (b"https://notes.example.com/notes/login",) * 2,
        (b"/notesx", b"/notes/notesx"),
        (b"login", b"login"),
        (b"//evil.example/", b"//evil.example/"),
        (b"https://id.example.com/x", b"https://id.example.com/x"),
    ],
)
def test_a_stripped_prefix_is_put_back(said, told):
    assert place(STRIPPED, said) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"a=1; Path=/", b"a=1; Path=/notes"),
        (b"a=1; Path=/x", b"a=1; Path=/notes/x"),
        (b"a=1; Path=/notes", b"a=1; Path=/notes"),
        (b"a=1; Path=/notes/x", b"a=1; Path=/notes/x"),
        (b"a=1", b"a=1"),
        # Browsers would refuse it with another path.
        (b"__Host-a=1; Secure; Path=/",) * 2,
        (b"__HOST-a=1; Secure; Path=/",) * 2,
        (b"__Secure-a=1; Secure; Path=/", b"__Secure-a=1; Secure; Path=/notes"),
    ],
)
def test_a_stripped_prefix_is_put_back_in_cookies(said, told):
    assert STRIPPED.cookie(said) == told


def test_what_was_added_is_taken_off_and_what_was_stripped_put_back():
    paths = PublicPaths(app=b"/base/x", public=b"/notes")

    assert place(paths, b"/base/x/y") == b"/notes/y"
    assert place(paths, b"/base/x") == b"/notes"
    assert place(paths, b"/base/y") == b"/base/y"
    assert place(paths, b"/notes/y") == b"/notes/y"
    assert paths.cookie(b"a=1; Path=/") == b"a=1; Path=/notes"
    assert paths.cookie(b"a=1; Path=/base") == b"a=1; Path=/notes"
    assert paths.cookie(b"a=1; Path=/base/x/y") == b"a=1; Path=/notes/y"
