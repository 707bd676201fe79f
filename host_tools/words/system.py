"""What the operating system refuses, in the person's language."""

import errno

from host_tools.words import tr


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
