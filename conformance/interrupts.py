"""What asks a command to end: Ctrl-C, a request to terminate, a closed terminal."""

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """Each of them raises KeyboardInterrupt, once; more are ignored then, so that what was begun is
    put away in peace: reports are written, and a backend that was started is ended.

    Outside the main thread, which alone hears signals, it does nothing.
    """

    def __init__(self) -> None:
        self._armed = True
        self._before: dict[signal.Signals, Any] = {}

    def ignore(self) -> None:
        """From now on the run ends by itself; what was found must not be lost."""
        self._armed = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                    continue  # started by nohup: the run outlives its terminal
                self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise KeyboardInterrupt
