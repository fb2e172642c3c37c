"""Articles made to choke a reader or to run a script: read in bounded time, as text, or refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_READ = """
import json, resource, sys
from zoneinfo import ZoneInfo
from tasks.errors import SourceRejected
from tasks.news.reading import read_article
try:
    article = read_article(open(sys.argv[1], "rb").read(), sys.argv[2], zone=ZoneInfo("Asia/Ho_Chi_Minh"))
    told = " ".join(each.text for each in article.paragraphs)[:2000]
except SourceRejected as error:
    told = "refused: " + error.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([told, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""
LAUGHS = '<!DOCTYPE html [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{number} "{f"&a{number - 1};" * 10}">' for number in range(1, 12)
)
HOSTILE = {
    "ten megabytes of one line": ("txt", "a" * 10_000_000),
    "ten megabytes of references": ("txt", "Video: a.mp4\n" * 700_000),
    "emphasis without end": ("md", "*a **b " * 100_000),
    "a million spaces before a name": ("txt", "Video:" + " " * 1_000_000 + "a"),
    "brackets without end": ("txt", "[video " * 200_000),
    "elements 200,000 deep": ("html", "<div>" * 200_000 + "words"),
    "lists within lists": ("html", "<ul><li>" * 50_000 + "words"),
    "formatting that is never closed": ("html", "<b><i><a href=x>" * 30_000 + "words"),
    "billion laughs": ("xhtml", LAUGHS + "]><html><body><p>&a11;</p></body></html>"),
    "a file for an entity": (
        "xhtml",
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>words &x;</p></body></html>',
    ),
    "an attribute of ten megabytes": ("html", '<p class="' + "a" * 9_000_000 + '">words</p>'),
    "100,000 attributes": ("html", "<p " + " ".join(f"a{number}=b" for number in range(100_000)) + ">words</p>"),
    "quotes within quotes": ("md", "> " * 20_000 + "words"),
    "brackets of links": ("md", "[" * 50_000 + "words" + "](x)" * 1000),
    "JSON 100,000 deep": ("json", "[" * 100_000),
    "ninjs 5,000 deep": ("json", '{"body_text": ' + '{"a":' * 5000 + "1" + "}" * 5001),
    "a number of a million digits": ("json", '{"headline": ' + "9" * 1_000_000 + "}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_article_is_read_or_refused_in_bounded_time(name: str, tmp_path: Path) -> None:
    extension, text = HOSTILE[name]
    path = tmp_path / "article"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", _READ, str(path), extension]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told, cpu_s, memory_bytes = json.loads(finished.stdout)
    assert cpu_s < 10
    assert memory_bytes < 1024**3
    assert "root:" not in told
