"""What a failure of the machine means to the person at it: a full disk, a folder that is not ours, no more memory."""

from __future__ import annotations

import errno
import os

from meshlab.model.errors import InputError, MeshlabError

_PLACES = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EFBIG,
    errno.EIO,
}


def meant_for_a_person(error: BaseException) -> MeshlabError | None:
    """Gives what a person can do something about; None where the failure is a defect of the program."""
    if isinstance(error, OSError) and error.errno in _PLACES:
        place = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "a file"
        why = (error.strerror or str(error)).lower()
        return InputError.single(place, why, "make room or choose another place; $MESHLAB_STATE is for state")
    if isinstance(error, RecursionError):
        return InputError.single("the input", "nests or leans on itself too deeply", "make it flatter")
    if isinstance(error, MemoryError):
        return InputError.single("the input", "needs more memory than there is", "ask for less at once")
    return None
