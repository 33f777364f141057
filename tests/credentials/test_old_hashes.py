"""Which password hashes of other software are accepted, and that they are verified as there."""

import bcrypt
import pytest
from argon2 import PasswordHasher, Type

from gateway.credentials.old_hashes import HashRefusedError, is_old, is_right, read_hash
from gateway.credentials.password_hashes import PasswordHashes, Verdict

# From crypt_blowfish's own tests, and from RFC 7914, section 11.
VECTORS = [
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
    ("pbkdf2_sha256$1$salt$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw=", "passwd"),
]
BCRYPT = VECTORS[0][0]
ARGON2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A"


def cheap():
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def hashes():
    made = PasswordHashes(cheap)
    yield made
    made.close()


async def test_every_kind_is_verified_and_then_outdated(hashes):
    argon2i = PasswordHasher(time_cost=2, memory_cost=16, parallelism=2, type=Type.I)
    made = [
        (bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode(), "pw"),
        (argon2i.hash("pw"), "pw"),
        (f"bcrypt${VECTORS[0][0]}", "U*U"),
        (f"argon2{argon2i.hash('pw')}", "pw"),
    ]
    for text, password in made:
        known = read_hash(text)
        assert await hashes.verify(known, password) == Verdict(is_right=True, is_outdated=True)
        assert await hashes.verify(known, f"{password}x") == Verdict(is_right=False)


@pytest.mark.parametrize(("text", "password"), VECTORS)
def test_published_vectors(text, password):
    assert is_old(read_hash(text))
    assert is_right(text, password)
    assert not is_right(text, password[:-1])


def test_hashes_of_django_are_verified():
    from django.conf import settings
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    if not settings.configured:
        settings.configure()
    made = PBKDF2PasswordHasher().encode("caf\u00e9 ol\u00e9", "salt", iterations=1000)
    assert is_right(read_hash(made), "caf\u00e9 ol\u00e9")
    assert not is_right(made, "cafe ole")


def test_bcrypt_uses_72_bytes_and_no_nul():
    long = "é" * 36 + "tail"
    known = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert is_right(known, long)
    assert is_right(known, "é" * 36 + "other")
    assert not is_right(known, "é" * 35)
    cut = bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()
    assert not is_right(cut, "pw\x00more")


async def test_what_was_typed_is_compared_too_because_other_software_normalised_nothing(hashes):
    typed, normal = "cafe\u0301 ole", "caf\u00e9 ole"
    known = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode()
    assert not (await hashes.verify(known, normal)).is_right
    assert (await hashes.verify(known, normal, typed)).is_right
    ours = await hashes.hash(normal)
    assert not (await hashes.verify(ours, "other", normal)).is_right


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "unknown kind"),
        ("secret", "unknown kind"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "unknown kind"),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "unknown kind"),
        (BCRYPT.replace("$2a$", "$2x$"), "unknown kind"),
        (BCRYPT.replace("$2a$", "$2$"), "unknown kind"),
        (f"{BCRYPT}\n", "unknown kind"),
        (f" {BCRYPT}", "unknown kind"),
        (BCRYPT.replace("C.E5", "C/E5"), "unknown kind"),
        (BCRYPT.replace("$05$", "$03$"), "bcrypt cost is 3"),
        (BCRYPT.replace("$05$", "$16$"), "bcrypt cost is 16"),
        (BCRYPT.replace("$05$", "$31$"), "bcrypt cost is 31"),
        (ARGON2.replace("argon2id", "argon2d"), "unknown kind"),
        (ARGON2.replace("m=65536", "m=1048577"), "memory in KiB is 1048577"),
        (ARGON2.replace("m=65536", "m=99999999"), "memory in KiB"),
        (ARGON2.replace("m=65536", "m=0"), "memory in KiB is 0"),
        (ARGON2.replace("t=3", "t=65"), "passes is 65"),
        (ARGON2.replace("t=3", "t=0"), "passes is 0"),
        (ARGON2.replace("p=4", "p=17"), "parallelism is 17"),
        (VECTORS[2][0].replace("$1$", "$5000001$"), "iterations is 5000001"),
        (VECTORS[2][0].replace("sha256", "sha1"), "unknown kind"),
        ("$2a$" + "x" * 600, "at most 512"),
    ],
)
def test_what_is_unknown_or_costs_too_much_is_refused_and_not_repeated(text, told):
    with pytest.raises(HashRefusedError, match=told) as refused:
        read_hash(text)
    assert len(text) < 8 or text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        BCRYPT.replace("$05$", "$04$"),
        BCRYPT.replace("$05$", "$15$"),
        ARGON2,
        ARGON2.replace("m=65536", "m=1048576"),
        ARGON2.replace("t=3", "t=64"),
        ARGON2.replace("$v=19", ""),
        VECTORS[2][0].replace("$1$", "$5000000$"),
    ],
)
def test_the_limits_themselves_are_accepted(text):
    assert read_hash(text) == text
