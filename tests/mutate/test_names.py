"""No spelling of a field that apps believe gets through as the client sent it."""

from pathlib import Path

import pytest

from gateway.message.fields import fold
from gateway.mutate.names import CONNECTION_NAMES, is_identity_name

LISTS = Path(__file__).parents[3] / "shared" / "data" / "lists"

SPOOFED = [
    b"Remote-User",
    b"Remote-Groups",
    b"X-Remote-User",
    b"X-Auth-Request-User",
    b"X-Auth-Anything",
    b"X-Authenticated-Userid",
    b"X-WebAuth-User",
    b"X-Forwarded-User",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Forwarded-Prefix",
    b"X-Forwarded",
    b"Forwarded",
    b"X-Original-URL",
    b"X-Original-URI",
    b"X-Rewrite-URL",
    b"X-Override-URL",
    b"X-HTTP-Method",
    b"X-HTTP-Method-Override",
    b"X-Method-Override",
    b"X-Real-IP",
    b"X-Client-IP",
    b"True-Client-IP",
    b"Client-IP",
    b"Proxy",
    b"Gatepost-Assertion",
    b"Gatepost-Whatever",
]
HARMLESS = [b"User", b"Accept", b"X-Custom", b"Remote", b"Originator", b"X-Requested-With", b"Via"]


def spellings(name):
    return {
        name,
        name.lower(),
        name.upper(),
        name.swapcase(),
        name.replace(b"-", b"_"),
        name.replace(b"-", b"_", 1),
        name.lower().replace(b"-", b"_"),
        name[::-1].replace(b"-", b"_", 1)[::-1],
    }


@pytest.mark.parametrize("name", SPOOFED)
def test_no_spelling_of_an_identity_field_passes(name):
    assert all(is_identity_name(fold(spelling)) for spelling in spellings(name))


@pytest.mark.parametrize("name", HARMLESS)
def test_other_fields_pass(name):
    assert not any(is_identity_name(fold(spelling)) for spelling in spellings(name))
    assert fold(name) not in CONNECTION_NAMES


# What the published lists of bypasses hold besides, and why it may pass.
PASSING = {
    b"cf-connecting-ip": "one CDN's; an app that believes it does so on purpose",
    b"content-type": "about the body",
    b"origin": "judged by the gateway, and by apps",
    b"proxy-host": "no framework reads it unless told to",
    b"proxy-url": "no framework reads it unless told to",
    b"real-ip": "no framework reads it unless told to",
    b"referer": "the browser's word, never identity",
    b"referrer": "the browser's word, never identity",
    b"request-uri": "a CGI variable, but as HTTP_REQUEST_URI it is not read",
    b"x-custom-ip-authorization": "no framework reads it unless told to",
    b"x-host": "no framework reads it unless told to",
    b"x-http-destinationurl": "no framework reads it unless told to",
    b"x-http-host-override": "no framework reads it unless told to",
    b"x-original-remote-addr": "no framework reads it unless told to",
    b"x-originating-ip": "no framework reads it unless told to",
    b"x-proxy-url": "no framework reads it unless told to",
    b"x-referrer": "no framework reads it unless told to",
    b"x-true-ip": "no framework reads it unless told to",
    b"x-wap-profile": "no framework reads it unless told to",
}


@pytest.mark.parametrize("name", ["nomore403_headers.txt", "nomore403_simpleheaders.txt"])
def test_of_the_published_lists_only_what_is_known_passes(name):
    path = LISTS / name
    if not path.exists():
        pytest.skip("the published lists are not beside the repository")
    listed = {fold(line.split()[0].encode()) for line in path.read_text().splitlines() if line}

    passing = {n for n in listed if not is_identity_name(n) and n not in CONNECTION_NAMES}

    assert passing - PASSING.keys() == set()
