"""Which credentials are the gateway's, in whatever spelling, and which are for the app."""

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from gateway.authn import AUTHENTICATORS
from gateway.authn.foreign import Foreign
from tests.builders import make_request

ISSUER = "https://id.example.com"
GUARDED = (b"authorization", b"x-api-key", b"x-gear-key")


def segment(value):
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def jwt(issuer=None, **claims):
    payload = claims if issuer is None else {"iss": issuer, **claims}
    return b".".join((segment({"alg": "RS256"}), segment(payload), b"c2ln"))


def basic(text):
    return b"Basic " + b64encode(text)


OURS, THEIRS, NOBODYS = jwt(ISSUER), jwt("https://app.example.com"), jwt(sub="ann")
FOREIGN = [
    (b"Authorization", b"Bearer app-token"),
    (b"Authorization", b"Bearer " + THEIRS),
    (b"Authorization", b"Bearer " + NOBODYS),
    (b"Authorization", b"Bearer e30.e30"),
    (b"Authorization", b"Bearer eyJ.!.x"),
    (b"Authorization", b"Bearer " + jwt(ISSUER + "/")),
    (b"Authorization", b"Bearer " + jwt(1)),
    (b"Authorization", b"Bearer " + b".".join((segment({}), segment([ISSUER]), b"c2ln"))),
    (b"Authorization", basic(b"ann:secret")),
    (b"Authorization", basic(b"ann:" + THEIRS)),
    (b"Authorization", b"Token app-token"),
    (b"Authorization", b"AWS4-HMAC-SHA256 Credential=a/b, Signature=c"),
    (b"Authorization", b"Negotiate"),
    (b"Authorization", b"\xff\xfe \xff"),
    (b"X-API-Key", b"app-key"),
    (b"X-Gear-Key", b"app-key"),
]
OWN = [
    # gp_-shaped, wherever a key may stand, good or bad.
    (b"Authorization", b"Bearer gp_x"),
    (b"Authorization", b"Bearer gp_at_x"),
    (b"Authorization", b"bearer \t gp_x"),
    (b"Authorization", b"Token gp_x"),
    (b"Authorization", b"gp_x"),
    (b"Authorization", basic(b"x:gp_x")),
    (b"Authorization", basic(b"gp_x:")),
    (b"Authorization", basic(b"x:gp_x").rstrip(b"=") + b"!"),
    (b"X-API-Key", b"gp_x"),
    (b"X-API-Key", b"Bearer gp_x"),
    (b"X-Gear-Key", b"gp_x"),
    # A JWT that names one of our issuers, however an app may come to read it.
    (b"Authorization", b"Bearer " + OURS),
    (b"Authorization", b"bearer\t" + OURS),
    (b"Authorization", b"Bearer  " + OURS + b"="),
    (b"Authorization", b"Bearer " + OURS + b".x"),
    (b"Authorization", b"Bearer " + OURS[:-4]),
    (b"Authorization", b"Bearer " + OURS.rpartition(b".")[0]),
    (b"Authorization", b'Bearer "' + OURS + b'"'),
    (b"Authorization", b"Bearer x, " + OURS),
    (b"Authorization", b'Token token="' + OURS + b'"'),
    (b"Authorization", OURS),
    (b"Authorization", basic(b"x:" + OURS)),
    (b"Authorization", basic(OURS + b":")),
    (b"X-API-Key", OURS),
    (b"X-Gear-Key", b"Bearer " + OURS),
    # Nothing is no credential.
    (b"Authorization", b""),
    (b"X-API-Key", b" "),
]


def own_part(foreign, *fields):
    """The fields left for the gateway to judge; None where nothing is foreign."""
    found = foreign.own_part(make_request(fields=fields), GUARDED)
    return None if found is None else found.fields.items


@pytest.mark.parametrize("field", FOREIGN)
def test_what_is_not_the_gateways_is_for_the_app(field):
    assert own_part(Foreign((), [ISSUER]), field) == ()


@pytest.mark.parametrize("field", OWN)
def test_what_may_be_the_gateways_is_not(field):
    assert own_part(Foreign((), [ISSUER]), field) is None


