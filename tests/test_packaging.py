"""What is shipped: the wheel, the image's recipe, the set-up scripts, the examples' units."""

import configparser
import re
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import answers, terminate, wait_until

ROOT = Path(__file__).parents[1]

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
    """(instruction, arguments) of the Dockerfile, continuation lines joined."""
    text = "\n".join(
        line
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if not line.lstrip().startswith("#")
    )
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.partition(" ")
            yield name, " ".join(arguments.split())


def arguments_of(name):
    return [arguments for instruction, arguments in instructions() if instruction == name]


def exec_form(arguments):
    """The words of a CMD or ENTRYPOINT in its exec form."""
    assert re.fullmatch(r"\[.*\]", arguments), f"not in exec form: {arguments}"
    return [word.strip().strip('"') for word in arguments[1:-1].split(",")]


def test_the_dockerfile_has_only_known_instructions():
    assert {instruction for instruction, _ in instructions()} <= INSTRUCTIONS


def test_what_the_dockerfile_copies_exists_and_is_not_ignored():
    stages = {words[2] for arguments in arguments_of("FROM") if (words := arguments.split())[1:2]}
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


def test_every_arg_in_a_from_is_declared_with_a_tag():
    declared = dict(arguments.split("=", 1) for arguments in arguments_of("ARG"))

    for arguments in arguments_of("FROM"):
        image = re.sub(r"\$\{(\w+)\}", lambda found: declared[found[1]], arguments.split()[0])
        assert re.fullmatch(r"[a-z]+:[0-9][a-z0-9.-]+", image)


def test_the_image_runs_as_a_numeric_user_without_rights():
    (user,) = arguments_of("USER")

    assert re.fullmatch(r"[1-9][0-9]{3,}:[1-9][0-9]{3,}", user)


def test_the_image_starts_and_checks_itself_with_commands_that_exist():
    entrypoint = exec_form(arguments_of("ENTRYPOINT")[0])
    command = exec_form(arguments_of("CMD")[0])
    (health,) = arguments_of("HEALTHCHECK")
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


def test_the_image_ships_bytecode_that_is_believed_whatever_the_times_are():
    run = " ".join(arguments_of("RUN"))

    assert "--invalidation-mode unchecked-hash /opt/gatepost/lib" in run
    assert "--require-hashes" in run
    assert "PYTHONDONTWRITEBYTECODE=1" in " ".join(arguments_of("ENV"))


def test_the_data_directory_is_one_place_everywhere():
    (volume,) = arguments_of("VOLUME")
    environment = " ".join(arguments_of("ENV"))
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(ROOT / "examples" / "systemd" / "gatepost.service")

    assert f"GATEPOST_DATA_DIR={volume}" in environment
    assert unit["Service"]["Environment"] == f"GATEPOST_DATA_DIR={volume}"
    assert f"/var/lib/{unit['Service']['StateDirectory']}" == volume


@pytest.mark.parametrize(
    "path",
    [".ci/run", "scripts/lock", *(f"scripts/setup-{x}" for x in ("python", "node", "debian"))],
)
def test_a_script_can_be_run_and_stops_at_the_first_failure(path):
    text = (ROOT / path).read_text()

    assert (ROOT / path).stat().st_mode & stat.S_IXUSR
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with the few programs the scripts themselves use, and nothing they look for."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "env", "grep", "id", "mktemp", "rm", "sha256sum"):
        (directory / name).symlink_to(shutil.which(name))
    return directory


