"""The recipes of the images, read as a builder reads them: no container engine runs here."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import hcl2
import pytest

ROOT = Path(__file__).parents[1]
FINAL = ("slim", "distroless")
final_stages = pytest.mark.parametrize("stage", FINAL)

# The instructions of a Dockerfile, as far as this project should need them.
INSTRUCTIONS = {
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "RUN",
    "USER",
    "VOLUME",
    "WORKDIR",
}


def instructions():
    """(stage, instruction, arguments) of the Dockerfile, continuation lines joined."""
    text = "\n".join(
        line
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if not line.lstrip().startswith("#")
    )
    stage = ""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.partition(" ")
            if name == "FROM":
                stage = arguments.split()[-1]
            yield stage, name, " ".join(arguments.split())


def arguments_of(name, stage=None):
    return [
        arguments
        for where, instruction, arguments in instructions()
        if instruction == name and stage in {None, where}
    ]


def exec_form(arguments):
    """The words of a CMD or ENTRYPOINT in its exec form: without a shell, which is not there."""
    words = json.loads(arguments)
    assert isinstance(words, list)
    return words


def test_the_dockerfile_has_only_known_instructions():
    assert {instruction for _, instruction, _ in instructions()} <= INSTRUCTIONS


def test_what_the_dockerfile_copies_exists_and_is_not_ignored():
    stages = {arguments.split()[2] for arguments in arguments_of("FROM")}
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    for arguments in arguments_of("COPY"):
        words = shlex.split(arguments)
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in stages
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists()
            assert source.partition("/")[0] in allowed


def test_the_scripts_that_the_dockerfile_runs_are_copied_before():
    """A stage that is based on another has its files."""
    copied = set()
    for _, name, arguments in instructions():
        words = arguments.split()
        if name == "COPY":
            copied |= {Path(word).name for word in words if word.startswith("scripts/")}
        if name == "RUN":
            run = {Path(word).name for word in words if word.startswith("scripts/")}
            assert run <= copied


def test_every_stage_stands_on_a_tag_on_another_stage_or_on_nothing():
    declared = dict(arguments.split("=", 1) for arguments in arguments_of("ARG"))
    stages = {"scratch"}

    for arguments in arguments_of("FROM"):
        image, _, name = arguments.split()
        image = re.sub(r"\$\{(\w+)\}", lambda found: declared[found[1]], image)
        assert image in stages or re.fullmatch(r"[a-z]+:[0-9][a-z0-9.-]+", image)
        stages.add(name)


def test_the_last_stage_is_what_a_build_without_a_target_makes():
    assert arguments_of("FROM")[-1].endswith("AS slim")


@final_stages
def test_the_image_runs_as_a_numeric_user_without_rights(stage):
    (user,) = arguments_of("USER", stage)

    assert re.fullmatch(r"[1-9][0-9]{3,}:[1-9][0-9]{3,}", user)
    assert any(f"--chown={user}" in arguments for arguments in arguments_of("COPY", stage))


@final_stages
def test_the_image_starts_and_checks_itself_with_commands_that_exist(stage):
    entrypoint = exec_form(arguments_of("ENTRYPOINT", stage)[0])
    command = exec_form(arguments_of("CMD", stage)[0])
    (health,) = arguments_of("HEALTHCHECK", stage)
    health_command = exec_form(health.partition("CMD ")[2])

    for words in ([*entrypoint, *command], health_command):
        assert words[0] == "gatepost"
        shown = subprocess.run(
            [sys.executable, "-m", "gateway", *words[1:], "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert shown.returncode == 0, shown.stderr


def test_both_images_run_the_same_way():
    differing = {"FROM", "COPY", "RUN", "ENV"}
    slim, distroless = (
        [(name, words) for where, name, words in instructions() if where == stage]
        for stage in FINAL
    )

    for name, words in slim:
        assert name in differing or (name, words) in distroless
    (slim_env,), (distroless_env,) = arguments_of("ENV", "slim"), arguments_of("ENV", "distroless")
    assert slim_env.replace(":$PATH", "") == distroless_env


def test_the_image_without_a_system_runs_nothing_while_it_is_built():
    assert not arguments_of("RUN", "distroless")


def test_the_image_ships_bytecode_that_is_believed_whatever_the_times_are():
    assert "--invalidation-mode unchecked-hash" in " ".join(arguments_of("RUN", "slim"))
    build = " ".join(arguments_of("RUN", "build"))
    assert "scripts/lean /opt/gatepost" in build
    assert "--require-hashes" in build
    assert "--invalidation-mode unchecked-hash" in (ROOT / "scripts" / "lean").read_text()
    for stage in FINAL:
        assert "PYTHONDONTWRITEBYTECODE=1" in " ".join(arguments_of("ENV", stage))


def test_the_data_directory_is_one_place_everywhere():
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(ROOT / "examples" / "systemd" / "gatepost.service")

    for stage in FINAL:
        (volume,) = arguments_of("VOLUME", stage)
        assert f"GATEPOST_DATA_DIR={volume}" in " ".join(arguments_of("ENV", stage))
        assert unit["Service"]["Environment"] == f"GATEPOST_DATA_DIR={volume}"
        assert f"/var/lib/{unit['Service']['StateDirectory']}" == volume


def plain(value):
    """What hcl2 read, without the quotation marks that it leaves around strings."""
    if isinstance(value, dict):
        return {key.strip('"'): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.strip('"') if isinstance(value, str) else value


def bake():
    with (ROOT / "docker-bake.hcl").open() as file:
        read = plain(hcl2.load(file))
    return {
        kind: {name: body for block in read[kind] for name, body in block.items()}
        for kind in ("variable", "group", "target")
    }


def test_the_bake_file_builds_both_images_for_both_architectures():
    baked = bake()

    assert tuple(baked["group"]["default"]["targets"]) == FINAL
    stages = {arguments.split()[2] for arguments in arguments_of("FROM")}
    for name in FINAL:
        target = baked["target"][name]
        common = baked["target"][target["inherits"][0]]
        assert target["target"] == name
        assert name in stages
        assert common["platforms"] == ["linux/amd64", "linux/arm64"]
        assert (ROOT / common["context"] / common["dockerfile"]).is_file()
    tags = [tag for name in FINAL for tag in baked["target"][name]["tags"]]
    assert len(set(tags)) == len(tags)


def test_every_variable_of_the_bake_file_is_declared_and_used():
    text = (ROOT / "docker-bake.hcl").read_text()
    used = set(re.findall(r"\$\{(\w+)\}|= ([A-Z]+)$", text, re.MULTILINE))

    assert {first or second for first, second in used} == set(bake()["variable"])
