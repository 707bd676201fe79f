"""Why a handshake came to nothing, in words for the log. Loaded when it did.

Numbers are those of mbedTLS 3.6's headers: MBEDTLS_ERR_SSL_ALLOC_FAILED -0x7F00, _CONN_EOF -0x7280,
_FATAL_ALERT_MESSAGE -0x7780, _NO_CLIENT_CERTIFICATE -0x7C00 (mbedtls/ssl.h), MBEDTLS_ERR_X509_ALLOC_FAILED
-0x2880, _CERT_VERIFY_FAILED -0x2700, (mbedtls/x509.h), MBEDTLS_ERR_PK_ALLOC_FAILED -0x3F80 (mbedtls/pk.h),
MBEDTLS_ERR_ECP_ALLOC_FAILED -0x4D80 (mbedtls/ecp.h), MBEDTLS_ERR_MPI_ALLOC_FAILED -0x0010 (mbedtls/bignum.h),
MBEDTLS_ERR_ASN1_ALLOC_FAILED -0x006A (mbedtls/asn1.h). MicroPython (extmod/modtls_mbedtls.c) turns the first
into ENOMEM, numbers above -256 into their opposites, and the reasons of a refused certificate into the text
of a ValueError (mbedtls/x509.h, MBEDTLS_X509_CRT_ERROR_INFO_LIST).
"""

_ALLOC = (12, -0x7F00, -0x2880, -0x3F80, -0x4D80, 0x10, 0x6A, -0x10, -0x6A)
_CLOSED = (32, 104, 113, 128, -0x7280)  # EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN, end of file
_ENOENT = 2
_ALERT = -0x7780
_VERIFY = -0x2700
_TEXTS = (
    ("not correctly signed", "unknown authority"),
    ("does not match", "wrong name"),
    ("expired", "expired"),
    ("in the future", "not yet valid"),
    ("revoked", "revoked"),
)


def explain(error: Exception, seen: bool) -> str:
    """An empty string if the error says enough itself. `seen`: the broker's certificate was accepted, so what
    ends the handshake after it is the broker's opinion of ours."""
    if isinstance(error, MemoryError):
        return "no memory"
    if isinstance(error, ValueError):
        return _of_text(str(error))
    number = error.errno if isinstance(error, OSError) else 0
    if number in _ALLOC:
        return "no memory"
    if number == _ENOENT:
        return "certificates are missing on the board"
    if number == _VERIFY:
        return "certificate: not accepted"
    if number == _ALERT or number in _CLOSED:
        return "refused our certificate" if seen else "TLS refused by the broker"
    return "" if number is None or number >= 0 else "TLS error -0x%04x" % -number


def _of_text(text: str) -> str:
    """Of several reasons the first of the table: what else is wrong with a stranger does not matter."""
    if text in ("invalid key", "invalid cert"):
        return "%s on the board" % text
    for part, why in _TEXTS:
        if part in text:
            return "certificate: " + why
    return "certificate: " + " ".join(text.split())
