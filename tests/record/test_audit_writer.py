"""Where audit lines are written, and what happens where they cannot be."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from gateway.record import audit_sinks, audit_writer
from gateway.record.audit_writer import AuditWriter
from gateway.settings.schema import AuditSettings
from tests.fixtures.processes import wait_until
from tests.patience import PATIENCE_S

LINE = b'{"time":"2026-11-22T10:20:00.250Z","n":%d}\n'


class Drops(dict):
    """How many lines were dropped, by reason."""

    def count(self, reason, lines):
        self[reason] = self.get(reason, 0) + lines


@pytest.fixture
def drops():
    return Drops()


@pytest.fixture
def open_writer(drops):
    """Open writers that are closed at the end, as that of a process is with the process."""
    opened = []

    def begin(path, **settings):
        opened.append(AuditWriter(AuditSettings(file=str(path), **settings), drops.count))
        return opened[-1]

    yield begin
    for writer in opened:
        writer.close()


def written(writer, *lines):
    """Write `lines` and wait until the thread is done with them."""
    for line in lines:
        writer.write(line)
    writer.flush()
    end = time.monotonic() + PATIENCE_S
    while writer._done_bytes < writer._passed_bytes:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_lines_are_written_in_order_and_a_reopened_file_takes_the_next(tmp_path, open_writer):
    first, second = tmp_path / "first", tmp_path / "second"
    writer = open_writer(first)

    writer.write(b"1\n")
    writer.write(b"2\n")
    writer.reopen(AuditSettings(file=str(second)))
    writer.write(b"3\n")
    writer.close()

    assert first.read_bytes() == b"1\n2\n"
    assert second.read_bytes() == b"3\n"


def test_a_file_that_cannot_be_opened_changes_nothing(tmp_path, open_writer):
    kept = tmp_path / "kept"
    writer = open_writer(kept)

    with pytest.raises(OSError, match="not-there"):
        writer.reopen(AuditSettings(file=str(tmp_path / "not-there" / "audit")))
    writer.write(b"1\n")
    writer.close()

    assert kept.read_bytes() == b"1\n"


@pytest.mark.parametrize("gone", ["moved", "deleted"])
def test_a_file_that_was_moved_away_is_made_again_without_a_signal(tmp_path, open_writer, gone):
    file, moved = tmp_path / "audit.log", tmp_path / "moved"
    writer = open_writer(file)
    written(writer, b"1\n")
    file.rename(moved)
    if gone == "deleted":
        moved.unlink()

    written(writer, b"2\n")

    assert file.read_bytes() == b"2\n"
    assert gone == "deleted" or moved.read_bytes() == b"1\n"


def test_lines_are_kept_where_the_directory_is_gone(tmp_path, open_writer, drops):
    (tmp_path / "a").mkdir()
    writer = open_writer(tmp_path / "a" / "audit.log")
    (tmp_path / "a").rename(tmp_path / "b")

    written(writer, b"1\n")

    assert (tmp_path / "b" / "audit.log").read_bytes() == b"1\n"
    assert drops == {}


def test_a_full_file_is_rotated_and_the_oldest_is_dropped(tmp_path, open_writer):
    file = tmp_path / "audit.log"
    writer = open_writer(file, max_bytes=8, keep=2)

    for number in range(7):
        written(writer, b"%03d\n" % number)

    assert {it.name: it.read_bytes() for it in tmp_path.iterdir()} == {
        "audit.log": b"006\n",
        "audit.log.1": b"004\n005\n",
        "audit.log.2": b"002\n003\n",
    }


def test_lines_that_are_larger_than_a_file_may_be_have_one_of_their_own(tmp_path, open_writer):
    file = tmp_path / "audit.log"
    writer = open_writer(file, max_bytes=4, keep=3)

    written(writer, b"longer than that\n")
    written(writer, b"1\n")

    assert file.read_bytes() == b"1\n"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["audit.log", "audit.log.1"]


def test_of_several_workers_one_rotates_and_no_line_is_lost(tmp_path, open_writer, drops):
    file = tmp_path / "audit.log"
    writers = [open_writer(file, max_bytes=2000, keep=100) for _ in range(3)]

    def work(writer, name):
        for number in range(400):
            writer.write(b"%d %d\n" % (name, number))
            writer.flush()

    threads = [threading.Thread(target=work, args=(it, n)) for n, it in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        written(writer)

    files = list(tmp_path.iterdir())
    lines = [line for it in files for line in it.read_bytes().splitlines()]
    assert sorted(lines) == sorted(b"%d %d" % (n, m) for n in range(3) for m in range(400))
    # A worker that waited long writes many lines at once, and looks at the size afterwards.
    assert 2 <= len(files) <= 30
    assert drops == {}


def test_a_full_disk_drops_lines_counts_them_and_says_so_once(open_writer, drops, caplog):
    writer = open_writer("/dev/full")

    for _ in range(3):
        written(writer, b"1\n", b"2\n")

    assert drops == {"write-failed": 6}
    assert [it.getMessage() for it in caplog.records] == [
        "audit: [Errno 28] No space left on device: lines are dropped, and counted in the metrics"
    ]


def test_a_line_cut_off_by_a_full_disk_is_not_continued(tmp_path):
    """A limit on the size of files stands for a disk with as much room."""
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(tmp_path / "audit")],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (done.stderr, done.stdout) == ("", "1 lost\n")
    first, cut, last, end = (tmp_path / "audit").read_bytes().split(b"\n")
    assert (first, cut, last, end) == (b"a" * 900, b"b" * 99, b"after", b"")


CUT_OFF = """
import resource, signal, sys
from gateway.record.audit_sinks import LinesLostError, open_sink
from gateway.settings.schema import AuditSettings
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
sink = open_sink(AuditSettings(file=sys.argv[1]))
try:
    sink.write(b"a" * 900 + b"\\n" + b"b" * 900 + b"\\n")
