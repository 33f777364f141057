"""The project keeps its own promises: documentation, locks, and nothing left lying about."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from gateway.endpoints import table
from gateway.endpoints.desk.desk import DESK_PATH
from gateway.endpoints.doctor import PATH as DOCTOR_PATH
from gateway.message.names import IDENTITY_NAMES, IDENTITY_PREFIXES
from gateway.message.original import AUTH_PATH
from gateway.message.public_url import OWN_PREFIX
from gateway.model import Identity
from gateway.mutate.identity import AssertionRules, assertion_claims
from gateway.sessions.ticket import new_ticket
from gateway.settings.load import load
from gateway.settings.presets import PRESETS
from tests.fixtures.certificates import Authority
from tests.fixtures.countries import write_countries

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
SKIPPED_DIRECTORIES = {
    ".cache",
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "data",
    "dist",
    "node_modules",
}

# Spelled in parts, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:" + r"root\b|home/[a-z]|Users/|wo" + "rk/)")
REGISTRY = re.compile("|".join((r"pypi\.", r"pythonhosted\.", r"npmjs\.", r"ghcr\.", r"quay\.io")))


def project_files():
    """Every text file of the project."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if path.is_file() and not SKIPPED_DIRECTORIES & set(inside):
            yield path


def texts():
    for path in project_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("something unfinished", UNFINISHED),
        ("a path of one machine", MACHINE_PATH),
        ("the host of a registry", REGISTRY),
    ],
)
def test_no_file_has(what, pattern):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]

    assert not found, f"{what}:\n" + "\n".join(found)


def test_every_text_file_ends_with_one_newline():
    found = [
        str(path.relative_to(ROOT))
        for path, text in texts()
        if text and (not text.endswith("\n") or text.endswith("\n\n"))
    ]

    assert not found


def headings(page):
    """The anchors of a page's headings, as the usual renderers make them."""
    lines = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", lines, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_resolve(page):
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):  # noqa: TID251 - only what it starts with matters
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)

    assert not broken


def entries(navigation):
    """Every page of the navigation, in order."""
    for entry in navigation:
        if isinstance(entry, str):
            yield entry
        else:
            ((_, inside),) = entry.items()
            yield from entries([inside] if isinstance(inside, str) else inside)


