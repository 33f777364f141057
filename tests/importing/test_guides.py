"""What the guides show is what the commands say."""

import re
from pathlib import Path

import yaml

from tests.importing.test_ingress import ingress

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def blocks(guide, language):
    """The guide's blocks in `language`."""
    text = (GUIDES / guide).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_guide_of_oauth2_proxy_shows_file_and_report(translate):
    (before,) = blocks("from-oauth2-proxy.md", "toml")
    after = blocks("from-oauth2-proxy.md", "yaml")[0]
    (said,) = blocks("from-oauth2-proxy.md", "console")
    imported = translate("oauth2-proxy", before, name="oauth2-proxy.cfg")

    assert imported.text.partition("\n")[2] == after.partition("\n")[2]
    place = f"{imported.directory}/"
    assert [it.removeprefix(place) for it in imported.report] == said.splitlines()[1:]


def test_the_guide_of_ingress_nginx_shows_file_and_report(translate):
    annotations = {"auth-url": "https://$host/oauth2/auth?allowed_groups=staff"}
    text = yaml.safe_dump({"kind": "List", "items": [ingress(annotations)]}, sort_keys=False)
    imported = translate("ingress", text, name="all.yaml")

    shown = yaml.safe_load(blocks("from-ingress-nginx.md", "yaml")[0])
    assert {name: imported.data[name] for name in shown} == shown
    place = f"{imported.directory}/"
    said = blocks("from-ingress-nginx.md", "console")[0].splitlines()[2:]
    assert [it.removeprefix(place) for it in imported.report] == said


def test_the_guides_configuration_of_nginx_is_right(tmp_path):
    from gateway.settings.load import load

    (text,) = [it for it in blocks("from-oauth2-proxy.md", "yaml") if "compatibility" in it]
    path = tmp_path / "gatepost.yaml"
    path.write_text(text)
    loaded = load(path, {}, reads_secrets=False)
    assert loaded.settings.compatibility == "oauth2-proxy"
    assert loaded.warnings == ()
