"""A reporter's voice: eSpeak NG's library, called where it lies in its wheel. A synthesised voice, but real words."""

from __future__ import annotations

import ctypes
import wave
from pathlib import Path
from typing import Final

_TEXT: Final = (
    "Good evening. Traffic in the old town came to a stand this afternoon, after the river rose above the lower road. "
    "The city's engineers say that the bridge will open again tomorrow, at seven. "
    "A cyclist told our reporter that nobody had put up a sign. "
    "The mayor answered: We did, but the water took it away! "
    "Buses number four, nine and twelve go by the station until further notice. "
    "Now to the weather. It will stay dry in the north, with some wind from the sea, and twenty one degrees. "
)
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(package: Path, target: Path, *, duration_s: float) -> None:
    """Write that many seconds of speech to a mono WAV; ``package`` is the unpacked wheel."""
    library = ctypes.CDLL(str(next(package.glob("libespeak-ng.*"))))
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(package).encode(), 0)
    if rate <= 0:
        raise RuntimeError("eSpeak NG finds no voice")
    samples = bytearray()

    def take(pointer: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if pointer and count > 0:
            samples.extend(ctypes.string_at(pointer, count * 2))
        return 0

    callback = _Callback(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en-us")
    text = _TEXT.encode()
    while len(samples) < duration_s * rate * 2:
        library.espeak_Synth(text, len(text) + 1, 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    library.espeak_Terminate()
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(samples[: round(duration_s * rate) * 2]))
