"""Whether to compress on the way: not when the network takes the bytes faster than one can."""

from __future__ import annotations

import threading

WEIGHED = 8 << 20  # bytes; more than what a socket takes without having sent it
MUCH_FASTER = 4.0


class Balance:
    """Weighs what deflating costs against what the network does, over the last bytes.

    Threads may share it.
    """

    def __init__(self) -> None:
        self.is_network_faster = False
        self._lock = threading.Lock()
        self._size, self._packing, self._sending = 0, 0.0, 0.0
        self._pace = 0.0  # seconds a byte takes to deflate, when that was last done

    def add(self, size: int, packing: float, sending: float) -> None:
        """So many bytes took so many seconds to pack and to send."""
        with self._lock:
            self._size += size
            self._packing += packing
            self._sending += sending
            if self._size < WEIGHED:
                return
            if self.is_network_faster:
                self.is_network_faster = self._sending < self._size * self._pace
            else:
                self.is_network_faster = self._sending * MUCH_FASTER < self._packing
                self._pace = self._packing / self._size
            self._size, self._packing, self._sending = 0, 0.0, 0.0


def tells(size: int | None) -> bool:
    """Whether a body of so many bytes shows while it is sent how fast the network is."""
    return size is None or size >= WEIGHED
