"""What Ctrl-C, or a request to end, does to a run for a while."""

import contextlib
import signal


@contextlib.contextmanager
def handled_by(handler):
    """Give both signals a handler for a while, also in the background of a shell, where Ctrl-C is ignored from the start."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def interruptible():
    """Let both signals interrupt the run."""

    def interrupt(*_):
        raise KeyboardInterrupt

    return handled_by(interrupt)


@contextlib.contextmanager
def deferred():
    """Let both signals interrupt at the end of the block: for what takes milliseconds, and must not be lost on the way."""
    came = []
    with handled_by(lambda *_: came.append(True)):
        yield
    if came:
        raise KeyboardInterrupt


def undisturbed():
    """Let both signals pass unheard: for moves of files that take milliseconds, and must be done all or none."""
    return handled_by(signal.SIG_IGN)