def test_every_page_is_in_the_navigation_once_and_every_entry_is_a_page():
    """Zensical, strict as it is, leaves this out."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    docs = ROOT / "docs"
    pages = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))

    assert pages == sorted(entries(navigation))


def test_the_navigation_is_in_the_order_of_a_readers_questions():
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    assert [title for entry in navigation for title in entry] == [
        "Start",
        "Concepts",
        "Guides",
        "Apps",
        "Providers",
        "Reference",
        "Operations",
        "Threat model",
        "Performance",
        "Decisions",
    ]


def test_the_site_has_a_twin_of_each_page_and_a_list_whose_links_lead_to_them(tmp_path):
    subprocess.run([sys.executable, "scripts/site_twins.py", tmp_path], cwd=ROOT, check=True)
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix(): path.read_text() for path in docs.rglob("*.md")}
    twins = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.md")}
    text = (tmp_path / "llms.txt").read_text()
    listed = re.findall(r"^- \[.+?\]\((\S+)\)(?:: .+\.)?$", text, re.MULTILINE)

    assert {name: path.read_text() for name, path in twins.items()} == pages
    assert sorted(listed) == sorted(pages)
    assert text.startswith("# Gatepost\n\n> ")
    assert "\n## Threat model\n\n- [Threat model](threat-model.md): " in text


def configurations():
    """Every YAML block of the documentation that is a whole configuration."""
    for page in PAGES:
        blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```", page.read_text(), re.M | re.S)
        for number, (indent, block) in enumerate(blocks):
            text = re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
            if re.search("^public_url:", text, re.MULTILINE):
                yield pytest.param(text, _files_beside(blocks), id=f"{page.name}-{number}")


def _files_beside(blocks):
    """The included files that a page shows: blocks that begin with their name."""
    named = ((block.partition("\n")[0].removeprefix("# "), block) for _, block in blocks)
    return {name: block for name, block in named if re.fullmatch(r"rules/\S+", name)}


def test_the_documentation_shows_configurations():
    assert len(list(configurations())) >= 4


@pytest.mark.parametrize(("text", "beside"), list(configurations()))
def test_a_configuration_of_the_documentation_is_right(text, beside, tmp_path):
    for secret in set(re.findall(r"file: (/\S*[a-z.])", text)):
        stand_in = tmp_path / Path(secret).name
        if stand_in.name.endswith("-ca.pem"):
            stand_in = Authority(tmp_path, stand_in.stem).cert
        elif stand_in.suffix in (".crt", ".key"):
            # Both of a pair are written again, so that they fit.
            Authority(tmp_path).issue(stand_in.stem)
        elif "key" in stand_in.name:
            stand_in = Authority(tmp_path).issue(stand_in.name).key
        else:
            stand_in.write_text("a-secret-that-is-long-enough-for-everything\n")
            stand_in.chmod(0o600)
        text = text.replace(secret, str(stand_in))

    page = tmp_path / "gatepost.yaml"
    page.write_text(text)
    write_countries(tmp_path / "countries.mmdb")
    for name, block in beside.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(block)

    loaded = load(page, {"OIDC_CLIENT_SECRET": "s3cret"})

    assert loaded.warnings == ()


def test_the_readme_has_the_two_commands_and_the_smallest_file():
    readme = (ROOT / "README.md").read_text()

    assert "\nmake demo\n" in readme
    assert "\nmake test\n" in readme


def test_every_target_the_documentation_names_can_be_made():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }

    assert named
    assert named <= targets


def test_continuous_integration_runs_the_checks_and_the_readmes_test_command():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()

    assert "make check" in lines
    assert "make site" in lines
    assert "make test" in lines


def test_every_target_with_a_purpose_is_phony_and_listed_by_help():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    listed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    for target in re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE):
        assert target in phony
        assert re.search(rf"^{target} ", listed, re.MULTILINE)


def test_every_field_that_is_removed_is_documented():
    page = (ROOT / "docs" / "what-the-app-receives.md").read_text()
    removed = page.partition("## Removed first")[2].partition("## Identity fields")[0]
    listed = re.findall(r"`([A-Za-z0-9$-]+[*]?)`", removed)
    documented = {name.lower().replace("$", "-") for name in listed}

    names = {name.decode() for name in IDENTITY_NAMES}
    prefixes = {f"{prefix.decode()}*" for prefix in IDENTITY_PREFIXES}

    assert names | prefixes <= documented


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_documented_with_its_fields(preset):
    page = (ROOT / "docs" / "what-the-app-receives.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{preset}`")]

    assert re.findall(r"`([A-Z][A-Za-z-]+)`", row) == list(PRESETS[preset])


def test_every_claim_of_the_assertion_is_documented():
    page = (ROOT / "docs" / "what-the-app-receives.md").read_text()
    section = page.partition("## The assertion")[2].partition("## About the connection")[0]
    rules = AssertionRules("Gatepost-Assertion", "https://notes.example.com", "notes", 60)
    text = {each.name: "x" for each in fields(Identity) if each.type in (str, str | None)}
    times = {"authenticated_at": 1, "expires_at": 2}
    everything = Identity(**text, **times, amr=("pwd",), scopes=frozenset({"x"}))

    claims = assertion_claims(everything, rules, now=0, token_id="x")

    assert claims.keys() <= set(re.findall(r"`([a-z_]+)`", section))


def test_the_endpoints_documented_are_those_there_are():
    page = (ROOT / "docs" / "endpoints.md").read_text()
    source = (ROOT / "gateway" / "endpoints" / "table.py").read_text()
    named = re.findall(r"\b((?:responses\.)?[A-Z]\w+_PATH)\b", source)
    written = re.findall(r'\{([\w.]+)\}(/[a-z._/-]+)"', source)
    there_are = {
        (attrgetter(name)(table) + rest).removeprefix(f"{OWN_PREFIX}/")
        for name, rest in (*((it, "") for it in named), *written)
    }
    # The pipeline answers these: they depend on more than the request to the endpoint.
    own = {it.removeprefix(f"{OWN_PREFIX}/") for it in (AUTH_PATH, DOCTOR_PATH)}

    rows = re.findall(
        r"^\| `(?:GET or POST|GET|POST) ([a-z.][a-z._/-]+)[^|]*` \|", page, re.MULTILINE
    )
    # The calls of the administrator's desk are in its guide.
    desk = {DESK_PATH.removeprefix(f"{OWN_PREFIX}/")}
    documented = {row.rstrip("/") for row in rows if not row.startswith("api/admin/")}

    assert documented == own | there_are | desk


def test_the_calls_of_the_desk_documented_are_those_there_are():
    page = (ROOT / "docs" / "guides" / "administration.md").read_text()
    folder = ROOT / "gateway" / "endpoints" / "desk"
    source = "".join(it.read_text() for it in folder.glob("*.py"))
    call = r"(?:GET|POST|PATCH|DELETE) [a-z-]+(?:/[a-z{}-]+)?"
    there_are = set(re.findall(rf'"({call})":', source))

    rows = re.findall(r"^\| (`[A-Z].*?`) \|", page.partition("## Calls")[2], re.MULTILINE)
    documented = {it for row in rows for it in re.findall(call, row)}

    assert len(there_are) > 20
    assert documented == there_are


def test_the_commands_documented_are_those_there_are():
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = set(re.findall(r"^  ([a-z-]+)", shown.partition("Commands:")[2], re.MULTILINE))

    documented = set(re.findall(r"^\| `gatepost ([a-z]+)", page, re.MULTILINE))

    # Not in the list, because it is answered before the command line is even imported.
    assert documented == listed | {"healthcheck"}


def test_the_page_of_commands_is_what_they_print():
    page = (ROOT / "docs" / "commands.md").read_text()
    printed = subprocess.run(
        [sys.executable, "-m", "gateway", "healthcheck", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    written = subprocess.run(
        [sys.executable, "scripts/commands_reference.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "40"},
        check=False,
    )

    assert written.returncode == 0
    assert f"## gatepost healthcheck\n\n```text\n{printed}```\n" in page


def test_every_metric_is_documented():
    page = (ROOT / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"^\| `(gatepost_[a-z_]+)`", page, re.MULTILINE))
    source = "".join(path.read_text() for path in (ROOT / "gateway").rglob("metrics*.py"))
    kept = set(re.findall(r"gatepost_[a-z_]+", source))

    assert kept
    assert {name for name in kept if not {name, f"{name}_total"} & documented} == set()


def test_the_changelog_is_newest_first():
    text = (ROOT / "docs" / "changelog.md").read_text()
    versions = re.findall(r"^## ([0-9][^ \n]*)", text, re.MULTILINE)

    assert re.search(r"^## ", text, re.MULTILINE)
    assert versions == sorted(versions, key=Version, reverse=True)


def locked(name):
    """Package -> version in one of the locks."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