def run_script(name, *arguments, path, tree=ROOT):
    return subprocess.run(
        [shutil.which("bash"), tree / "scripts" / name, *arguments],
        env={"PATH": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def program(directory, name, *lines):
    path = directory / name
    path.unlink(missing_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def test_without_root_or_sudo_the_setup_says_exactly_what_to_install(bare_path):
    program(bare_path, "apt-get", "exit 99")
    program(bare_path, "id", "echo 1000")

    ran = run_script("setup-debian", "chromium", "chromium-driver", path=bare_path)

    assert ran.returncode == 1
    assert "apt-get install --no-install-recommends chromium chromium-driver" in ran.stderr


def test_as_root_the_setup_installs_only_what_is_missing(bare_path, tmp_path):
    log = tmp_path / "log"
    program(bare_path, "apt-get", f'echo "$@" >>{log}')
    program(bare_path, "id", "echo 0")
    program(bare_path, "chromium")

    ran = run_script("setup-debian", "chromium", "chromium-driver", path=bare_path)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "· installing Debian packages: chromium-driver (a minute or two)\n"
    assert log.read_text() == "update\ninstall --yes --no-install-recommends chromium-driver\n"


def test_the_setup_fails_where_the_installation_fails(bare_path):
    program(bare_path, "apt-get", 'echo "E: no such package"', "exit 100")
    program(bare_path, "id", "echo 0")

    ran = run_script("setup-debian", "chromium", path=bare_path)

    assert ran.returncode == 1
    assert "E: no such package" in ran.stderr


def test_where_everything_is_there_the_setup_is_silent(bare_path):
    program(bare_path, "chromium")

    ran = run_script("setup-debian", "chromium", path=bare_path)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_an_old_python_is_told_kindly(bare_path):
    program(bare_path, "python3", '[ "$1" = --version ] && echo Python 3.9.2', "exit 1")

    ran = run_script("setup-python", "runtime", path=bare_path)

    assert ran.returncode == 1
    assert "Python 3.11 or newer" in ran.stderr
    assert "3.9.2" in ran.stderr


def test_a_python_without_venv_gets_debians_package(bare_path, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    shutil.copytree(ROOT / "requirements", tree / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tree)
    program(bare_path, "apt-get", "exit 99")
    program(bare_path, "id", "echo 1000")
    program(bare_path, "python3", 'case "$*" in *ensurepip*) exit 1 ;; esac')

    ran = run_script("setup-python", "runtime", path=bare_path, tree=tree)

    assert ran.returncode == 1
    assert "apt-get install --no-install-recommends python3-venv" in ran.stderr


def test_a_missing_node_is_told_kindly(bare_path):
    ran = run_script("setup-node", path=bare_path)

    assert ran.returncode == 1
    assert "Node.js 20" in ran.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built as the image builds it, from a copy without what tests leave behind."""
    tree = tmp_path_factory.mktemp("wheel") / "tree"
    tree.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gateway", tree / "gateway", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *command, "--wheel-dir", "dist", "."], cwd=tree, check=True)
    (built,) = (tree / "dist").glob("*.whl")
    return built


def test_the_wheel_has_every_module_and_page_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info/" not in name}
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert names == files
    assert not any(fnmatch(name, "*test*") for name in names)


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The `gatepost` command of the wheel, in an environment of its own, compiled as in the image.

    The packages it needs are those of the tests' own environment, so nothing is downloaded.
    """
    home = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    site = next(home.glob("lib/python3.*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-compile", wheel], check=True)
    tested = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # Later on the path than the wheel, which is therefore what is imported as `gateway`.
    (site / "packages.pth").write_text(f"{tested}\n")
    compileall = [home / "bin" / "python", "-m", "compileall", "-q"]
    subprocess.run([*compileall, "--invalidation-mode", "unchecked-hash", site], check=True)
    return home / "bin" / "gatepost"


def test_the_installed_command_runs_from_its_own_compiled_files(installed, tmp_path):
    code = "import gateway, gateway.errors; print(gateway.__file__, gateway.errors.__cached__)"
    shown = subprocess.run(
        [installed.parent / "python", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert all(path.startswith(str(installed.parents[1])) for path in shown)
    assert Path(shown[1]).exists()


def test_the_installed_gateway_starts_from_the_environment_alone_and_passes_its_health_check(
    installed, tmp_path
):
    port, admin_port = take_free_port(), take_free_port()
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    environment = clean_environment(
        {
            "AUTH_MODE": "oidc-only",
            "GATEPOST_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "GATEPOST_UPSTREAM": f"http://127.0.0.1:{take_free_port()}",
            "GATEPOST_OIDC_ISSUER": "https://id.example.com",
            "GATEPOST_OIDC_CLIENT_ID": "notes",
            "GATEPOST_OIDC_CLIENT_SECRET": "s3cret",
            "GATEPOST_SECRET": "0123456789abcdef0123456789abcdef",
            "GATEPOST_SERVER__LISTEN": f"127.0.0.1:{port}",
            "GATEPOST_SERVER__ADMIN_LISTEN": f"127.0.0.1:{admin_port}",
            "GATEPOST_DATA_DIR": str(data),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    del environment["PATH"]
    options = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL}
    sick = subprocess.run([installed, "healthcheck"], **options, capture_output=True)
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen([installed, "serve"], **options, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{admin_port}/healthz"), process, "serve")
        well = subprocess.run([installed, "healthcheck"], **options, capture_output=True)
    finally:
        status = terminate(process, "gatepost serve")

    assert sick.returncode == 1
    assert well.returncode == 0, well.stderr
    assert status == 0, log_path.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"data", "log"}
