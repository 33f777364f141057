"""The examples of RFC 7515 to RFC 7519: what is written there is read as it is meant."""

import json

import pytest

from gateway.oidc.keys import ASYMMETRIC, KeySource
from gateway.oidc.tokens import BadTokenError, peek_claims, read_header, verify
from tests.oidc.hostile import Wrongs

# RFC 7515, appendix A.1.1, and RFC 7519, section 3.1; line ends and all.
CLAIMS = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
SAID = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
# RFC 7515, appendix A.2.1 (RS256) and A.3.1 (ES256).
RSA = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt"
    "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBY"
    "UsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
    "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
EC = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RS256 = (
    "eyJhbGciOiJSUzI1NiJ9."
    + CLAIMS
    + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZ"
    "mh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75"
    "vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noO"
    "PqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
ES256 = (
    "eyJhbGciOiJFUzI1NiJ9."
    + CLAIMS
    + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8IS"
    "lSApmWQxfKTUJqPP3-Kg6NU1Q"
)
HS256 = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    + CLAIMS
    + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
# RFC 7515, appendix A.5; RFC 7519, section 6.1.
UNSECURED = "eyJhbGciOiJub25lIn0." + CLAIMS + "."
# RFC 7516, appendix A.2.7: encrypted, five parts.
ENCRYPTED = ".".join(
    (
        "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0",
        "UGhIOguC7IuEvf_NPVaXsGMoLOmwvc1GyqlIKOK1nN94nHPoltGRhWhw7Zx0-kFm1NJn8LE9XShH59_i8J0PH5ZZyNfGy2",
        "AxY8DCtDaGlsbGljb3RoZQ",
        "KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY",
        "9hH0vgRfYgPnAHOd8stkvw",
    )
)


@pytest.fixture
def keys(hostile, http, clock):
    hostile.wrongs = Wrongs(keys=[RSA, EC])

    async def jwks_uri():
        return f"{hostile.issuer}/jwks"

    return KeySource(jwks_uri, http, clock)


@pytest.mark.parametrize("token", [RS256, ES256])
async def test_a_signature_by_the_published_key_holds(keys, token):
    assert (await verify(token, keys, ASYMMETRIC)).claims == SAID


@pytest.mark.parametrize(
    "token",
    [
        HS256,
        UNSECURED,
        ENCRYPTED,
        RS256.replace("eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9"),
        ES256[:-1] + "A",
        RS256.replace(CLAIMS, CLAIMS[:-1] + "R"),
        RS256 + ".",
        "." + RS256,
        # RFC 7515, appendix A.6 and A.7: the JSON serialization is no token of the compact form.
        json.dumps(dict(zip(("protected", "payload", "signature"), ES256.split("."), strict=True))),
    ],
)
async def test_nothing_else_does(keys, token):
    with pytest.raises(BadTokenError):
        await verify(token, keys, ASYMMETRIC)


def test_white_space_and_line_ends_in_the_json_are_read():
    assert read_header(HS256) == {"typ": "JWT", "alg": "HS256"}
    assert peek_claims(HS256) == SAID
