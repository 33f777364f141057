"""Included files: which may be included, what they may have, and where each mistake is."""

import os
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load

MAIN = """\
public_url: https://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
include: [rules/]
conditions: {staff: {group: staff}}
routes:
  - {name: assets, prefix: /static, access: public}
  - {name: everything, prefix: /, access: {allow: staff}}
"""
REPORTS = """\
routes:
  - {name: reports, prefix: /reports, access: {allow: [staff, board]}, before: everything}
conditions: {board: {group: board}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "etc" / "rules").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "etc")
    return tmp_path / "etc"


def write(files):
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def load_files(files, environ=None):
    write({"gatepost.yaml": MAIN, **files})
    return load(None, environ or {})


def problems(files, environ=None):
    with pytest.raises(SettingsError) as caught:
        load_files(files, environ)
    return caught.value.problems


def names(loaded):
    return [route.name for route in loaded.settings.routes]


def route(name, path=None, **more):
    said = "".join(f", {key}: {value}" for key, value in more.items())
    path = path or f"/{name}"
    path = f"'{path}'" if "$" in path else path
    name = f"'{name}'" if "$" in name else name
    return f"routes: [{{name: {name}, path: {path}, access: public{said}}}]\n"


def test_the_routes_and_conditions_of_a_folder_are_those_of_the_file():
    loaded = load_files({"rules/reports.yaml": REPORTS})

    assert loaded.route_places() == [
        ("assets", "gatepost.yaml:7:5"),
        ("reports", "rules/reports.yaml:2:5"),
        ("everything", "gatepost.yaml:8:5"),
    ]
    assert loaded.place(("conditions", "board")) == "rules/reports.yaml:3:14"
    assert [it.name for it in loaded.settings.routes[1].access.allow] == ["staff", "board"]
    assert [it.upstream for it in loaded.settings.routes] == ["app"] * 3
    assert loaded.warnings == ()


def test_a_folder_is_read_in_order_of_name_and_without_what_is_hidden():
    loaded = load_files(
        {
            "rules/20.yml": route("b", before="everything"),
            "rules/10.yaml": route("a", before="everything"),
            "rules/30.yaml": route("c", before="everything"),
            "rules/.15.yaml": "not: [a rule",
            "rules/.#10.yaml": "not: [a rule",
            "rules/10.yaml~": "not: [a rule",
            "rules/README.md": "not: [a rule",
            "rules/team/x.yaml": "not: [a rule",
        }
    )

    assert names(loaded) == ["assets", "a", "b", "c", "everything"]
    assert list(map(str, loaded.files)) == [
        "gatepost.yaml",
        "rules",
        "rules/10.yaml",
        "rules/20.yml",
        "rules/30.yaml",
    ]


def test_entries_are_read_in_the_order_of_the_list():
    main = MAIN.replace("[rules/]", "[z.yaml, rules, deep/er/a.txt]")
    loaded = load_files(
        {
            "gatepost.yaml": main,
            "z.yaml": route("z", before="everything"),
            "rules/r.yaml": route("r", before="everything"),
            "deep/er/a.txt": route("a", before="everything"),
        }
    )

    assert names(loaded) == ["assets", "z", "r", "a", "everything"]


def test_without_before_and_after_a_route_comes_last():
    """So a file that is added to a folder overrides nothing by itself."""
    main = MAIN.replace("prefix: /, ", "prefix: /app, ")
    loaded = load_files({"gatepost.yaml": main, "rules/a.yaml": route("a")})

    assert names(loaded) == ["assets", "everything", "a"]


def test_only_included_files_may_have_the_routes():
    main = MAIN.partition("routes:")[0]
    loaded = load_files(
        {"gatepost.yaml": main, "rules/a.yaml": REPORTS.replace(", before: everything", "")}
    )

    assert names(loaded) == ["reports"]


def test_variables_are_filled_in_and_may_name_the_files(folder):
    environ = {"GATEPOST_INCLUDE": "[rules/a.yaml]", "TEAM": "wiki"}
    main = MAIN.replace("include: [rules/]", "include: [nowhere/]")
    files = {
        "gatepost.yaml": main,
        "rules/a.yaml": route("${TEAM}", "/w", before="everything"),
        "rules/b.yaml": "not: [a rule",
    }

    assert names(load_files(files, environ)) == ["assets", "wiki", "everything"]
    # Relative to where the gateway was started, like all files that variables name.
    write(files)
    os.chdir(folder.parent)
    environ["GATEPOST_INCLUDE"] = "etc/rules/a.yaml"
    assert names(load(Path("etc/gatepost.yaml"), environ)) == ["assets", "wiki", "everything"]


def test_a_configuration_from_variables_alone_can_include_files():
    write({"rules/a.yaml": route("a")})
    environ = {
        "GATEPOST_PUBLIC_URL": "https://a.example.com",
        "GATEPOST_UPSTREAM": "http://app:1",
        "GATEPOST_OIDC_ISSUER": "https://id.example.com",
        "GATEPOST_OIDC_CLIENT_ID": "x",
        "GATEPOST_INCLUDE": "rules",
        "GATEPOST_ROUTES": "[{name: main, path: /main, access: public}]",
    }
    loaded = load(None, environ)

    assert loaded.route_places() == [
        ("main", "environment: GATEPOST_ROUTES"),
        ("a", "rules/a.yaml:1:10"),
    ]


def test_a_file_elsewhere_includes_what_is_beside_it(folder):
    load_files({"rules/a.yaml": route("a", before="everything")})
    os.chdir("/")
    loaded = load(folder / "gatepost.yaml", {})

    assert loaded.route_places()[1] == ("a", f"{folder}/rules/a.yaml:1:10")


def test_links_within_the_folder_are_followed():
    """As Kubernetes mounts a ConfigMap: each file is a link to one in a hidden folder."""
    write({"rules/..2026/a.yaml": route("a", before="everything")})
    Path("rules/..data").symlink_to("..2026")
    Path("rules/a.yaml").symlink_to("..data/a.yaml")

    assert names(load_files({})) == ["assets", "a", "everything"]


def test_a_folder_without_files_is_warned_about():
    loaded = load_files({})

    assert loaded.warnings == (
        'gatepost.yaml:4:11: include[0]: "rules/" has no .yaml or .yml file',
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_adds_nothing(text):
    assert names(load_files({"rules/a.yaml": text})) == ["assets", "everything"]


def include(*entries):
    return {"gatepost.yaml": MAIN.replace("[rules/]", f"[{', '.join(entries)}]")}


AT = "gatepost.yaml:4:11: include[0]: "


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (include("/etc/passwd"), '"/etc/passwd" is not below the folder of this file'),
        (include("../x.yaml"), '"../x.yaml" is not below the folder of this file'),
        (include("rules/../../x"), '"rules/../../x" is not below the folder of this file'),
        (include("nowhere/"), "cannot read 'nowhere': No such file or directory"),
        (
            include("rules/*.yaml"),
            "cannot read 'rules/*.yaml': No such file or directory: write the folder to include "
            "all its files",
        ),
        (include("."), "'gatepost.yaml' is already part of the configuration"),
        (include("gatepost.yaml"), "'gatepost.yaml' is already part of the configuration"),
        ({"rules/a.yaml": "#" * (10 * 1024 * 1024)}, "'rules/a.yaml' is larger than 1 MiB"),
        ({"rules/a.yaml/b": ""}, "cannot read 'rules/a.yaml': Is a directory"),
    ],
)
def test_what_cannot_be_included_is_one_line(files, expected):
    [line] = problems(files)

    assert line.startswith(AT + expected)


def test_a_file_is_included_once():
    [line] = problems({**include("rules/a.yaml", "rules/"), "rules/a.yaml": route("a")})

    assert line.endswith("include[1]: 'rules/a.yaml' is already part of the configuration")


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside.yaml"])
def test_a_link_that_leaves_the_folder_is_refused(folder, target):
    (folder.parent / "outside.yaml").write_text(route("a"))
    Path("rules/a.yaml").symlink_to(target)

    assert problems({}) == [f"{AT}'rules/a.yaml' is a link that leaves the folder of this file"]


def test_a_folder_that_is_a_link_out_of_the_folder_is_refused(folder):
    (folder.parent / "outside").mkdir()
    Path("rules").rmdir()
    Path("rules").symlink_to("../outside")

    assert problems({}) == [f"{AT}'rules' is a link that leaves the folder of this file"]


def test_links_in_a_circle_are_refused():
    Path("rules/a.yaml").symlink_to("b.yaml")
    Path("rules/b.yaml").symlink_to("a.yaml")

    for line in problems({}):
        assert line.startswith(f"{AT}cannot read 'rules/")


def test_a_pipe_is_refused_and_not_waited_for():
    os.mkfifo("rules/a.yaml")

    assert problems({}) == [f"{AT}'rules/a.yaml' is not a file"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: \xff", f"{AT}'rules/a.yaml' is not UTF-8 text, see byte 3"),
        (b"a: [}", "rules/a.yaml:1:5: is not YAML: "),
        (b"- a", "rules/a.yaml:1:1: must be a mapping of settings"),
        (b"a: &x [*x]", "rules/a.yaml:1:4: contains itself"),
    ],
)
def test_a_file_that_cannot_be_read_is_the_only_thing_told(content, expected):
    """Without it, every name that it defines would seem to be unknown."""
    Path("rules/a.yaml").write_bytes(content)
    [line] = problems({"gatepost.yaml": MAIN.replace("allow: staff", "allow: wiki")})

    assert line.startswith(expected)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"rules/a.yaml": "\nproviders: {}\n"},
            "rules/a.yaml:2:1: providers: an included file may have only routes, conditions, "
            "tests: move it to gatepost.yaml",
        ),
        (
            {"rules/a.yaml": "include: [b.yaml]\n"},
            "rules/a.yaml:1:1: include: an included file cannot include others: include them in "
            "gatepost.yaml",
        ),
        (
            {"rules/a.yaml": "rotues: []\n"},
            'rules/a.yaml:1:1: rotues: unknown setting "rotues" (did you mean "routes"?)',
        ),
        (
            {"rules/a.yaml": "routes: {name: a}\n"},
            "rules/a.yaml:1:1: routes: must be a list, not a mapping",
        ),
        (
            {"rules/a.yaml": "conditions: [a]\n"},
            "rules/a.yaml:1:1: conditions: must be a mapping, not a list",
        ),
        (
            {"rules/a.yaml": "conditions:\n"},
            "rules/a.yaml:1:1: conditions: is empty: set a value or omit it",
        ),
        (
            {"rules/a.yaml": "routes:\n  - {name: a, path: a, access: public}\n"},
            'rules/a.yaml:2:21: routes[0].path: "a" must start with /',
        ),
        (
            {"rules/a.yaml": REPORTS.replace("[staff, board]", "[staff, bored]")},
            'rules/a.yaml:2:63: routes[0].access.allow[1]: unknown condition "bored" '
            '(did you mean "board"?)',
        ),
        (
            {"rules/a.yaml": route("a", before="everythin")},
            'rules/a.yaml:1:54: routes[0].before: unknown route "everythin" '
            '(did you mean "everything"?)',
        ),
        (
            {"rules/a.yaml": route("a")},
            'rules/a.yaml:1:10: routes[0]: can never match: routes[1] "everything" at '
            "gatepost.yaml:8:5 takes all its requests (write before: everything)",
        ),
        (
            {
                "rules/a.yaml": route("all", "[/a, /static/x]", before="assets").replace(
                    "path", "prefix"
                )
            },
            None,
        ),
        (
            {"rules/a.yaml": route("a", "/static", before="assets").replace("path", "prefix")},
            'gatepost.yaml:7:5: routes[0]: can never match: routes[0] "a" at rules/a.yaml:1:10 '
            "takes all its requests",
        ),
        (
            {"rules/a.yaml": route("assets", "/a", before="everything")},
            'rules/a.yaml:1:17: routes[0].name: "assets" is already the name of routes[0] at '
            "gatepost.yaml:7:5",
        ),
        (
            {
                "rules/a.yaml": route("x", "/a", before="everything"),
                "rules/b.yaml": route("x", "/b", before="everything"),
            },
            'rules/b.yaml:1:17: routes[0].name: "x" is already the name of routes[0] at '
            "rules/a.yaml:1:10",
        ),
        (
            {"rules/a.yaml": "conditions: {staff: {group: s}}\n"},
            'rules/a.yaml:1:14: conditions.staff: "staff" is already defined at gatepost.yaml:5:14',
        ),
        (
            {"rules/a.yaml": route("a", "/${X}", before="everything")},
            "rules/a.yaml:1:26: routes[0].path: variable X is not set (${X:-default} gives it a "
            "default)",
        ),
        (
            {"rules/a.yaml": "conditions: {unused: {user: '${X}'}}\n"},
            "rules/a.yaml:1:29: conditions.unused.user: variable X is not set (${X:-default} gives "
            "it a default)",
        ),
        (
            {"rules/a.yaml": "routes: []\nroutes: []\n"},
            'rules/a.yaml:2:1: "routes" is repeated, first on line 1',
        ),
    ],
)
def test_a_mistake_names_its_own_file(files, expected):
    if expected is None:
        assert names(load_files(files))[0] == "all"
        return
    assert problems(files) == [expected]


def test_a_file_of_routes_has_its_own_numbers():
    text = "routes:\n" + "".join(
        f"  - {{name: {name}, path: {path}, access: public, before: everything}}\n"
        for name, path in (("a", "/a"), ("b", "b"))
    )

    assert problems({"rules/a.yaml": text}) == [
        'rules/a.yaml:3:21: routes[1].path: "b" must start with /'
    ]


def test_all_mistakes_come_in_the_order_of_the_files():
    found = problems(
        {
            "gatepost.yaml": MAIN.replace("/static", "static"),
            "rules/b.yaml": route("b", "b", before="everything"),
            "rules/a.yaml": "\n\n\n\n\n\n\n\n\n" + route("a", "a", before="everything"),
        }
    )

    assert [line.partition(": ")[0] for line in found] == [
        "gatepost.yaml:7:28",
        "rules/a.yaml:10:26",
        "rules/b.yaml:1:26",
    ]


def test_a_route_of_the_main_file_is_placed_by_the_list():
    main = MAIN.replace("access: public", "access: public, after: everything")

    assert problems({"gatepost.yaml": main}) == [
        "gatepost.yaml:7:60: routes[0].after: is for routes of included files: here, the order of "
        "the list decides"
    ]


def test_an_include_without_any_route_is_an_error():
    """Or a folder that is not mounted would let every signed-in user in."""
    main = MAIN.partition("routes:")[0].replace("conditions: {staff: {group: staff}}\n", "")

    assert problems({"gatepost.yaml": main}) == [
        "gatepost.yaml:4:1: include: there are no routes, neither here nor in the included files: "
        "write one"
    ]


def test_the_files_of_a_wrong_configuration_are_known():
    """So that a reload notices when they are corrected."""
    write({"gatepost.yaml": MAIN, "rules/a.yaml": route("a")})
    with pytest.raises(SettingsError) as caught:
        load(None, {})
    assert list(map(str, caught.value.files)) == ["gatepost.yaml", "rules", "rules/a.yaml"]

    write({"rules/a.yaml": "a: ["})
    with pytest.raises(SettingsError) as caught:
        load(None, {})
    assert list(map(str, caught.value.files)) == ["rules", "rules/a.yaml"]


def test_tests_are_one_list_in_the_order_of_the_files():
    first = {"request": "GET /", "expect": "sign_in"}
    loaded = load_files(
        {
            "gatepost.yaml": f"{MAIN}tests: [{first}]\n".replace("'", '"'),
            "rules/b.yaml": "tests:\n  - {request: GET /b, expect: sign_in}\n",
            "rules/a.yaml": "tests:\n  - {request: GET /a, expect: sign_in}\n",
        }
    )

    assert [it.request.partition(" ")[2] for it in loaded.settings.tests] == ["/", "/a", "/b"]
    assert [loaded.place(("tests", index)) for index in range(3)] == [
        "gatepost.yaml:9:9",
        "rules/a.yaml:2:5",
        "rules/b.yaml:2:5",
    ]


def test_a_mistake_in_a_test_names_its_own_file():
    assert problems({"rules/a.yaml": "tests: [{request: GET /}]\n"}) == [
        'rules/a.yaml:1:9: tests[0]: "expect" is missing'
    ]