except LinesLostError as error:
    print(error.lines, "lost")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sink.write(b"after\\n")
"""


def test_a_reader_that_hangs_takes_no_memory_and_holds_up_no_request(
    tmp_path, open_writer, drops, monkeypatch
):
    monkeypatch.setattr(audit_writer, "_MOST_WAITING_BYTES", 300_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    writer = open_writer(pipe)
    line = b"x" * 999 + b"\n"

    for _ in range(1000):
        writer.write(line)
        writer.flush()

    waiting = writer._passed_bytes - writer._done_bytes
    assert waiting <= 300_000
    assert drops["queue-full"] >= 500
    taken = 1000 - drops["queue-full"]
    received = 0
    while received < taken * len(line):
        received += len(os.read(reader, 65536))
    written(writer, b"again\n")
    assert os.read(reader, 100) == b"again\n"
    os.close(reader)


def test_a_syslog_server_gets_one_message_a_line(open_writer, drops):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        writer = open_writer(f"syslog://127.0.0.1:{server.getsockname()[1]}")
        written(writer, LINE % 1, LINE % 2)
        first, second = server.recv(65536), server.recv(65536)

    start = rf"<86>1 2026-11-22T10:20:00\.250Z \S+ gatepost {os.getpid()} audit - ".encode()
    assert re.fullmatch(start + re.escape((LINE % 1)[:-1]), first)
    assert second.endswith((LINE % 2)[:-1])
    assert drops == {}


def test_the_syslog_of_this_machine_may_start_again(tmp_path, open_writer, drops, monkeypatch):
    place = tmp_path / "log"
    monkeypatch.setattr(audit_sinks, "_DEV_LOG", str(place))
    daemon = syslog_daemon(place)
    writer = open_writer("syslog")
    written(writer, LINE % 1)
    assert daemon.recv(65536).endswith((LINE % 1)[:-1])
    daemon.close()
    place.unlink()

    written(writer, LINE % 2)
    assert drops == {"write-failed": 1}

    daemon = syslog_daemon(place)
    written(writer, LINE % 3)
    assert daemon.recv(65536).endswith((LINE % 3)[:-1])
    daemon.close()


def syslog_daemon(place):
    daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    daemon.bind(str(place))
    daemon.settimeout(30)
    return daemon


def test_without_a_syslog_the_gateway_does_not_start(tmp_path, monkeypatch, drops):
    monkeypatch.setattr(audit_sinks, "_DEV_LOG", str(tmp_path / "log"))

    with pytest.raises(OSError, match=r"No such file or directory: '.*/log'"):
        AuditWriter(AuditSettings(file="syslog"), drops.count)


async def test_requests_are_answered_while_the_disk_is_full(gateway_process, raw_upstream):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    gateway = gateway_process(
        {
            "upstreams": {"app": upstream.url},
            "routes": [{"name": "all", "prefix": "/", "access": "denied"}],
            "audit": {"file": "/dev/full"},
        }
    )
    none_dropped = 'gatepost_audit_lines_dropped_total{reason="write-failed"} 0.0'
    assert none_dropped in gateway.metrics()

    for _ in range(3):
        with pytest.raises(urllib.request.HTTPError, match="403"):
            urllib.request.urlopen(gateway.base_url, timeout=PATIENCE_S)

    dropped = 'gatepost_audit_lines_dropped_total{reason="write-failed"} 3.0'
    wait_until(lambda: dropped in gateway.metrics(), gateway.process, dropped)
    assert gateway.log().count("No space left on device") == 1
