"""Signed messages, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body.

The headers ``webhook-id``, ``webhook-timestamp`` (seconds since 1970) and ``webhook-signature`` (``v1,`` and base64,
several separated by spaces) go with the body. Pure: the time is given.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TOLERANCE_S: Final = 5 * 60
"""How far the clocks of sender and receiver may be apart, and how long a caught message could be sent again."""

_VERSION: Final = "v1"
_PREFIX: Final = "whsec_"
_TIME: Final = re.compile("[0-9]{1,12}")
# A message with very many signatures would cost us as many comparisons.
_MAX_SIGNATURES: Final = 8
_MIN_KEY_BYTES: Final = 16


def keys_of(secret: str) -> tuple[bytes, ...]:
    """The keys in a secret's text: ``whsec_`` and base64, or plain text; several are separated by spaces.

    Raises:
        ValueError: what follows ``whsec_`` is no base64, or a key is so short that it could be guessed. The message
            does not repeat it.
    """
    return tuple(_key(each) for each in secret.split())


def signed_headers(secret: str, *, message_id: str, body: bytes, now_s: float) -> dict[str, str]:
    """The headers to send with the body; while a secret is replaced by another both sign."""
    time = str(int(now_s))
    signatures = (_signature(key, message_id, time, body) for key in keys_of(secret))
    return {ID_HEADER: message_id, TIME_HEADER: time, SIGNATURE_HEADER: " ".join(signatures)}


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float) -> bool:
    """Whether one of the secret's keys signed this body within `TOLERANCE_S`. Header names in lower case.

    Signatures are compared in constant time.
    """
    message_id, time = headers.get(ID_HEADER, ""), headers.get(TIME_HEADER, "")
    if not message_id or not _TIME.fullmatch(time) or abs(now_s - int(time)) > TOLERANCE_S:
        return False
    given = [each.encode() for each in headers.get(SIGNATURE_HEADER, "").split()[:_MAX_SIGNATURES]]
    expected = [_signature(key, message_id, time, body).encode() for key in keys_of(secret)]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)


def _signature(key: bytes, message_id: str, time: str, body: bytes) -> str:
    signed = f"{message_id}.{time}.".encode() + body
    return f"{_VERSION},{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _key(text: str) -> bytes:
    key = text.encode()
    if text.startswith(_PREFIX):
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except ValueError as error:
            raise ValueError(f"a webhook secret that begins with {_PREFIX} goes on in base64") from error
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"a webhook secret has at least {_MIN_KEY_BYTES} bytes")
    return key
