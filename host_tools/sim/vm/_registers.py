"""`machine.mem32`: of all registers the one that says why the chip was reset."""

from _layout import CHIPS as _CHIPS
from _world import page as _page

_RESET_STATE = {"esp32": 0x3FF48034, "esp32s3": 0x60008038, "esp32c3": 0x60008038}.get(_CHIPS[_page.chip])


class _Mem32:
    """What else is read there is a mistake."""

    def __getitem__(self, address):
        if address != _RESET_STATE:
            raise ValueError("no register of this simulation")
        return 0x3000 | _page.reset_state  # with the bits that select the reset vector, as after a start


mem32 = _Mem32()
