"""Regular expressions that backtrack without end are warned of."""

import pytest

from gateway.settings.costly_regex import repeats_repeats
from gateway.settings.load import load

FILE = """
public_url: https://notes.example.com
upstreams: {{app: http://127.0.0.1:3000}}
api_keys: {{}}
routes:
  - {{name: a, access: signed_in, regex: '{regex}'}}
  - {{name: rest, access: signed_in, prefix: /}}
"""


@pytest.mark.parametrize(
    "regex", ["/(a+)+b", "/(?:.*)*", "/((a*)){2,}x", "/(?P<n>\\w+)*$", "/(x|y+)+z", "/a(?=(b+)+c)"]
)
def test_a_repeated_repeat_is_found(regex, tmp_path):
    assert repeats_repeats(regex)
    (tmp_path / "gatepost.yaml").write_text(FILE.format(regex=regex))

    loaded = load(tmp_path / "gatepost.yaml", {})

    assert [it for it in loaded.findings if it.rule == "costly-regex"]


@pytest.mark.parametrize(
    "regex",
    ["/api(/[^/]+)*", "/[a-z]+", "/(a+)?b", "/(a{1,3})+", "/(a+){2}", "/(?:ab*)+", "/x|y+|z*", ""],
)
def test_others_are_not(regex):
    assert not repeats_repeats(regex)
