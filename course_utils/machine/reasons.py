"""Words for why a file or a download failed, each with its remedy."""

import errno
import socket
import ssl
import unicodedata

from course_utils.language import say

_DENIED = (
    "permission is denied: choose a folder of your own, or change the "
    "permissions of this one"
)

_REMEDIES = {
    "ENOSPC": "the disk is full: make room on it",
    "EDQUOT": "your disk quota is used up: delete some of your files",
    "EACCES": _DENIED,
    "EPERM": _DENIED,
    "EROFS": "the disk is read-only: choose a folder on another disk",
    "EMFILE": "too many files are open: restart the kernel",
    "ENFILE": "too many files are open on this machine: close other programs",
    "EFBIG": "the file is larger than this disk allows: choose another disk",
    "EIO": "the disk cannot read or write it: try a copy on another disk",
    "ENAMETOOLONG": "the name is too long: shorten it",
    "ENOENT": "there is no such file: check the path",
    "EISDIR": "it is a folder: name a file",
    "ECONNREFUSED": "the server refused the connection: try again later",
    "ECONNRESET": "the server closed the connection: try again later",
    "ENETUNREACH": "there is no internet: check the connection",
    "EHOSTUNREACH": "there is no internet: check the connection",
}

# Windows lacks some of them.
_REMEDIES = {
    getattr(errno, name): text
    for name, text in _REMEDIES.items()
    if hasattr(errno, name)
}


def explain(error):
    """Return in one phrase what an error comes from, and what to do.

    What lies below an error decides: a full disk that a library reports as
    its own error is still a full disk.
    """
    chain = _causes(error)
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return (
                "there is no internet, or no server of that name: check the "
                "connection"
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                "the server's certificate is not trusted: check the clock, or "
                "name your network's certificates in REQUESTS_CA_BUNDLE"
            )
    for cause in chain:
        if (number := getattr(cause, "errno", None)) in _REMEDIES:
            return _REMEDIES[number]
        if isinstance(cause, MemoryError):
            return "the memory is full: shut down other kernels"
    if any(type(cause).__name__ == "ProxyError" for cause in chain):
        return "the proxy does not answer: check the settings of your network"
    if any(_is_timeout(cause) for cause in chain):
        return "it timed out: try again later"
    if "IncompleteRead" in (text := str(error)):
        return "the server stopped before the end: try again later"
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answers {response.status_code}"
    return (
        shorten(getattr(error, "strerror", None) or text, 100)
        or type(error).__name__
    )


def _causes(error):
    """Return an error and all that it was raised from or wraps."""
    found, waiting = [], [error]
    while waiting and len(found) < 20:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            waiting += [cause.__cause__, getattr(cause, "reason", None)]
            waiting += [cause.__context__, *cause.args]
    return found


def _is_timeout(cause):
    if isinstance(cause, TimeoutError):
        return not cause.args or "timed out" in str(cause)
    return type(cause).__name__ in ("ReadTimeoutError", "ConnectTimeoutError")


def printable(text):
    """Return a stranger's text on one line, without what moves a terminal.

    Control characters, line breaks and marks that turn the direction of
    writing appear as their codes; accents are composed.
    """
    text = str(text).encode("utf-8", "backslashreplace").decode()
    text = unicodedata.normalize("NFC", text)
    return "".join(
        letter
        if letter.isprintable() or letter == "\u200d"  # joins emoji
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shorten(text, width):
    """Return a text on one line, its end cut off beyond `width` letters."""
    text = printable(" ".join(str(text).split()))
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def count(number, noun):
    """Return a number with its noun: "1 file", "1,200 files"."""
    noun = noun if number == 1 else f"{noun}s"
    return f"{number:,} {say(noun)}"
