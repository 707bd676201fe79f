"""What the operating system refuses, in the person's language."""

import errno
import re

from host_tools.words import tr

_NUMBERS = re.compile(r"^(\[Errno -?[0-9]+\]|\[SSL[^]]*\]|_ssl\.c:[0-9]+:) | \(_ssl\.c:[0-9]+\)$")


def reason(error: OSError) -> str:
    """A clause; what is not among the frequent ones is told in the system's own words."""
    number = error.errno
    if number == errno.ENOENT:
        return tr("there is no such file or folder")
    if number in (errno.EACCES, errno.EPERM):
        return tr("this user may not do that")
    if number == errno.EISDIR:
        return tr("it is a folder")
    if number == errno.ENOTDIR:
        return tr("part of the path is no folder")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return tr("the disk is full")
    if number == errno.EROFS:
        return tr("the disk can only be read")
    return error.strerror or str(error)


def without_numbers(text: str) -> str:
    """What a library says of a connection, without error numbers and places in its source."""
    return _NUMBERS.sub("", text)
