import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.storage.redis_entry import Entry, live_value, pack_entry, unpack_entry


@given(
    end=st.floats(min_value=0), indexes=st.frozensets(st.binary(max_size=100)), value=st.binary()
)
def test_an_entry_is_read_as_it_was_written(end, indexes, value):
    assert unpack_entry(pack_entry(end, indexes, value)) == Entry(end, indexes, value)


@pytest.mark.parametrize(("now", "value"), [(9.9, b"v"), (10, None), (10.1, None)])
def test_a_value_is_read_until_its_end(now, value):
    assert live_value(pack_entry(10, [b"i"], b"v"), now) == value
    assert live_value(None, now) is None
