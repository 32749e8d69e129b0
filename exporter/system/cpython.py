"""What the interpreter has no public name for, and no other way. tests/system/test_cpython.py fails when it changes."""

import atexit


def run_exit_functions() -> None:
    """Run what was registered with `atexit`, now."""
    atexit._run_exitfuncs()  # noqa: SLF001


def limit_tls_reads(size: int) -> None:
    """Let new TLS connections of asyncio read so many bytes at once.

    It is 256 KiB otherwise, in a buffer that each connection has from its first moment on, before any handshake.
    """
    # Not at the top: the module that handles signals is imported before anything large.
    from asyncio.sslproto import SSLProtocol

    SSLProtocol.max_size = size
