"""When X.509 certificates expire."""

from datetime import datetime

from cryptography import x509


def expires_at(pem: bytes) -> datetime:
    """Return when the first of these certificates to expire does so.

    Args:
        pem: One or more certificates (RFC 7468); what else the file has is not looked at.

    Returns:
        Aware UTC.

    Raises:
        ValueError: There is no certificate in it.
    """
    return min(each.not_valid_after_utc for each in x509.load_pem_x509_certificates(pem))
