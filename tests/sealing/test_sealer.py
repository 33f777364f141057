import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sealing.sealer import Sealer, structured

OLD, NEW, OTHER = (bytes([n]) * 32 for n in range(3))


@given(data=st.binary(max_size=500), context=st.binary(max_size=50), extra=st.binary(max_size=50))
def test_what_was_sealed_opens_again(data, context, extra):
    sealer = Sealer((NEW,))
    sealed = sealer.seal("p", data, context=context, extra_key=extra)

    assert sealer.open_sealed("p", sealed, context=context, extra_key=extra) == data
    assert len(data) < 8 or data not in sealed


@pytest.mark.parametrize(
    ("purpose", "options"),
    [
        ("q", {}),
        ("", {}),
        ("pc", {"context": b""}),
        ("p", {"context": b"d"}),
        ("p", {"context": b""}),
        ("p", {"context": b"c", "extra_key": b"f"}),
        ("p", {"context": b"c", "extra_key": b""}),
        ("p", {"context": b"ce", "extra_key": b""}),
    ],
)
def test_it_opens_for_nothing_else(purpose, options):
    sealer = Sealer((NEW,))
    sealed = sealer.seal("p", b"data", context=b"c", extra_key=b"e")

    assert sealer.open_sealed(purpose, sealed, **options) is None


def test_every_changed_bit_is_noticed():
    sealer = Sealer((NEW,))
    sealed = sealer.seal("p", b"data")

    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        assert sealer.open_sealed("p", bytes(changed)) is None
        assert sealer.open_sealed("p", sealed[:position]) is None


@given(st.binary(max_size=200))
def test_foreign_bytes_never_raise(data):
    assert Sealer((NEW,)).open_sealed("p", data) is None


def test_an_old_secret_opens_and_the_newest_seals():
    before, both, after = Sealer((OLD,)), Sealer((NEW, OLD)), Sealer((NEW,))

    assert both.open_sealed("p", before.seal("p", b"data")) == b"data"
    assert after.open_sealed("p", both.seal("p", b"data")) == b"data"
    assert before.open_sealed("p", both.seal("p", b"data")) is None
    assert Sealer((OTHER,)).open_sealed("p", both.seal("p", b"data")) is None


def test_a_repeated_secret_changes_nothing():
    assert Sealer((OLD,)).open_sealed("p", Sealer((OLD, NEW, OLD)).seal("p", b"d")) == b"d"


def test_two_seals_of_one_thing_differ():
    sealer = Sealer((NEW,))

    assert sealer.seal("p", b"data") != sealer.seal("p", b"data")


def test_digests_are_keyed_structured_and_newest_first():
    both = Sealer((NEW, OLD)).digests("user", "a", "b")

    assert both == Sealer((NEW,)).digests("user", "a", "b") + Sealer((OLD,)).digests(
        "user", "a", "b"
    )
    assert Sealer((NEW,)).digests("user", "ab", "") != Sealer((NEW,)).digests("user", "a", "b")
    assert Sealer((NEW,)).digests("sid", "a") != Sealer((NEW,)).digests("user", "a")
    assert len(Sealer((NEW,)).digests("user", "\udcff")[0]) == 64


@pytest.mark.parametrize("secrets", [(), (b"",), (bytes(31),), (bytes(32), b"short")])
def test_a_short_secret_is_refused(secrets):
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(secrets)


@given(st.lists(st.binary(max_size=4)), st.lists(st.binary(max_size=4)))
def test_no_two_lists_of_parts_are_written_alike(one, other):
    assert (structured(*one) == structured(*other)) is (one == other)


def test_randomness_is_handed_in():
    assert Sealer((NEW,), bytes).seal("p", b"d") == Sealer((NEW,), bytes).seal("p", b"d")
