import multiprocessing

import pytest

from gateway.errors import SettingsError
from gateway.sealing.sealer import Sealer
from gateway.sealing.secret import (
    configured_secrets,
    kept_secrets,
    rotate_kept_secret,
    server_secrets,
)


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    directory = tmp_path / "data"
    made = kept_secrets(directory)

    assert kept_secrets(directory) == made
    assert len(made) == 1
    assert len(made[0]) >= 32
    assert (directory / "secret").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in directory.iterdir()] == ["secret"]
    assert kept_secrets(tmp_path / "elsewhere") != made


def _report(directory, barrier, answers):
    barrier.wait()
    answers.put(kept_secrets(directory))


def test_processes_that_start_at_once_get_the_same(tmp_path):
    spawning = multiprocessing.get_context("spawn")
    barrier, answers = spawning.Barrier(4), spawning.Queue()
    workers = [
        spawning.Process(target=_report, args=(tmp_path, barrier, answers)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    made = {answers.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join()

    assert made == {kept_secrets(tmp_path)}
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_a_rotation_keeps_the_old_secret_for_a_while(tmp_path):
    first = kept_secrets(tmp_path)
    sealed = Sealer(first).seal("p", b"data")

    for kept in (2, 3, 3):
        rotate_kept_secret(tmp_path)
        assert len(kept_secrets(tmp_path)) == kept
        opened = Sealer(kept_secrets(tmp_path)).open_sealed("p", sealed)
        assert (opened is not None) is (first[0] in kept_secrets(tmp_path))
    assert first[0] not in kept_secrets(tmp_path)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"\n\n", b"short\n", b"x" * 32 + b"\nshort\n"])
def test_a_file_that_holds_no_secret_is_refused_and_kept(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(SettingsError, match="secret"):
        kept_secrets(tmp_path)
    assert (tmp_path / "secret").read_bytes() == content


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="data_dir"):
        kept_secrets(tmp_path / "file")
    (tmp_path / "secret").mkdir()
    with pytest.raises(SettingsError, match="data_dir"):
        kept_secrets(tmp_path)


def test_configured_secrets_are_long_enough():
    assert configured_secrets(["n" * 32, "é" * 16]) == (b"n" * 32, "é".encode() * 16)
    for wrong in ([], ["n" * 31], ["n" * 32, ""]):
        with pytest.raises(SettingsError):
            configured_secrets(wrong)


def test_the_secret_kept_before_one_was_given_is_the_older_of_two(tmp_path):
    given = "g" * 32
    assert server_secrets([given], tmp_path) == (b"g" * 32,)
    assert list(tmp_path.iterdir()) == []

    (kept,) = server_secrets([], tmp_path)
    assert server_secrets([given], tmp_path) == (b"g" * 32, kept)
    assert server_secrets([given, "h" * 32], tmp_path) == (b"g" * 32, b"h" * 32, kept)
    assert server_secrets([kept.decode()], tmp_path) == (kept,)
    assert server_secrets([given], tmp_path, uses_data_dir=False) == (b"g" * 32,)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_kept_secret_that_cannot_be_read_is_not_passed_over(tmp_path, content):
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(SettingsError, match="data_dir"):
        server_secrets(["g" * 32], tmp_path)


def test_a_kept_secret_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "secret").mkdir()

    with pytest.raises(SettingsError, match="data_dir"):
        server_secrets(["g" * 32], tmp_path)
