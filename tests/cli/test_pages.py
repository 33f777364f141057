"""`gatepost pages` prints the templates that operators start from."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli.pages import pages_command
from gateway.settings.page_templates import template_problems


def run(*arguments):
    return CliRunner().invoke(pages_command, list(arguments))


def test_it_lists_the_pages():
    names = run().stdout.split()

    assert {"page", "sign-in", "account", "problem"} <= set(names)
    assert not [it for it in names if it.startswith("demo")]


@pytest.mark.parametrize("name", ["sign-in", "sign-in.html"])
def test_it_prints_one(name):
    assert '{% extends "page.html" %}' in run(name).stdout


def test_what_it_prints_can_be_used():
    texts = {f"{name}.html": run(name).stdout for name in run().stdout.split()}

    assert list(template_problems(texts)) == []


def test_it_tells_programs_the_values():
    assert "providers" in json.loads(run("--json").stdout)["sign-in.html"]


@pytest.mark.parametrize("name", ["sing-in", "../page", "demo-app", ""])
def test_it_has_no_other(name):
    found = run(name)

    assert found.exit_code == 2
    assert "unknown page" in found.stderr
