"""Carrying out the plan: each fault is done to the running stack, and undone when its time is over."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

import redis

from tests.chaos import processes
from tests.chaos.plan import Fault, FaultKind, Plan
from tests.chaos.processes import Process
from tests.chaos.small_disk import SmallDisk
from tests.chaos.stack import LEASE_S, ChaosStack
from workers.local_servers import REDIS, SEAWEEDFS
from workers.processes import GATEWAY, SCHEDULER

# How long to wait for a victim, when none is there at the moment: an ffmpeg, a worker that is just being restarted.
_WAIT_S: Final = 8.0
_AT_THE_STORE: Final = frozenset(
    {
        FaultKind.STORE_503,
        FaultKind.STORE_409,
        FaultKind.STORE_412,
        FaultKind.LOST_412,
        FaultKind.STORE_STALL,
        FaultKind.STORE_LATENCY,
        FaultKind.CUT_REQUEST,
        FaultKind.CUT_ANSWER,
        FaultKind.LOST_ANSWER,
    }
)


class Injector:
    """Does what a plan says. ``done`` counts the faults that met somebody, ``missed`` those that found no victim."""

    def __init__(self, stack: ChaosStack, plan: Plan, disk: SmallDisk) -> None:
        self._stack = stack
        self._disk = disk
        self._plan = plan
        self._lock = threading.Lock()
        self.done: Counter[FaultKind] = Counter()
        self.missed: Counter[FaultKind] = Counter()
        self.begun = 0
        self._armed: Counter[FaultKind] = Counter()

    def run(self, started: float) -> None:
        """Each fault in its time, counted from ``started`` (monotonic); returns when the last one is undone."""
        threads = []
        for fault in self._plan.faults:
            time.sleep(max(0.0, started + fault.at_s - time.monotonic()))
            self.begun += 1
            if fault.kind in _AT_THE_STORE:
                self._armed[fault.kind] += 1
                self._stack.store_proxy.arm(fault.kind, requests=fault.requests, lasts_s=fault.lasts_s)
                continue
            # In a thread of its own: one that waits for its victim must not hold up the others.
            thread = threading.Thread(target=self._inject, args=(fault,), name=fault.kind, daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        unmet = self._stack.store_proxy.disarm()
        for kind, number in self._armed.items():
            self.missed[kind] += unmet.get(kind, 0)
            self.done[kind] += number - unmet.get(kind, 0)
        self._stack.event_proxy.disarm()

    def _inject(self, fault: Fault) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not self._try(fault):
            if time.monotonic() > deadline:
                with self._lock:
                    self.missed[fault.kind] += 1
                return
            time.sleep(0.02)
        with self._lock:
            self.done[fault.kind] += 1

    def _try(self, fault: Fault) -> bool:
        match fault.kind:
            case FaultKind.KILL_FFMPEG:
                return self._kill(fault, [each for each in self._workers_tree() if each.is_media_tool])
            case FaultKind.KILL_POOL_CHILD:
                return self._kill(fault, self._pool_children())
            case FaultKind.KILL_WORKER:
                return _signal_one(fault, list(self._stack.workers().values()), signal.SIGKILL)
            case FaultKind.KILL_GATEWAY:
                return self._signal_service(GATEWAY, signal.SIGKILL)
            case FaultKind.KILL_SCHEDULER:
                return self._signal_service(SCHEDULER, signal.SIGKILL)
            case FaultKind.FREEZE_WORKER:
                return self._freeze_worker(fault)
            case FaultKind.REDIS_RESTART:
                how = signal.SIGKILL if fault.choice < 0.5 else signal.SIGTERM
                return self._signal_service(REDIS, how)
            case FaultKind.REDIS_FREEZE:
                pid = self._stack.pid(REDIS)
                return pid is not None and self._freeze([pid], fault.lasts_s)
            case FaultKind.REDIS_SLOW:
                return self._slow_redis(fault.lasts_s)
            case FaultKind.DISK_FULL:
                return self._disk.fill(fault.lasts_s)
            case FaultKind.REDIS_FLUSHALL | FaultKind.REDIS_CLIENT_KILL:
                return self._tell_redis(fault.kind)
            case FaultKind.STORE_RESTART:
                return self._signal_service(SEAWEEDFS, signal.SIGTERM)
            case _:
                raise AssertionError(fault.kind)

    def _workers_tree(self) -> list[Process]:
        return processes.below(self._stack.workers().values())

    def _pool_children(self) -> list[Process]:
        mains = set(self._stack.workers().values())
        return [each for each in self._workers_tree() if each.parent in mains and not each.is_media_tool]

    def _kill(self, fault: Fault, victims: Sequence[Process]) -> bool:
        return _signal_one(fault, [each.pid for each in victims], signal.SIGKILL)

    def _signal_service(self, name: str, how: signal.Signals) -> bool:
        pid = self._stack.pid(name)
        return pid is not None and _send(pid, how)

    def _freeze_worker(self, fault: Fault) -> bool:
        # One that has a clip in its hands: freezing an idle one shows nothing.
        busy = [
            pid
            for name, pid in sorted(self._stack.workers().items())
            if "transcode" in name and any(each.is_media_tool for each in processes.below([pid]))
        ]
        if not busy:
            return False
        main = busy[int(fault.choice * len(busy))]
        return self._freeze([main, *(each.pid for each in processes.below([main]))], LEASE_S + fault.lasts_s)

    def _freeze(self, pids: Sequence[int], seconds: float) -> bool:
        frozen = [pid for pid in pids if _send(pid, signal.SIGSTOP)]
        time.sleep(seconds)
        for pid in frozen:
            _send(pid, signal.SIGCONT)
        return bool(frozen)

    def _slow_redis(self, seconds: float) -> bool:
        """Most commands of everybody wait for up to 0.3 s (CLIENT PAUSE), for so long."""
        until = time.monotonic() + seconds
        try:
            with self._stack.redis() as client:
                while time.monotonic() < until:
                    client.client_pause(300)
                    time.sleep(0.35)
        except (redis.RedisError, OSError):
            return False
        return True

    def _tell_redis(self, kind: FaultKind) -> bool:
        try:
            with self._stack.redis() as client:
                if kind is FaultKind.REDIS_FLUSHALL:
                    client.flushall()
                else:
                    client.client_kill_filter(_type="normal", skipme=True)
                    client.client_kill_filter(_type="pubsub", skipme=True)
        except (redis.RedisError, OSError):
            return False
        return True


def _signal_one(fault: Fault, pids: Sequence[int], how: signal.Signals) -> bool:
    return bool(pids) and _send(sorted(pids)[int(fault.choice * len(pids))], how)


def _send(pid: int, how: signal.Signals) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
        return True
    return False
