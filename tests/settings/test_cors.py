"""The `cors` of a route: mistakes in it."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load

FILE = """
public_url: https://notes.example.com
upstreams: {{app: http://127.0.0.1:3000}}
providers: {{oidc: {{issuer: https://id.example.com, client_id: notes}}}}
routes:
  - {{name: api, prefix: /, access: signed_in, {setting}}}
"""


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("cors: {origins: []}", "is empty"),
        ("cors: {}", "origins"),
        ("cors: {origins: ['*', 'https://a.example']}", "covers every origin"),
        ("cors: {origins: '*', credentials: true}", "would trust every site"),
        ("cors: {origins: 'null'}", "must start with https:// or http://"),
        ("cors: {origins: 'https://a.example/path'}", "must end after the host"),
        ("cors: {origins: 'https://*.a.example'}", "no valid host"),
        ("cors: {origins: 'https://a.example', max_age: soon}", "max_age"),
        ("cors: {origins: 'https://a.example', headers: 'X Y'}", "headers"),
        (
            "cors: {origins: 'https://a.example', credentials: true, headers: '*'}",
            "name the fields",
        ),
        ("cors: {origins: 'https://a.example'}, preflight: pass", "leave out preflight"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, setting, told):
    file = tmp_path / "gatepost.yaml"
    file.write_text(FILE.format(setting=setting))

    with pytest.raises(SettingsError) as raised:
        load(file, {}, reads_secrets=False)

    (problem,) = raised.value.problems
    assert problem.startswith(f"{file}:6:")
    assert told in problem
