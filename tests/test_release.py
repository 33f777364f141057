"""The release workflow, held to the rest of the tree: what it runs exists, and asks for little."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
JOBS = WORKFLOW["jobs"]


def steps(job):
    return JOBS[job]["steps"]


def test_a_job_may_do_only_what_it_asks_for():
    assert WORKFLOW["permissions"] == {}
    for name, job in JOBS.items():
        assert job["permissions"], name
        # Only what publishes may write to the repository.
        assert (job["permissions"].get("contents") == "write") == (name == "publish")


def test_no_checkout_leaves_a_credential_for_later_steps():
    checkouts = [
        step for job in JOBS for step in steps(job) if "actions/checkout" in step.get("uses", "")
    ]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_is_published_before_the_tests_have_passed():
    needs = {name: job.get("needs", []) for name, job in JOBS.items()}

    assert ".ci/run" in [step.get("run") for step in steps("check")]
    assert (needs["files"], needs["images"]) == ("check", "check")
    assert set(needs["publish"]) == {"files", "images"}


@pytest.mark.parametrize("job", ["files", "images", "publish"])
def test_what_is_published_is_attested(job):
    used = [step.get("uses", "") for step in steps(job)]

    assert any(name.startswith("actions/attest-") for name in used)
    assert JOBS[job]["permissions"]["id-token"] == "write"
    assert JOBS[job]["permissions"]["attestations"] == "write"


def test_every_action_has_a_version():
    used = [step["uses"] for job in JOBS for step in steps(job) if "uses" in step]

    assert [
        name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v[0-9]+|[0-9a-f]{40})", name)
    ] == []


def test_the_targets_that_it_makes_exist():
    made = {
        target
        for job in JOBS
        for step in steps(job)
        for words in re.findall(r"^make ([a-z -]+)", step.get("run", ""), re.MULTILINE)
        for target in words.split()
    }
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {"dist", "deb", "image-size"} <= made <= set(targets)
