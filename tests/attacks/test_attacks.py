"""Every published attack of the table is run here, named, or waits for its feature."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load
from tests.attacks.table import ATTACKS, Attack, Feature
from tests.dataplane.harness import request, settings_of
from tests.test_project import is_there

RUN = [attack for attack in ATTACKS if attack.runs is not None]
UNKNOWN = "unknown (?:setting|condition)|is not available in this version"
FEATURES = list(dict.fromkeys(feature.name for attack in ATTACKS for feature in attack.later))


def _name(attack: Attack) -> str:
    return f"{attack.number}-{attack.advisories[0].split(' (')[0].replace(' ', '-')}"


def _feature(name: str) -> Feature:
    return next(it for attack in ATTACKS for it in attack.later if it.name == name)


@pytest.mark.parametrize("attack", RUN, ids=_name)
async def test_an_attack_comes_to_nothing(lab, attack):
    assert attack.runs is not None
    await attack.runs(lab)


def test_every_attack_is_run_or_named_or_waits_for_its_feature():
    assert [attack.number for attack in ATTACKS] == list(range(1, 47))
    assert [a.number for a in ATTACKS if not (a.runs or a.tests or a.later)] == []
    assert [a.number for a in ATTACKS if not (a.advisories and a.sent and a.comes)] == []
    named = [test for attack in ATTACKS for test in attack.tests]
    assert [test for test in named if not is_there(*test.split("::"))] == []


@pytest.mark.parametrize("name", FEATURES)
async def test_an_attack_on_a_feature_is_added_with_the_feature(gateway, tmp_path, name):
    """A failure here means that the feature has come: its rows in the table need tests."""
    feature = _feature(name)
    assert feature.settings or feature.endpoints

    load(settings_of(tmp_path, {"upstreams": {"app": "http://a"}}), {})
    for settings in feature.settings:
        changes = {"upstreams": {"app": "http://a"}, **settings}
        with pytest.raises(SettingsError, match=UNKNOWN):
            load(settings_of(tmp_path, changes), {})
    running = await gateway() if feature.endpoints else None
    for method, path in feature.endpoints:
        assert running is not None
        assert (await running.ask(request(path, method=method))).status == 404
