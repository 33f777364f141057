"""Codes of authenticator apps and recovery codes: which are right, and how often."""

import re
from base64 import b32encode
from dataclasses import replace

import pyotp
import pytest

from gateway.accounts.second_factor import SecondFactor
from gateway.credentials.local_proofs import (
    APP_CODE,
    MULTI_FACTOR,
    RECOVERY_CODE,
    passkey_helps,
    second_factor_helps,
)
from gateway.credentials.one_time_codes import (
    digest_of,
    matching_step,
    new_recovery_codes,
    new_totp_secret,
    otpauth_uri,
    use_code,
)

# RFC 6238, appendix B, with the six last digits of its eight.
RFC_SECRET = b32encode(b"12345678901234567890").decode()
RFC_CODES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("now", "code"), RFC_CODES)
def test_codes_are_those_of_the_rfc(now, code):
    assert matching_step(RFC_SECRET, code, now) == now // 30
    assert matching_step(RFC_SECRET, f" {code[:3]} {code[3:]}\n", now) == now // 30


@pytest.mark.parametrize(
    ("now", "is_right"),
    [(1199, False), (1200, True), (1230, True), (1259.9, True), (1289.9, True), (1290, False)],
)
def test_a_code_is_good_one_step_early_and_late(now, is_right):
    secret = new_totp_secret()
    step = 41 if is_right else None
    # The code of 1230 to 1260.
    assert matching_step(secret, pyotp.TOTP(secret).at(1230), now) == step


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "-1", "١٢٣٤٥٦", "1" * 10_000])
def test_what_is_no_code_is_wrong(code):
    assert matching_step(new_totp_secret(), code, 1e9) is None
    assert use_code(SecondFactor(new_totp_secret()), code, 1e9) is None


def test_a_code_and_all_before_it_are_good_once():
    factor = SecondFactor(new_totp_secret())
    app = pyotp.TOTP(factor.totp)
    now = 1_780_000_000

    used, proof = use_code(factor, app.at(now), now)

    assert proof == APP_CODE
    assert used == replace(factor, used_step=now // 30)
    for seconds in (-30, 0):
        assert use_code(used, app.at(now + seconds), now) is None
    assert use_code(used, app.at(now + 30), now) is not None


def test_a_recovery_code_is_good_once_however_it_is_typed():
    codes = new_recovery_codes()
    factor = SecondFactor(new_totp_secret(), 7, tuple(map(digest_of, codes)))
    typed = codes[3].replace("-", " ", 2).replace("-", "")

    used, proof = use_code(factor, f" {typed} ", 1e9)

    assert proof == RECOVERY_CODE
    assert used == replace(factor, recovery=factor.recovery[:3] + factor.recovery[4:])
    assert use_code(used, codes[3], 1e9) is None
    assert use_code(used, factor.recovery[0], 1e9) is None


def test_recovery_codes_cannot_be_guessed_and_are_kept_as_digests():
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    # 20 digits are 66 bits.
    assert all(re.fullmatch("[0-9]{4}(-[0-9]{4}){4}", code) for code in codes)
    assert not set(codes) & set(map(digest_of, codes))


def test_an_app_reads_the_secret_from_the_uri():
    secret = new_totp_secret()
    read = pyotp.parse_uri(otpauth_uri(secret, "ann b@example.com", "notes.example.com"))
    assert (read.secret, read.name) == (secret, "ann b@example.com")
    assert (read.issuer, read.digits, read.interval) == ("notes.example.com", 6, 30)
    assert len(secret) * 5 == 160


@pytest.mark.parametrize(
    ("acr", "amr", "helps"),
    [
        ((MULTI_FACTOR,), (), True),
        (("gold", MULTI_FACTOR), ("mfa",), True),
        ((), ("otp",), True),
        ((), ("hwk", "mfa"), True),
        (("gold",), (), False),
        ((), ("hwk",), False),
        (("gold",), ("mfa",), False),
        ((MULTI_FACTOR,), ("hwk",), False),
    ],
)
def test_whether_a_second_factor_meets_what_a_rule_asks_for(acr, amr, helps):
    assert second_factor_helps(acr, amr) is helps


@pytest.mark.parametrize(
    ("acr", "amr", "helps"),
    [
        ((MULTI_FACTOR,), (), True),
        ((), ("hwk",), True),
        ((), ("swk",), True),
        ((), ("pop", "otp"), True),
        ((), ("otp",), False),
        (("gold",), ("hwk",), False),
    ],
)
def test_whether_a_passkey_meets_what_a_rule_asks_for(acr, amr, helps):
    assert passkey_helps(acr, amr) is helps
