"""The look-up of known vulnerabilities: it fails on one, and says so when it could not look."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KNOWN_GOOD = {"name": "amqp", "version": "5.0", "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "not found"}
BAD = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"]}]}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "some.lock"
    path.write_text("amqp==5.0 \\\n    --hash=sha256:00\njinja2==3.0 ; sys_platform == 'linux' \\\n", encoding="utf-8")
    return path


def audit(lock: Path, program: str) -> subprocess.CompletedProcess[str]:
    """What the audit says when pip-audit behaves as the shell program does; ``$*`` are its arguments."""
    fake = lock.with_name("pip-audit")
    fake.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    fake.chmod(0o755)
    env = {**os.environ, "PIP_AUDIT": str(fake)}
    return subprocess.run(
        [str(ROOT / ".ci" / "audit"), str(lock)], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def says(*found: object) -> str:
    return f"echo '{json.dumps({'dependencies': found})}'"


def test_a_known_vulnerability_fails_and_is_named(lock: Path) -> None:
    answer = audit(lock, says(KNOWN_GOOD, BAD))
    assert answer.returncode == 1
    assert "jinja2 3.0: PYSEC-1, fixed in 3.1" in answer.stdout


def test_packages_without_any_are_counted(lock: Path) -> None:
    answer = audit(lock, says(KNOWN_GOOD, UNKNOWN))
    assert (answer.returncode, answer.stdout) == (0, "audit: no known vulnerability in 1 packages, 1 not known there\n")


@pytest.mark.parametrize("program", ["exit 1", says(UNKNOWN), "echo not JSON"])
def test_without_a_database_it_says_that_nothing_was_checked(lock: Path, program: str) -> None:
    answer = audit(lock, program)
    assert (answer.returncode, answer.stdout) == (0, "audit: skipped, no advisory database answers from here\n")


def test_the_other_database_is_asked_where_one_is_away(lock: Path) -> None:
    answer = audit(lock, f'case "$*" in *osv*) {says(BAD)};; *) exit 1;; esac')
    assert answer.returncode == 1


def test_one_package_is_asked_for_before_all_of_them_are(lock: Path) -> None:
    told = f'cat "$2" >> "{lock.with_name("told")}"; exit 1'
    audit(lock, told)
    assert lock.with_name("told").read_text(encoding="utf-8") == "amqp==5.0\n" * 2
