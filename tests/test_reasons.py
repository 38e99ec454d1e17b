"""What stopped a file or a download, in one phrase with its remedy."""

import errno
import os
import socket
import ssl

import pytest
import requests
from urllib3 import exceptions

from course_utils.machine import reasons


def wrapped(error):
    """Wrap an error as requests and urllib3 do."""
    inner = exceptions.MaxRetryError(None, "/x", error)
    return requests.ConnectionError(inner)


def raised_from(error):
    try:
        try:
            raise error
        except OSError:
            raise ValueError("a library's own words") from error
    except ValueError as outer:
        return outer


CODES = {
    "ENOSPC": "make room",
    "EDQUOT": "your disk quota",
    "EACCES": "permission is denied",
    "EPERM": "permission is denied",
    "EROFS": "read-only",
    "EMFILE": "restart the kernel",
    "ECONNREFUSED": "refused",
    "ENETUNREACH": "no internet",
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("wrap", [lambda e: e, wrapped, raised_from])
def test_a_system_error_is_named_however_it_is_wrapped(code, wrap):
    number = getattr(errno, code, None)
    if number is None:
        pytest.skip("this system has no such error")
    text = reasons.explain(wrap(OSError(number, os.strerror(number))))
    assert CODES[code] in text and "\n" not in text
    assert "damaged" not in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no internet"),
        (ssl.SSLCertVerificationError(1, "failed"), "certificate"),
        (exceptions.ReadTimeoutError(None, "/", "x"), "timed out"),
        (exceptions.ProxyError("x", OSError("y")), "proxy"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_network_error_is_named_however_it_is_wrapped(error, words):
    for each in (error, wrapped(error)):
        assert words in reasons.explain(each)


@pytest.mark.parametrize(
    "error",
    [ValueError("plain\nwords\x1b[2J"), KeyError(), Exception("x" * 999)],
)
def test_any_other_error_is_one_short_printable_line(error):
    text = reasons.explain(error)
    assert text and text.isprintable() and len(text) <= 100


def test_an_error_that_leads_back_to_itself_is_no_trap():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    first.args = (first, second)
    assert reasons.explain(first)