# Which locks hold what a group of pyproject.toml declares.
LOCKS_OF_GROUP = {
    "test": ("dev",),
    "check": ("dev",),
    "build": ("dev", "build"),
    "compile": ("dev", "compile"),
    "bench": ("bench",),
    "apps": ("apps",),
    "providers": ("providers",),
    "deploy": ("deploy",),
    "release": ("release",),
    "site": ("site",),
}


def declared():
    """Every dependency of pyproject.toml, with the lock it must be in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = project["project"].get("optional-dependencies", {}).values()
    for line in [*project["project"]["dependencies"], *(x for extra in extras for x in extra)]:
        yield "runtime", line
        yield "dev", line
    for group, lines in groups.items():
        for line in lines:
            for lock in LOCKS_OF_GROUP[group]:
                yield lock, line


@pytest.mark.parametrize(("lock", "line"), list(declared()))
def test_the_locks_hold_what_the_project_declares(lock, line):
    requirement = Requirement(line)
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()

    version = locked(lock).get(name)

    assert version is not None, f"{name} is not in {lock}.lock: run `make lock`"
    assert version in requirement.specifier, f"{lock}.lock is behind: run `make lock`"


def test_the_extra_all_has_every_other_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = dict(project["project"]["optional-dependencies"])
    everything = extras.pop("all")

    assert sorted(everything) == sorted(line for lines in extras.values() for line in lines)


def test_a_problem_that_a_page_shows_has_the_type_that_is_sent():
    shown = [
        found
        for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for found in re.findall(r'"type": "([^"]*)".*?"reason": "([^"]*)"', page.read_text())
    ]

    assert shown
    assert [kind for kind, reason in shown if kind != f"urn:gatepost:reason:{reason}"] == []


def test_the_audit_line_that_a_page_shows_names_a_session_as_it_is_named():
    page = (ROOT / "docs" / "operations.md").read_text()
    [line] = re.findall(r'^\{"time": .*"decision": .*\}$', page, flags=re.MULTILINE)

    assert len(json.loads(line)["session"]) == len(new_ticket(os.urandom).session_id)
    assert "SHA-256 in hex, 64 digits" in page


def test_the_locks_agree_and_every_package_has_hashes():
    dev = locked("dev")
    for path in sorted((ROOT / "requirements").glob("*.lock")):
        packages = locked(path.stem)
        entries = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)[1:]

        assert packages, path
        assert {name: dev.get(name, version) for name, version in packages.items()} == packages
        assert all("--hash=sha256:" in entry for entry in entries), path
    assert locked("runtime").items() <= dev.items()


@pytest.mark.parametrize(
    ("directory", "exactly"),
    [
        ("tests/provider", {"oidc-provider": "8.8.1"}),
        ("tests/providers/oidc-provider-9", {"oidc-provider": "9.13.3"}),
        ("tests/clients", {"openid-client": "6.8.1", "@modelcontextprotocol/sdk": "1.32.2"}),
        ("tests/browser", {"axe-core": "4.14.1"}),
        ("examples/verify", {"express": "5.3.0", "hono": "4.13.19", "jose": "6.2.18"}),
    ],
)
def test_an_npm_lock_has_exact_versions_and_integrity_but_no_addresses(directory, exactly):
    lock = json.loads((ROOT / directory / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    for name, version in exactly.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_the_go_example_declares_and_locks_the_same_modules():
    directory = ROOT / "examples" / "verify" / "go"
    required = re.findall(
        r"^\t?(?:require )?(\S+/\S+) (v\S+)", (directory / "go.mod").read_text(), re.M
    )
    locked = (directory / "go.sum").read_text()

    assert len(required) >= 3
    for module, version in required:
        assert f"{module} {version} h1:" in locked


def proofs():
    """Every row of the threat model that states a rule: (rule, the tests that prove it)."""
    page = (ROOT / "docs" / "threat-model.md").read_text()
    for section in page.split("\n## ")[1:]:
        _, found, rows = section.partition("| rule | proven by |\n|---|---|\n")
        if found:
            for rule, tests in re.findall(r"^\| (.+) \| (.*) \|$", rows, re.MULTILINE):
                yield rule, re.findall(r"`(tests/[^`]+)`", tests)


def is_there(path, *names):
    """Whether the file has the test, or the class and the test in it."""
    text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
    return bool(names) and all(
        re.search(rf"^ *(?:class|def|async def) {name}\b", text, re.MULTILINE) for name in names
    )


def test_every_rule_of_the_threat_model_is_proven_by_tests_that_exist():
    rules = dict(proofs())
    missing = [
        test for tests in rules.values() for test in tests if not is_there(*test.split("::"))
    ]

    assert len(rules) >= 39
    assert [rule for rule, tests in rules.items() if not tests] == []
    assert missing == []


def test_no_tool_that_is_missing_skips_a_test():
    """Only published lists that lie beside the tree may be missing; a set-up brings all else."""
    skips = re.compile(r"importorskip|\bskip(?:if)?\(")
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        if "node_modules" in path.parts or path == Path(__file__) or not skips.search(text):
            continue
        assert "importorskip" not in text, path
        assert re.search(r'/ "shared" / "data"', text), path


def test_the_layers_in_the_documentation_are_those_that_are_checked():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [it["layers"] for it in contracts["contracts"] if it["id"] == "layers"]
    (told,) = re.findall(
        r"^```text\n(.+?)^```", (ROOT / "docs" / "contributing.md").read_text(), re.M | re.S
    )

    assert [line.split() for line in told.splitlines()] == [
        line.split(" | ") for line in layers if line != "__main__"
    ]
