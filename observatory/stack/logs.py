"""One log for the person, each line with its process's name in front, and one file a process."""

import io
import itertools
import os
import sys
from pathlib import Path
from typing import BinaryIO, TextIO

FILE_LIMIT = 5_000_000
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93)
NAME_WIDTH = 8


class LogFile:
    """Appends to NAME.log; at the limit the file becomes NAME.log.1 and a new one begins."""

    def __init__(self, path: Path, limit: int = FILE_LIMIT) -> None:
        self.path = path
        self.limit = limit
        self.file = self.open()

    def open(self) -> BinaryIO:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "ab", buffering=0)

    def write(self, line: bytes) -> None:
        if self.file.tell() + len(line) > self.limit:
            self.file.close()
            self.path.replace(self.path.with_name(self.path.name + ".1"))
            self.file = self.open()
        self.file.write(line + b"\n")

    def close(self) -> None:
        self.file.close()


class Log:
    """A full disk or a closed terminal loses lines, never the processes that wrote them."""

    def __init__(self, folder: Path, screen: TextIO | None = sys.stdout) -> None:
        self.folder = folder
        self.screen = screen
        if isinstance(screen, io.TextIOWrapper):
            screen.reconfigure(errors="backslashreplace")
        self.coloured = screen is not None and screen.isatty() and "NO_COLOR" not in os.environ
        self.colours = itertools.cycle(COLOURS)
        self.prefixes: dict[str, str] = {}
        self.files: dict[str, LogFile] = {}
        self.unwritable: set[str] = set()

    def line(self, name: str, line: bytes) -> None:
        self.show(self.prefix(name) + line.decode(errors="replace"))
        try:
            self.file(name).write(line)
            self.unwritable.discard(name)
        except OSError as fault:
            if name not in self.unwritable:
                self.show(f"{self.folder / name}.log cannot be written: {fault.strerror}.")
            self.unwritable.add(name)

    def say(self, text: str) -> None:
        """A line of `up` itself."""
        self.show(text)

    def show(self, text: str) -> None:
        if self.screen is None:
            return
        try:
            print(text, file=self.screen, flush=True)
        except OSError:
            # The terminal is gone. The files go on.
            self.screen = None

    def prefix(self, name: str) -> str:
        if name not in self.prefixes:
            text = f"{name:<{NAME_WIDTH}} | "
            colour = next(self.colours)
            self.prefixes[name] = f"\x1b[{colour}m{text}\x1b[0m" if self.coloured else text
        return self.prefixes[name]

    def file(self, name: str) -> LogFile:
        if name not in self.files:
            self.files[name] = LogFile(self.folder / f"{name}.log")
        return self.files[name]

    def close(self) -> None:
        for file in self.files.values():
            file.close()
