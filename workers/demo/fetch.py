"""Fetching every file that a clip's record names, as a portal would: over HTTP, manifests and storyboards followed."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from tasks.records import keys
from tasks.records.clip_record import ClipRecord

_TIMEOUT_S: Final = 30.0
_FETCHERS: Final = 4
_CHUNK_BYTES: Final = 256 * 1024
# Attributes of RFC 8216 that name a file: media of a group, the init segment, a key, an I-frame playlist.
_HLS_URI: Final = re.compile(r'URI="([^"]+)"')
_VTT_SHEET: Final = re.compile(r"^(\S+#xywh=\S+)\s*$", re.MULTILINE)
_FOLLOWED: Final = (".m3u8", ".vtt")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """How many files came, how large they were together, and what went wrong with which."""

    files: int
    size_bytes: int
    faults: tuple[str, ...]


def fetch_everything(gateway_url: str, records: Iterable[ClipRecord]) -> Fetched:
    """Fetch the records from the gateway's ``/media/``, and every file that they, their playlists and VTTs name.

    A fault is a file that does not come whole, that is empty, or a record without playlist, MP4 or poster.
    """
    files = size_bytes = 0
    faults: list[str] = []
    with ThreadPoolExecutor(max_workers=_FETCHERS) as pool:
        wanted: set[str] = set()
        for record in records:
            wanted.add(f"{gateway_url.rstrip('/')}/media/{quote(keys.clip_record(record.name))}")
            wanted |= _named(record, gateway_url)
            faults += _lacking(record)
        seen: set[str] = set()
        while wanted:
            seen |= wanted
            found: set[str] = set()
            for file in pool.map(_fetch, sorted(wanted)):
                files += 1
                size_bytes += file.size_bytes
                faults += [f"{file.url}: {file.fault}"] if file.fault else []
                found |= set(references(file.url, file.text))
            wanted = found - seen
    return Fetched(files=files, size_bytes=size_bytes, faults=tuple(faults))


def references(url: str, text: str) -> Iterator[str]:
    """Absolute URLs of the files that a playlist (``.m3u8``) or a storyboard (``.vtt``) names."""
    path = urlsplit(url).path
    if path.endswith(".m3u8"):
        lines = [line.strip() for line in text.splitlines()]
        named = [line for line in lines if line and not line.startswith("#")]
        named += [uri for line in lines if line.startswith("#EXT") for uri in _HLS_URI.findall(line)]
    elif path.endswith(".vtt"):
        named = _VTT_SHEET.findall(text)
    else:
        named = []
    for each in named:
        yield urldefrag(urljoin(url, each)).url


@dataclass(frozen=True, kw_only=True)
class _File:
    url: str
    size_bytes: int = 0
    text: str = ""
    fault: str = ""


def _fetch(url: str) -> _File:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        if answer.status != 200:
            return _File(url=url, fault=f"HTTP {answer.status}")
        is_followed = parts.path.endswith(_FOLLOWED)
        size_bytes, kept = 0, bytearray()
        while chunk := answer.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            if is_followed:
                kept += chunk
        promised = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException) as error:
        return _File(url=url, fault=str(error) or type(error).__name__)
    finally:
        connection.close()
    if size_bytes == 0:
        return _File(url=url, fault="empty")
    # A read of a given size does not complain when the connection ends early.
    if promised is not None and int(promised) != size_bytes:
        return _File(url=url, size_bytes=size_bytes, fault=f"{size_bytes} of {promised} bytes came")
    return _File(url=url, size_bytes=size_bytes, text=kept.decode("utf-8", "replace"))


def _named(record: ClipRecord, gateway_url: str) -> set[str]:
    base = f"{gateway_url.rstrip('/')}/media/{quote(keys.clip_record(record.name))}"
    relative = [record.hls, record.dash, *(mp4.url for mp4 in record.mp4), *(file.url for file in record.audio)]
    if record.poster:
        relative.append(record.poster.url)
    if record.storyboard:
        relative += [record.storyboard.vtt, *record.storyboard.images]
    return {urljoin(base, url) for url in relative if url}


def _lacking(record: ClipRecord) -> Iterator[str]:
    for what, there in (("HLS playlist", record.hls), ("MP4", record.mp4 or record.audio), ("poster", record.poster)):
        if not there:
            yield f"{record.name}: its record names no {what}"
