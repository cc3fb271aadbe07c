"""A terminal of a fixed size with a program in it, as a person would see it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Sequence
from types import TracebackType

import pyte

from waiting import wait_until

ENTER_ALTERNATE, LEAVE_ALTERNATE = b"\x1b[?1049h", b"\x1b[?1049l"
DOWN, TAB = "\x1b[B", "\t"


class Terminal:
    """A pseudo-terminal that runs one program; its screen is kept by pyte."""

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        columns: int = 100,
        rows: int = 30,
        kind: str = "xterm-256color",
    ) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = self.attributes()
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.process = subprocess.Popen(
            command,
            env={**environment, "TERM": kind},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.ours)
        os.close(self.theirs)

    def attributes(self) -> list:
        """The modes of the terminal."""
        return termios.tcgetattr(self.theirs)

    def press(self, keys: str) -> None:
        """Types these keys."""
        os.write(self.ours, keys.encode())

    def lines(self) -> list[str]:
        """What is on the screen now."""
        self._read()
        return [line.rstrip() for line in self.screen.display]

    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines())

    def wait_for(self, what: str, timeout: float = 20.0) -> str:
        """Waits until a text is on the screen; all that is on it then."""

        def seen() -> str:
            text = self.text()
            return text if what in text else ""

        try:
            return wait_until(f"{what!r} on the screen", seen, timeout)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.text()}") from None

    def exit_code(self, timeout: float = 20.0) -> int:
        """Waits for the end of the program, and reads what it wrote until then."""

        def ended() -> bool:
            self._read()
            return self.process.poll() is not None

        wait_until("the end of the program", ended, timeout)
        self._read()
        return self.process.returncode

    def is_alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self.written.rfind(ENTER_ALTERNATE) > self.written.rfind(LEAVE_ALTERNATE)

    def _read(self) -> None:
        while select.select([self.ours], [], [], 0)[0]:
            chunk = os.read(self.ours, 1 << 16)
            self.written += chunk
            self.stream.feed(chunk)
