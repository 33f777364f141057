"""Every metric and label that the dashboard and the alerts name exists in the gateway."""

import json
import re

import pytest
import yaml

from gateway.record.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics
from gateway.record.metrics_text import exposition
from tests.examples.compose import ROOT

DASHBOARD = json.loads((ROOT / "examples" / "grafana" / "gatepost.json").read_text())
PROMETHEUS = ROOT / "examples" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "gatepost.rules.yml").read_text())
# Prometheus adds these, and `up`.
ADDED = {"job", "instance", "le"}
SEVERITIES = {"critical", "warning", "info"}


def exposed():
    """Each time series that /metrics can have, with its labels."""
    families = [(f"{name}_total", labels) for name, _, labels in COUNTERS.values()]
    for name, _, labels in HISTOGRAMS.values():
        families += [(f"{name}_{end}", labels) for end in ("bucket", "count", "sum")]
    families += [(name, labels) for name, (_, labels) in GAUGES.items()]
    return {name: {*labels, *ADDED} for name, labels in families}


EXPOSED = exposed()
TARGETS = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
EXPRESSIONS = {
    **{f"panel {it['legendFormat']} {at}": it["expr"] for at, it in enumerate(TARGETS)},
    **{it["alert"]: it["expr"] for it in ALERTS},
    **{
        it["name"]: it["definition"]
        for it in DASHBOARD["templating"]["list"]
        if it["type"] == "query"
    },
}


def metrics_in(expression):
    return set(re.findall(r"\bgatepost_[a-z_]+", expression))


def labels_in(expression):
    """The labels that are selected, and those that are grouped by."""
    selected = [
        name
        for selector in re.findall(r"\{([^}]*)\}", expression)
        for name in re.findall(r"(\w+)\s*[=!]~?=?\s*\"", selector)
    ]
    grouped = [
        name.strip()
        for names in re.findall(r"\bby \(([^)]*)\)", expression)
        for name in names.split(",")
    ]
    return {*selected, *grouped}


def test_the_names_are_those_that_the_gateway_exposes():
    text = exposition(Metrics()).decode()
    families = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))

    assert families
    assert {re.sub("_(bucket|count|sum)$", "", it) for it in EXPOSED} == families


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_exist(name):
    expression = EXPRESSIONS[name]
    named = metrics_in(expression)

    assert named <= set(EXPOSED)
    assert named or re.search(r"\bup\b", expression)
    assert labels_in(expression) <= ADDED.union(*(EXPOSED[it] for it in named))


def test_a_metric_that_is_renamed_is_found():
    assert not metrics_in("rate(gatepost_requests_count_total[5m])") <= set(EXPOSED)
    assert labels_in('a{status=~"5..", x!="1"} / sum by (y, z) (b)') == {"status", "x", "y", "z"}


def test_the_dashboard_shows_every_metric():
    shown = {metric for it in TARGETS for metric in metrics_in(it["expr"])}
    families = {re.sub("_(bucket|count|sum)$", "", it) for it in shown}

    assert families == {re.sub("_(bucket|count|sum)$", "", it) for it in EXPOSED}


def test_the_panels_have_a_place_each_and_ask_the_chosen_data_source():
    variables = {it["name"] for it in DASHBOARD["templating"]["list"]}
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        places = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not places & taken
        assert max(x for x, _ in places) < 24
        taken |= places
    assert len({it["id"] for it in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    used = set(re.findall(r"\$\{?([a-z]+)\b", json.dumps(DASHBOARD))) - {"__rate_interval"}
    assert used == variables
    for target in TARGETS:
        legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert legend <= labels_in(target["expr"])


def test_an_alert_says_what_is_wrong_and_what_to_do():
    assert len({it["alert"] for it in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert alert["alert"].startswith("Gatepost")
        assert alert["labels"]["severity"] in SEVERITIES
        assert set(alert["annotations"]) == {"summary", "description"}
        text = " ".join(alert["annotations"].values())
        for label in re.findall(r"\$labels\.(\w+)", text):
            assert label in labels_in(alert["expr"]) | ADDED, (alert["alert"], label)


def test_reasons_in_expressions_exist():
    reasons = (ROOT / "docs" / "reasons.md").read_text()

    named = re.findall(r'(?:reason|outcome)="([a-z-]+)"', " ".join(EXPRESSIONS.values()))

    assert named
    assert all(f"| `{it}` |" in reasons for it in named if it != "success")


def test_prometheus_loads_the_rules_and_scrapes_the_job_that_they_name():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    tests = yaml.safe_load((PROMETHEUS / "gatepost.test.yml").read_text())

    assert all((PROMETHEUS / it).is_file() for it in config["rule_files"] + tests["rule_files"])
    (scraped,) = config["scrape_configs"]
    jobs = re.findall(r'job="(\w+)"', " ".join(it["expr"] for it in ALERTS))
    assert set(jobs) == {scraped["job_name"]}
    tried = {it["alertname"] for group in tests["tests"] for it in group["alert_rule_test"]}
    assert tried <= {it["alert"] for it in ALERTS}


def test_the_guide_lists_every_alert():
    guide = (ROOT / "docs" / "guides" / "monitoring.md").read_text()

    listed = re.findall(r"^\| `(\w+)` \| .+ \| (\w+) \|$", guide, re.MULTILINE)
    assert listed == [(it["alert"], it["labels"]["severity"]) for it in ALERTS]
    assert f"SUCCESS: {len(ALERTS)} rules found" in guide
