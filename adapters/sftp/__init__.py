"""Hands applications over as files on an SFTP server, and reads result files back."""

from adapters.sftp.adapter import SFTPDestination
from adapters.sftp.config import SFTPConfig

__all__ = ["SFTPConfig", "SFTPDestination"]
