"""What a browser's jar says before and after sign-ins and sign-outs."""

import pytest

from gateway.mutate.jar import MAX_OWNERS, NO_JAR, Jar, decode_jar, encode_jar


def test_a_sign_in_makes_a_seed_once_and_names_the_owner():
    first = NO_JAR.signed_in("a", "seed1")
    second = first.signed_in("b", "seed2")

    assert (first.seed, first.owner) == ("seed1", "a")
    assert (second.seed, second.owner) == ("seed1", "b")


def test_a_sign_in_names_its_session_until_somebody_signs_out():
    jar = NO_JAR.signed_in("a", "seed", "f" * 64, 1000.9)

    assert (jar.session, jar.session_began_at) == ("f" * 64, 1000)
    assert decode_jar(encode_jar(jar)) == jar
    assert jar.signed_out(("a",), "new").session == ""
    assert jar.signed_out((), "new").session == ""


def test_a_jar_of_an_older_version_is_read():
    assert decode_jar(b'["seed","a",[["b",2]]]') == Jar("seed", "a", (("b", 2),))


def test_a_sign_out_counts_for_its_account_alone():
    jar = NO_JAR.signed_in("a", "seed").signed_out(("a",), "other")

    assert jar == Jar("seed", "", (("a", 1),))
    assert jar.signed_out(("a",), "other").generation(("a",)) == 2
    assert jar.generation(("b",)) == 0


def test_an_account_keeps_its_count_when_the_secret_is_rotated():
    jar = Jar("seed", "", (("old", 3),))

    after = jar.signed_out(("new", "old"), "other")

    assert jar.generation(("new", "old")) == 3
    assert after.sign_outs == (("new", 4),)


@pytest.mark.parametrize(
    ("jar", "keys"),
    [
        (NO_JAR, ("a",)),
        (Jar("seed", "a"), ()),
        (Jar("seed", "", tuple((str(n), 1) for n in range(MAX_OWNERS))), ("a",)),
    ],
)
def test_all_starts_anew_where_the_count_cannot_be_kept(jar, keys):
    assert jar.signed_out(keys, "new") == Jar("new")


def test_the_jar_is_bounded():
    jar = NO_JAR
    for number in range(1000):
        jar = jar.signed_in(f"{number:016x}", "seed").signed_out((f"{number:016x}",), "seed")

    assert len(encode_jar(jar)) < 1024


@pytest.mark.parametrize("jar", [NO_JAR, Jar("seed", "a", (("a", 1), ("b", 2)))])
def test_a_jar_is_read_back(jar):
    assert decode_jar(encode_jar(jar)) == jar


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"1", b"[1,2]", b"[1,2,3]", b'["","",[1]]'])
def test_what_is_no_jar_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of them
        decode_jar(data)
