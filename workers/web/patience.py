"""HTTP/1.1 connections that are closed if the client takes too long: no headers, half a body, nothing read.

Uvicorn alone waits for ever for the rest of a request once its first byte is there (the attack named Slowloris).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_Phase = Literal["headers", "body"]
_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"
)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """For how long a connection is waited for, in seconds.

    ``headers_s`` runs from the connection, or the answer before, until a request's headers are whole; ``body_s`` from
    there until its body is; ``unread_s`` while nothing of an answer is taken. A player that pauses may well stop
    reading: it asks for the rest when it goes on.
    """

    headers_s: float = 10.0
    body_s: float = 40.0
    unread_s: float = 120.0


def impatient(patience: Patience) -> type[H11Protocol]:
    """Uvicorn's own HTTP/1.1 with this patience."""

    class ImpatientProtocol(H11Protocol):
        """One connection. What a side sends in drops does not prolong its time."""

        _phase: _Phase | None = None
        _phase_timer: asyncio.TimerHandle | None = None
        _unread_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._follow()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._enter(None)
            self.resume_writing()

        def handle_events(self) -> None:
            super().handle_events()
            self._follow()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._follow()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread_timer = self.loop.call_later(patience.unread_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._unread_timer is not None:
                self._unread_timer.cancel()
                self._unread_timer = None

        def _follow(self) -> None:
            """Find what this connection waits for now; the time runs from when it began to wait for it."""
            state = self.conn.their_state
            phase: _Phase | None = "headers" if state is h11.IDLE else "body" if state is h11.SEND_BODY else None
            if phase != self._phase:
                self._enter(None if self.transport.is_closing() else phase)

        def _enter(self, phase: _Phase | None) -> None:
            self._phase = phase
            if self._phase_timer is not None:
                self._phase_timer.cancel()
                self._phase_timer = None
            if phase is not None:
                seconds = patience.headers_s if phase == "headers" else patience.body_s
                self._phase_timer = self.loop.call_later(seconds, self._give_up)

        def _give_up(self) -> None:
            if self.transport.is_closing():
                return
            has_begun = bool(self.conn.trailing_data[0])
            if self._phase == "headers" and has_begun:
                self.transport.write(_TOO_SLOW)
            # What it has been sent so far still goes out, but for no longer than somebody reads it.
            self.transport.close()

    return ImpatientProtocol