@pytest.mark.parametrize(
    ("value", "may_be_the_issuers"),
    [
        (b"Bearer opaque", True),
        (b"bearer\topaque", True),
        (b"opaque", True),
        (b"Bearer a.b.c", True),
        # Encrypted: only its issuer can read it (RFC 7516, section 7.1).
        (b"Bearer eyJ.a.b.c.d", True),
        (b'Bearer "' + THEIRS + b'"', True),
        (b"Bearer " + THEIRS, False),
        (b"Bearer " + NOBODYS, False),
        (basic(b"ann:secret"), False),
        (b"Token opaque", False),
    ],
)
def test_with_introspection_what_only_its_issuer_can_read_is_not_foreign(value, may_be_the_issuers):
    field = (b"Authorization", value)
    asked = own_part(Foreign((), [ISSUER], introspects=True), field)

    assert (asked is None) is may_be_the_issuers
    assert own_part(Foreign((), [ISSUER]), field) == ()


def test_introspection_is_not_asked_about_keys():
    assert own_part(Foreign((), [ISSUER], introspects=True), (b"X-API-Key", b"opaque")) == ()


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ([], None),
        ([(b"Accept", b"*/*")], None),
        # Only where a credential is stated: another field is no reason to go on without identity.
        ([(b"X-App-Key", b"app-key")], None),
        ([(b"X_API_Key", b"app-key")], None),
        (
            [(b"authorization", b"Bearer a"), (b"X-API-Key", b"gp_x"), (b"Accept", b"*/*")],
            ((b"X-API-Key", b"gp_x"), (b"Accept", b"*/*")),
        ),
        (
            [(b"Authorization", b"Bearer gp_x"), (b"X-API-Key", b"a")],
            ((b"Authorization", b"Bearer gp_x"),),
        ),
        ([(b"Authorization", b"Bearer a"), (b"X-API-Key", b"a")], ()),
        ([(b"Authorization", b"Bearer a"), (b"AUTHORIZATION", b"Bearer a")], None),
        ([(b"Authorization", b"Bearer a"), (b"X-API-Key", b"a"), (b"x-api-key", b"a")], None),
        # What does not reach the app is not there for it to judge.
        ([(b"Authorization", b"Bearer a"), (b"Connection", b"close, Authorization")], None),
        ([(b"X-API-Key", b"a"), (b"Connection", b"X_Api_Key")], None),
        ([(b"X-Lost", b"a")], None),
    ],
)
def test_what_is_left_for_the_gateway(fields, own):
    foreign = Foreign((), [ISSUER], lost=[b"X-Lost"])
    found = foreign.own_part(make_request(fields=fields), (*GUARDED, b"x-lost"))

    assert (None if found is None else found.fields.items) == own


def test_all_else_of_the_request_is_the_same():
    request = make_request(fields=[(b"Authorization", b"a b")], cookie="gatepost=x")
    own = Foreign((), ()).own_part(request, GUARDED)

    assert own.cookies("gatepost") == ("x",)
    told = {name for name in dir(request) if not name.startswith("_")} - {
        "fields",
        "cookies",
        "changed",
    }
    assert "client" in told
    assert all(getattr(own, name) == getattr(request, name) for name in told)


def test_what_a_configured_kind_recognises_is_never_foreign(parts, issuer):
    kinds = [build(parts) for build in AUTHENTICATORS.values()]
    token = issuer.token().encode()

    for value in (b"Bearer " + token, b"Bearer opaque", b"bearer gp_x", basic(b":gp_x")):
        assert any(kind.recognises(b"authorization", value) for kind in kinds)
        assert own_part(Foreign(kinds, ()), (b"Authorization", value)) is None


def test_a_hostile_value_takes_no_longer_than_it_is_long():
    foreign = Foreign((), [ISSUER])

    for value in (b"ey" * 16000, b"e.y" * 10000, b"." * 32000, b"a." * 16000, b"[" * 32000):
        assert own_part(foreign, (b"Authorization", b"Bearer " + value)) == ()
        assert own_part(foreign, (b"Authorization", basic(value))) == ()
