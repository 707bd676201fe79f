"""Somebody else's files on the board's flash, which take all the room that there is. They are made and
removed with the board's own littlefs between two steps of the firmware, so all that follows is what littlefs
does when it is full. What that writes is no wear of the firmware's, and no power cut falls into it."""

import os
import sys

_FOLDER = "/foreign"
_PIECE = bytes(512)
_BLOCK_BYTES = 4096
_MANY = 16

_page = sys.modules["_world"].page


def keep(left):
    """`left` blocks stay free; below nought: the files go. What is there already stays as it is, for each new
    life of the board is told, too."""
    kept = _page.flash_programmed_bytes, _page.flash_erases, _page.cut_at_op
    _page.cut_at_op = 0
    try:
        if left < 0:
            _remove()
        elif not _is_there():
            _fill(left)
    except (OSError, MemoryError) as error:
        print("the foreign files:", repr(error))
    finally:
        _page.flash_programmed_bytes, _page.flash_erases, _page.cut_at_op = kept


def _is_there():
    return _FOLDER[1:] in os.listdir("/")


def _remove():
    if _is_there():
        for name in os.listdir(_FOLDER):
            os.remove(_FOLDER + "/" + name)
        os.rmdir(_FOLDER)


def _fill(left):
    """Until nothing more can be had, for what littlefs says of its room is only about right."""
    os.mkdir(_FOLDER)
    end = _write_all(_write_all(0, _MANY), 1)
    for number in range(end - left, end):
        _drop(str(number))


def _write_all(number, blocks):
    """Files of that size, named by numbers; the first number that is not taken."""
    while True:
        try:
            with open(_FOLDER + "/" + str(number), "wb") as file:
                for _ in range(blocks * _BLOCK_BYTES // len(_PIECE)):
                    file.write(_PIECE)
        except OSError:
            _drop(str(number))
            return number
        number += 1


def _drop(name):
    try:
        os.remove(_FOLDER + "/" + name)
    except OSError:
        return
