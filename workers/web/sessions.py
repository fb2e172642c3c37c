"""Who is signed in at the desk: a signed cookie, good for half a day, and a token for each session's forms.

The cookie holds when the session ends at the latest, and is signed (HMAC-SHA256) with a key that is derived from the
operators' token, so that a new token ends every session. Pure: the time is given.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

GOOD_FOR_S: Final = 12 * 3600
_COOKIE: Final = re.compile(r"(?P<signed>v1\.(?P<until>[0-9]{1,12})\.[A-Za-z0-9_-]{22})\.(?P<mac>[0-9a-f]{64})")


class Sessions:
    """The sessions of those who know a secret; without one there are none."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._key = hmac.digest(self._secret, b"newsreel desk session 1", hashlib.sha256)

    @property
    def are_possible(self) -> bool:
        """Whether there is a secret to sign in with."""
        return bool(self._secret)

    def knows(self, presented: str) -> bool:
        """Whether that is the secret; compared in constant time."""
        return self.are_possible and hmac.compare_digest(presented.encode(), self._secret)

    def begin(self, now_s: float) -> str:
        """A new session's cookie."""
        signed = f"v1.{int(now_s) + GOOD_FOR_S}.{secrets.token_urlsafe(16)}"
        return f"{signed}.{self._mac('cookie', signed)}"

    def is_good(self, cookie: str, now_s: float) -> bool:
        """Whether the cookie is one of ours, and its time has not run out."""
        found = _COOKIE.fullmatch(cookie)
        if found is None or not self.are_possible:
            return False
        return hmac.compare_digest(self._mac("cookie", found["signed"]), found["mac"]) and now_s < int(found["until"])

    def form_token(self, cookie: str) -> str:
        """What the forms of that session carry, and no other site's can."""
        return self._mac("form", cookie)

    def mark(self, cookie: str) -> str:
        """A name for that session from which nobody can tell its cookie."""
        return self._mac("mark", cookie)

    def _mac(self, what: str, text: str) -> str:
        return hmac.new(self._key, f"{what}\n{text}".encode(), hashlib.sha256).hexdigest()
