"""Whether to compress on the way: not when the network takes the bytes faster than one can."""

WEIGHED = 8 << 20  # bytes; more than what a socket takes without having sent it
MUCH_FASTER = 4.0
SLOW_NETWORK = 50e6  # bytes a second: about what one core deflates


class Balance:
    """Weighs what deflating costs against what the network does, over the last bytes."""

    def __init__(self) -> None:
        self.is_network_faster = False
        self._size, self._packing, self._sending = 0, 0.0, 0.0

    def add(self, size: int, packing: float, sending: float) -> None:
        """So many bytes took so many seconds to pack and to send."""
        self._size += size
        self._packing += packing
        self._sending += sending
        if self._size < WEIGHED:
            return
        if self.is_network_faster:
            self.is_network_faster = self._sending < self._size / SLOW_NETWORK
        else:
            self.is_network_faster = self._sending * MUCH_FASTER < self._packing
        self._size, self._packing, self._sending = 0, 0.0, 0.0
