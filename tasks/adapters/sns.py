"""Amazon SNS: verifying signatures with AWS's certificates, confirming subscriptions; no other address is contacted."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import urlsplit

import structlog

from tasks.adapters.clock import utc_now
from tasks.errors import SourceRejected, TemporarilyUnavailable
from tasks.sns import SnsMessage, read_message

_log = structlog.get_logger()

Fetch = Callable[[str], bytes]

_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 64 * 1024
_CERTIFICATES_KEPT: Final = 16


class SnsTopics:
    """The topics that we listen to. Safe to share between threads.

    Parameters:
        topics: their ARNs; a message of any other is refused before anything is fetched.
        fetch: how an ``https`` address of AWS is read.
    """

    def __init__(self, topics: Collection[str], fetch: Fetch | None = None) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch or fetch_https
        self._certificates: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._topics)

    def receive(self, body: bytes) -> str | None:
        """The text that a notification carries; None for the messages in which SNS speaks of the subscription itself.

        A subscription's confirmation is answered before this returns.

        Raises:
            SourceRejected: as `tasks.sns.read_message`, or ``sns_forged``: AWS did not sign it.
            TemporarilyUnavailable: (``sns_unavailable``) AWS did not answer.
        """
        message = read_message(body, self._topics)
        self._verify(message)
        if message.kind == "Notification":
            return message.message
        if message.kind == "SubscriptionConfirmation" and message.subscribe_url is not None:
            self._fetch(message.subscribe_url)
        _log.info("sns.subscription", topic=message.topic, message=message.kind)
        return None

    def _verify(self, message: SnsMessage) -> None:
        # Loaded by the gateways that are sent SNS messages only; it takes as long as the rest of them.
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        try:
            page = self._certificate(message.certificate_url)
            certificate = x509.load_pem_x509_certificate(page)
            self._keep(message.certificate_url, page)
            key = certificate.public_key()
            if not isinstance(key, RSAPublicKey):
                raise _forged("the certificate's key is not of RSA")
            if not certificate.not_valid_before_utc <= utc_now() <= certificate.not_valid_after_utc:
                raise _forged("the certificate is not valid now")
            # SHA-1 is what version 1 of SNS's signatures has; a topic can be told to use version 2.
            digest = SHA1() if message.digest == "sha1" else SHA256()  # noqa: S303
            key.verify(base64.b64decode(message.signature, validate=True), message.signed_text, PKCS1v15(), digest)
        except InvalidSignature as error:
            raise _forged("the signature does not fit the message") from error
        except ValueError as error:
            raise _forged(f"{type(error).__name__} in certificate or signature") from error

    def _certificate(self, url: str) -> bytes:
        with self._lock:
            kept = self._certificates.get(url)
        return self._fetch(url) if kept is None else kept

    def _keep(self, url: str, certificate: bytes) -> None:
        with self._lock:
            self._certificates[url] = certificate
            if len(self._certificates) > _CERTIFICATES_KEPT:
                self._certificates.popitem(last=False)


def fetch_https(url: str) -> bytes:
    """The body at that ``https`` address; a redirection is an error, and so is more than 64 KiB.

    Raises:
        TemporarilyUnavailable: (``sns_unavailable``) the server did not answer with 200.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES + 1)
        if answer.status != http.client.OK or len(body) > _MAX_BYTES:
            raise _unavailable(f"{parts.netloc} answered {answer.status} with {len(body)} bytes")
    except (OSError, http.client.HTTPException) as error:
        raise _unavailable(f"{parts.netloc}: {error}") from error
    else:
        return body
    finally:
        connection.close()


def _forged(detail: str) -> SourceRejected:
    return SourceRejected("sns_forged", "Amazon SNS did not sign this message.", detail)


def _unavailable(detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("sns_unavailable", "Amazon SNS does not answer.", detail)
