"""What `when`, `time` and `country` may say, and what is said of one that is wrong."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.access import ConditionSettings
from gateway.settings.countries import CODES, parse_country
from gateway.settings.hours import HoursSettings, parse_days
from gateway.settings.load import load
from tests.fixtures.countries import write_countries

FILE = """\
public_url: https://notes.example.com
secret: {secret}
upstreams: {{app: {{url: "http://app:1"{upstream}}}}}
providers: {{id: {{issuer: "https://id.example.com", client_id: c, client_secret: s}}}}
{top}
routes:
  - name: all
    prefix: /
    access:
      allow:
        - {item}
"""


def loaded(tmp_path, item, top="", upstream=""):
    path = tmp_path / "gatepost.yaml"
    text = FILE.format(secret="x" * 40, item=item, top=top, upstream=upstream)
    path.write_text(text, encoding="utf-8")
    return load(path, {})


def problems(tmp_path, item, **more):
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, item, **more)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.problems]


AT = "gatepost.yaml:11:17: routes[0].access.allow[0]"
WRONG = [
    ("when: groups == 1", ".when: at column 1: \"groups\" is a list: write \"admins\" in groups"),
    ("when: claims.x && 'a' in gruops",
     '.when: at column 20: unknown name "gruops" (did you mean "groups"?)'),
    ('when: "user == 1 && gruops == 2"',
     ".when: at column 1: compares text with a number; at column 14: unknown name"
     ' "gruops" (did you mean "groups"?)'),
    ("when: |\n            user == 'a'\n            || usr == 'b'",
     '.when: at line 2, column 4: unknown name "usr" (did you mean "user"?)'),
    ("when: true", ".when: at column 1: names no fact, so it is always the same"),
    ("when: '  '", ".when: is empty"),
    ("when: [user]", ".when: must be an expression, not a list"),
    ("when: \"user == '" + "a" * 2000 + "'\"", ".when: is too long: 2,000 characters at most"),
    ("time: {days: mon-fir, zone: UTC}", '.time.days: unknown day "fir" (did you mean "fri"?)'),
    ("time: {days: 1-5, zone: UTC}", '.time.days: unknown day "1" (one of: mon, tue, wed'),
    ("time: {days: '', zone: UTC}", '.time.days: unknown day "" (one of: mon'),
    ("time: {from: 8, zone: UTC}", '.time.from: "8" is not a time of day from 00:00 to 24:00'),
    ("time: {from: '24:01', zone: UTC}", '.time.from: "24:01" is not a time of day'),
    ("time: {to: '08:60', zone: UTC}", '.time.to: "08:60" is not a time of day'),
    ("time: {from: '08:00', to: '08:00', zone: UTC}",
     ".time: from and to are the same: leave both out for the whole day"),
    ("time: {from: '24:00', zone: UTC}", ".time: from and to are the same"),
    ("time: {from: '08:00'}", '.time: "zone" is missing'),
    ("time: {zone: europe/prag}",
     '.time.zone: unknown time zone "europe/prag" (did you mean "Europe/Prague"'),
    ("time: {zone: ../../etc/passwd}", ".time.zone: unknown time zone"),
    ("time: {zone: Europe}", ".time.zone: unknown time zone"),
    ("time: {form: '08:00', zone: UTC}", '.time: unknown setting "form" (did you mean "from"?)'),
    ("country: UK", '.country: unknown country "UK" (did you mean "GB"?)'),
    ("country: [CZ, Germany]", '.country[1]: unknown country "Germany" (ISO 3166-1: CZ, DE, US)'),
]  # fmt: skip


@pytest.mark.parametrize(("item", "message"), WRONG)
def test_a_mistake_is_named_with_its_place(tmp_path, item, message):
    write_countries(tmp_path / "c.mmdb")
    (line,) = problems(tmp_path, item, top="country_file: c.mmdb")

    assert line.startswith("gatepost.yaml:11:")
    assert message in line


def test_the_place_of_an_expression_is_its_own(tmp_path):
    (line,) = problems(tmp_path, "when: gruops == 1")

    assert line.startswith(f"{AT}.when: at column 1: ")


def test_what_is_written_is_taken(tmp_path):
    write_countries(tmp_path / "c.mmdb")
    item = (
        "{when: size(groups) > 1, country: [cz, no],"
        " time: [{days: 'sat, sun', from: 22:00, to: 06:00, zone: Europe/Prague}, {zone: UTC}]}"
    )
    found = loaded(tmp_path, item, top="country_file: c.mmdb")
    (condition,) = found.settings.routes[0].access.allow

    assert str(condition.when) == "size(groups) > 1"
    assert condition.country == ("CZ", "NO")
    assert [str(it) for it in condition.time] == [
        "sat,sun 22:00-06:00 Europe/Prague",
        "mon,tue,wed,thu,fri,sat,sun 00:00-24:00 UTC",
    ]
    assert tmp_path / "c.mmdb" in found.files


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("fri-mon", (0, 4, 5, 6)),
        ("mon-sun", (0, 1, 2, 3, 4, 5, 6)),
        ("sun", (6,)),
        ("Wednesday", (2,)),
        ("mon, wed-thu", (0, 2, 3)),
        ("tue-tue", (1,)),
    ],
)
def test_days_are_a_range_or_a_list(text, days):
    assert parse_days(text) == days
    assert HoursSettings.model_validate({"days": [text], "zone": "UTC"}).numbers == days


def test_settings_are_the_same_where_their_text_is():
    one, other = (
        ConditionSettings.model_validate({"when": "user == 'a'", "time": {"zone": "UTC"}})
        for _ in range(2)
    )

    assert one == other
    assert (
        ConditionSettings.model_validate(one.model_dump(by_alias=True, exclude_unset=True)) == one
    )


def test_every_country_has_one_code():
    assert len(CODES) == 250
    assert all(parse_country(code) == code for code in CODES)


def test_a_country_needs_the_file_of_countries(tmp_path):
    (line,) = problems(tmp_path, "country: CZ")

    assert line == (
        "gatepost.yaml:11:20: routes[0].access.allow[0].country: needs country_file at the top of"
        " the file: the database of countries"
    )


def test_a_country_of_admins_needs_the_file_of_countries_too(tmp_path):
    (line,) = problems(tmp_path, "group: staff", top="admins: {country: CZ}")

    assert line == (
        "gatepost.yaml:5:19: admins.country: needs country_file at the top of the file: the"
        " database of countries"
    )


def test_an_expression_may_not_read_the_path_where_the_app_ignores_its_case(tmp_path):
    ignoring = ", path_case: ignore"
    (line,) = problems(tmp_path, 'when: path.startsWith("/a")', upstream=ignoring)

    assert "allow[0].when: an expression compares path with case, but upstream" in line
    assert loaded(tmp_path, "when: user == 'a'", upstream=ignoring)
    assert loaded(tmp_path, 'when: path.startsWith("/a")')


def test_a_named_condition_is_checked_where_it_is_defined(tmp_path):
    defined = "conditions: {c: [{country: CZ}], p: [{when: path == '/a'}]}"
    found = problems(tmp_path, "c", top=defined)

    assert [line.partition(": ")[2].partition(": ")[0] for line in found] == [
        "conditions.c[0].country"
    ]
    (line,) = problems(tmp_path, "p", top=defined, upstream=", path_case: ignore")
    assert "conditions.p[0].when: an expression compares path with case" in line


def test_only_an_expression_on_the_user_is_left_to_the_app(tmp_path):
    def warnings(expression):
        item = f"{{when: {expression}}}\n    foreign_credentials: pass\n    methods: GET"
        return [it for it in loaded(tmp_path, item).warnings if "conditions on the user" in it]

    assert warnings("user == 'a'")
    assert not warnings("method == 'GET'")
