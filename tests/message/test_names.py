"""No spelling of a field that apps believe gets through as the client sent it."""

from pathlib import Path

import pytest

from gateway.message.fields import fold
from gateway.message.names import CONNECTION_NAMES, is_identity_name, may_be_kept

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
    b"Script-Name",
    b"Path-Info",
    b"Daphne-Root-Path",
    b"Gatepost-Assertion",
    b"Gatepost-Whatever",
]
# What other proxies and gateways say, which an upstream may ask for.
OTHERS = [
    b"X-Original-Method",
    b"X-Original-Host",
    b"X-Original-To",
    b"X-Original-Forwarded-For",
    b"X-Rewrite-URI",
    b"X-Envoy-Original-Path",
    b"X-Host",
    b"X-HTTP-Host-Override",
    b"Front-End-Https",
    b"X-Scheme",
    b"X-Url-Scheme",
    b"X-Script-Name",
    b"Fly-Client-IP",
    b"DO-Connecting-IP",
    b"Proxy-Client-IP",
    b"WL-Proxy-Client-IP",
    b"X-ProxyUser-Ip",
    b"X-Azure-ClientIP",
    b"X-AppEngine-User-IP",
    b"CF-Connecting-IP",
    b"Fastly-Client-IP",
    b"X-Originating-IP",
    b"X-Real-IP",
    b"X-Cluster-Client-IP",
    b"X-Authentik-Username",
    b"X-Authelia-Anything",
    b"Cf-Access-Jwt-Assertion",
    b"Cf-Access-Authenticated-User-Email",
    b"X-Pomerium-Jwt-Assertion",
    b"Tailscale-User-Login",
    b"X-Goog-Authenticated-User-Email",
    b"X-Amzn-Oidc-Data",
    b"X-Ms-Client-Principal",
    b"X-Ms-Client-Principal-Id",
    b"X-Vouch-User",
    b"X-Consumer-Username",
    b"X-Credential-Identifier",
    b"X-Proxy-User",
    b"X-Proxy-Roles",
    b"OIDC-Claim-sub",
    b"X-AppEngine-User-Email",
    b"X-AppEngine-User-Is-Admin",
    b"X-Envoy-Original-Dst-Host",
    b"X-Envoy-Internal",
    b"Dapr-App-Id",
    b"L5d-Dst-Override",
    b"Impersonate-User",
    b"Impersonate-Extra-Scopes",
    b"SSL-Client-Cert",
    b"X-SSL-Client-S-DN",
    b"X-SSL-Cert",
    b"X-Client-Cert",
    b"X-Client-DN",
    b"X-Client-Verify",
    b"X-ARR-ClientCert",
    b"X-Amzn-Mtls-Clientcert",
    b"MS-ASPNETCORE-CLIENTCERT",
    b"Proxy-Auth-Cert",
    b"WL-Proxy-Client-Cert",
    b"$WSRU",
    b"Forwarded-For",
    b"X-Middleware-Subrequest",
    b"X-Sendfile-Type",
    b"X-Accel-Mapping",
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


@pytest.mark.parametrize("name", SPOOFED + OTHERS)
def test_no_spelling_of_an_identity_field_passes(name):
    assert all(is_identity_name(fold(spelling)) for spelling in spellings(name))


@pytest.mark.parametrize("name", OTHERS)
def test_an_upstream_may_ask_for_what_other_proxies_say(name):
    assert may_be_kept(fold(name))


@pytest.mark.parametrize(
    "name",
    [
        b"Remote-User", b"X-Remote-User", b"X-Auth-User", b"X-Forwarded-For", b"X-Forwarded-User",
        b"Forwarded", b"Gatepost-Assertion", b"X-HTTP-Method-Override", b"Proxy", b"Cookie",
        b"Script-Name", b"Path-Info", b"Daphne-Root-Path",
        b"Host", b"X-Request-Id", b"Accept",
    ],
)  # fmt: skip
def test_what_the_gateway_says_itself_is_never_anothers_to_say(name):
    assert not may_be_kept(fold(name))


@pytest.mark.parametrize("name", HARMLESS)
def test_other_fields_pass(name):
    assert not any(is_identity_name(fold(spelling)) for spelling in spellings(name))
    assert fold(name) not in CONNECTION_NAMES


# What the published lists of bypasses hold besides, and why it may pass.
PASSING = {
    b"content-type": "about the body",
    b"origin": "judged by the gateway, and by apps",
    b"proxy-host": "no framework reads it unless told to",
    b"proxy-url": "no framework reads it unless told to",
    b"real-ip": "no framework reads it unless told to",
    b"referer": "the browser's word, never identity",
    b"referrer": "the browser's word, never identity",
    b"request-uri": "a CGI variable, but as HTTP_REQUEST_URI it is not read",
    b"x-custom-ip-authorization": "no framework reads it unless told to",
    b"x-http-destinationurl": "no framework reads it unless told to",
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
