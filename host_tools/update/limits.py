"""How large the firmware may be. `make size` prints the figures, a test watches them."""

BUNDLE_BYTES_MAX = 96 * 1024
SAFE_MODE_BYTES_MAX = 16 * 1024  # all that is loaded in safe mode, as it lies on flash
MANIFEST_BYTES_MAX = 1024  # the board holds it in memory
INDEX_BYTES_MAX = 48 * 1024
FILES_MAX = 256
FILE_BYTES_MAX = 64 * 1024
FILES_BYTES_MAX = 384 * 1024  # of all together, unpacked
PATH_CHARS_MAX = 64
