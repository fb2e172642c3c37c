"""The endpoints of outgoing webhooks, as an operator writes them in TOML (``NEWSREEL_WEBHOOKS_FILE``).

    [[endpoint]]
    name = "portal"
    url = "https://portal.example/hooks"
    secret_file = "/run/secrets/portal"        # or: secret = "whsec_…"
    events = ["clip.*", "article.complete"]    # every event, if left out

URLs come from here and from nowhere else: nothing that is uploaded can make newsreel send to an address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from tasks.errors import ConfigurationError
from tasks.records.deliveries import PING, EndpointState
from tasks.records.deliveries_events import EVENT_TYPES
from tasks.signature import keys_of

_SETTING: Final = "NEWSREEL_WEBHOOKS"


class Endpoint(BaseModel):
    """A receiver of webhooks; ``events`` are glob patterns. Plain HTTP needs ``allow_http``, except on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    # It often holds a secret of its own, so no repr shows it.
    url: str = Field(repr=False)
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    events: tuple[str, ...] = Field(default=("*",), min_length=1)
    allow_http: bool = False

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        if any(letter.isspace() or not letter.isprintable() or not letter.isascii() for letter in url):
            raise ValueError("has letters that must be percent-encoded")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
            raise ValueError("expected https://HOST/PATH")
        if parts.port == 0 or "@" in parts.netloc:
            raise ValueError("expected neither a user nor port 0")
        return url

    @field_validator("events")
    @classmethod
    def _match_something(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in events:
            if not any(fnmatchcase(each, pattern) for each in EVENT_TYPES):
                raise ValueError(f"“{pattern}” is no event; there are {', '.join(EVENT_TYPES)}")
        return events

    @model_validator(mode="after")
    def _is_safe(self) -> Endpoint:
        if urlsplit(self.url).scheme == "http" and not (self.allow_http or _is_loopback(self.url)):
            raise ValueError("url: expected https://; “allow_http = true” lets what is sent be read on its way")
        if bool(self.secret.get_secret_value()) == (self.secret_file is not None):
            raise ValueError("secret: expected either “secret” or “secret_file”")
        if not keys_of(self.key_text):
            raise ValueError("secret: it is empty")
        return self

    @property
    def key_text(self) -> str:
        """The secret as `tasks.signature` takes it; a file is read each time, so that it may be replaced."""
        if self.secret_file is None:
            return self.secret.get_secret_value()
        return self.secret_file.read_text(encoding="utf-8").strip()

    def wants(self, type_: str) -> bool:
        """Whether events of that type are sent there; a ping always is."""
        return type_ == PING or any(fnmatchcase(type_, pattern) for pattern in self.events)

    def state(self) -> EndpointState:
        """What may be shown of it."""
        parts = urlsplit(self.url)
        configured = "\n".join((self.url, *self.events, str(self.allow_http)))
        return EndpointState(
            name=self.name,
            origin=f"{parts.scheme}://{parts.netloc}",
            events=self.events,
            fingerprint=hashlib.sha256(configured.encode()).hexdigest()[:16],
        )


def read_endpoints(text: str) -> tuple[Endpoint, ...]:
    """The endpoints of a TOML text, none if it is empty.

    Raises:
        ConfigurationError: it is not as it should be; the message names endpoint and field, and no value.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_SETTING}: not TOML: {error}") from None
    listed = table.pop("endpoint", [])
    if table or not isinstance(listed, list):
        raise ConfigurationError(f"{_SETTING}: expected tables [[endpoint]] and nothing else")
    endpoints = tuple(_endpoint(each, place) for place, each in enumerate(listed, 1))
    names = [each.name for each in endpoints]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{_SETTING}: two endpoints are named “{name}”")
    return endpoints


def _endpoint(each: object, place: int) -> Endpoint:
    try:
        return Endpoint.model_validate(each)
    except ValidationError as error:
        faults = "; ".join(
            ": ".join([*map(str, fault["loc"]), fault["msg"].removeprefix("Value error, ")])
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"{_SETTING}, endpoint {place}: {faults}") from None
    except OSError as error:
        raise ConfigurationError(f"{_SETTING}, endpoint {place}, secret_file: {error.strerror}") from None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
