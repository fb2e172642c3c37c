"""Figures and their bars, and how they get into the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import document, report
from bench.quality import bitrate_at


def test_a_figure_is_the_median_of_its_runs_and_held_against_its_bar() -> None:
    slow = report.figure("Speed", "a clip", "CPU", [1.0, 1.2, 1.06], bar=1.05)
    assert slow.value == 1.06
    assert slow.holds is False
    assert report.figure("Quality", "a rung", "VMAF", [-0.1], bar=-0.2, sense="≥").holds is True
    assert report.figure("Speed", "a clip", "wall", [9.0]).holds is None
    assert "MISSED" in report.table([slow])


def test_sections_that_are_not_measured_again_keep_their_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results" / "latest.json")
    speed, sync = (report.figure(section, "a clip", "CPU", [1.0]) for section in ("Speed", "Sync"))
    report.write([speed, sync], command="make bench", loads=(0.1, 2.0))
    report.write([report.figure("Speed", "a clip", "CPU", [3.0])], command="make bench", loads=(0.1, 2.0))
    assert {each.section: each.value for each in report.figures_of(report.read())} == {"Speed": 3.0, "Sync": 1.0}


def test_the_page_gets_the_figures_between_its_marks_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text(document.DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "latest.json")
    monkeypatch.setattr(document, "DOCUMENT", page)
    report.write([report.figure("Speed", "a clip", "CPU", [1.02], bar=1.05)], command="make bench", loads=(0.1, 2.0))
    document.write_document()
    document.write_document()
    text = page.read_text(encoding="utf-8")
    assert text.count("| a clip | CPU | 1.02 | ≤ 1.05 |") == 1
    assert text.startswith("# Speed, memory and quality")
    # What was not measured keeps the figures that stood there.
    assert "\n### Reconcile\n\n| of | figure | median | bar |\n" in text
    assert text.index("### Reconcile") < text.index("### Speed\n")
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="has no lines"):
        document.write_document()


def test_a_bitrate_is_read_off_the_curve_between_its_points_and_beyond_them() -> None:
    curve = [(1000.0, 80.0), (2000.0, 90.0), (4000.0, 94.0)]
    assert bitrate_at(curve, 85.0) == pytest.approx(1000 * 2**0.5)
    assert bitrate_at(curve, 92.0) == pytest.approx(2000 * 2**0.5)
    assert bitrate_at(curve, 75.0) == pytest.approx(1000 / 2**0.5)
    assert bitrate_at(curve, 95.0) == pytest.approx(4000 * 2**0.25)
    # A rate is above nothing, however little is wanted.
    assert bitrate_at(curve, 10.0) > 0
