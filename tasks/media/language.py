"""Language tags: from those in files (ISO 639-2, either form, or BCP 47) to those of players (RFC 5646), and names."""

from __future__ import annotations

import re
from typing import Final

# The shortest tag (RFC 5646, 2.2.1), its ISO 639-2 codes, and the language's name in itself.
_KNOWN: Final = """
vi vie Tiếng Việt
en eng English
fr fra,fre Français
de deu,ger Deutsch
es spa Español
pt por Português
it ita Italiano
nl nld,dut Nederlands
sv swe Svenska
no nor Norsk
da dan Dansk
fi fin Suomi
pl pol Polski
cs ces,cze Čeština
hu hun Magyar
ro ron,rum Română
el ell,gre Ελληνικά
uk ukr Українська
ru rus Русский
tr tur Türkçe
ar ara العربية
he heb עברית
hi hin हिन्दी
th tha ไทย
lo lao ລາວ
km khm ខ្មែរ
my mya,bur မြန်မာ
id ind Bahasa Indonesia
ms msa,may Bahasa Melayu
zh zho,chi 中文
ja jpn 日本語
ko kor 한국어
qaa qaa Original
mis mis Other
mul mul Multilingual
"""
_ROWS: Final = tuple(line.split(" ", 2) for line in _KNOWN.strip().splitlines())
_SHORTEST: Final = {code: short for short, codes, _ in _ROWS for code in codes.split(",")}
_NAMES: Final = {short: name for short, _, name in _ROWS}


def language_tag(written: str | None) -> str | None:
    """The RFC 5646 tag for a file's tag, None if that names no language: ``fre`` and ``fra`` are both ``fr``."""
    primary, dash, rest = (written or "").strip().partition("-")
    primary = primary.lower()
    if primary in ("und", "zxx") or not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*", primary + dash + rest):
        return None
    return _SHORTEST.get(primary, primary) + dash + rest


def language_name(tag: str | None) -> str:
    """The name for a player's menu: the language's own name, or its tag."""
    if tag is None:
        return "main"
    primary, _, rest = tag.partition("-")
    return _NAMES.get(primary, primary) + (f" ({rest})" if rest else "")
