"""The library is an extra, and nobody without a directory pays for it."""

import subprocess
import sys

_LOAD = """
import sys
import gateway.assembly.worker, gateway.cli.commands, gateway.cli.doctor_checks.examination
print(sorted(it for it in sys.modules if it.partition(".")[0] in ("ldap3", "pyasn1")))
"""


def test_without_a_directory_the_library_is_not_imported():
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
