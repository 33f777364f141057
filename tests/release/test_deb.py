"""The .deb, as `make deb` left it: what it holds runs, and a real dpkg installs and purges it."""

import configparser
import subprocess

import pytest

import gateway
from tests.fixtures.installed import assert_runs
from tests.fixtures.processes import require_tool
from tests.release.conftest import one

# Over the root file system lies an empty one, which takes all that is written: dpkg, adduser and
# the package see this machine, and this machine sees nothing of them.
OVER_THE_ROOT = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
cp "$2" "$1/root/gatepost.deb"
exec chroot "$1/root" sh -euc "$3"
"""
LIFE = """
dpkg --install /gatepost.deb
stat --format '%A %U:%G %n' /etc/gatepost /var/lib/gatepost
su --shell /bin/sh gatepost -c 'gatepost --version'
echo '# mine' >> /etc/gatepost/gatepost.yaml
touch /var/lib/gatepost/gatepost.db
dpkg --install /gatepost.deb
tail -n 1 /etc/gatepost/gatepost.yaml
dpkg --remove gatepost
ls /var/lib/gatepost/gatepost.db /etc/gatepost/gatepost.yaml
dpkg --purge gatepost
ls -d /var/lib/gatepost /etc/gatepost 2>/dev/null || echo nothing left
id -un gatepost
"""


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deb")
    subprocess.run([require_tool("dpkg-deb"), "-x", one("*.deb"), folder], check=True)
    return folder


def test_what_is_in_it_runs(extracted, tmp_path):
    # By its Python: the command names the one in /usr/lib, where nothing is installed here.
    python = extracted / "usr" / "lib" / "gatepost" / "bin" / "python"

    assert_runs([python, "-I", "-m", "gateway"], tmp_path)


def test_the_command_and_the_unit_name_what_is_in_it(extracted):
    command = extracted / "usr" / "bin" / "gatepost"
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(extracted / "usr/lib/systemd/system/gatepost.service")
    service = unit["Service"]

    assert command.read_text().splitlines()[0] == "#!/usr/lib/gatepost/bin/python"
    program, *_, config = service["ExecStart"].split()
    assert (extracted / program.lstrip("/")).exists()
    assert (extracted / config.lstrip("/")).exists()
    assert (service["User"], service["Group"]) == ("gatepost", "gatepost")
    assert "DynamicUser" not in service
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")


def test_dpkg_installs_upgrades_removes_and_purges_it(tmp_path):
    sh = [require_tool("unshare"), "--mount", "sh", "-euc", OVER_THE_ROOT, "sh"]
    lived = subprocess.run(
        [*sh, tmp_path, one("*.deb"), LIFE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    said = lived.stdout + lived.stderr
    assert lived.returncode == 0, f"{said}\n(needs root, for mounts in a namespace of its own)"
    for line in (
        "drwxr-x--- root:gatepost /etc/gatepost",
        "drwx------ gatepost:gatepost /var/lib/gatepost",
        f"gatepost, version {gateway.__version__} (compiled)",
        "# mine",
        "/var/lib/gatepost/gatepost.db",
        "nothing left",
    ):
        assert line in said.splitlines(), said
    assert said.splitlines()[-1] == "gatepost"
