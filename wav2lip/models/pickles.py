"""Read the table of contents of a torch pickle without opening it: nothing in it is built and no code of it runs.

Opening is left to torch with `weights_only=True`; this only tells what a file asks for and how long it should be.
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections import deque
from dataclasses import dataclass
from typing import IO, Any, cast

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C    # the first pickle of a torch file from before 1.6
LEGACY_PICKLES = 5                       # magic, protocol, system, tensors, storage keys; then the storages
LEGACY_STORAGE_HEADER = 8                # bytes: the number of elements, before each storage's data
LARGEST_TUPLE = 100_000                  # parts, those of tuples in it too: it is hashed where it is a key
LARGEST = 2 << 20                        # bytes of one pickle: that of the largest network known here has a tenth

# What genops raises at the end of a cut file, and at bytes that are no pickle.
BROKEN = (ValueError, IndexError, OverflowError, MemoryError, struct.error)

_ITEM_BYTES = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "UntypedStorage": 1,
}
# What a file of plain tensors asks for.
_HARMLESS = re.compile(
    r"collections\.OrderedDict|torch\.(\w+Storage|Size|device|_utils\._rebuild_\w+|b?float\d+|u?int\d+)"
)


@dataclass(frozen=True)
class Contents:
    """What one pickle asks for.

    Attributes:
        names: the Python classes and functions it names, `module.name`, in order.
        storages: bytes of each tensor storage that it refers to, by key.
        value: the last plain number or text in it (the whole content of a pickle that is just a number).
    """

    names: list[str]
    storages: dict[str, int]
    value: Any

    def foreign_names(self) -> list[str]:
        """Return the names that plain tensors have no use for, each once."""
        return list(dict.fromkeys(name for name in self.names if not _HARMLESS.fullmatch(name)))


def contents(file: IO[bytes]) -> Contents:
    """Scan one pickle, leaving `file` behind its end.

    Raises:
        one of BROKEN: the file ends inside it, it is no pickle, it is longer than `LARGEST`, or has a larger tuple than
            `LARGEST_TUPLE`.
    """
    end = file.tell() + LARGEST
    names: list[str] = []
    storages: dict[str, int] = {}
    memo: dict[int, Any] = {}
    recent: deque[Any] = deque([None], maxlen=12)    # the latest values; a storage's description is six of them
    parts = _Parts()
    for opcode, found, at in pickletools.genops(file):
        if at is not None and at > end:
            raise ValueError(f"its table of contents has more than {LARGEST:,} bytes")
        operation, argument = opcode.name, cast(Any, found)
        parts.follow(opcode, argument)
        if operation in ("GLOBAL", "INST"):
            names.append(argument.replace(" ", "."))
            recent.append(names[-1])
        elif operation == "STACK_GLOBAL":
            names.append(f"{recent[-2]}.{recent[-1]}")
            recent.append(names[-1])
        elif operation in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = recent[-1]
        elif operation == "MEMOIZE":
            memo[len(memo)] = recent[-1]
        elif operation in ("GET", "BINGET", "LONG_BINGET"):
            recent.append(memo.get(argument))
        elif operation == "BINPERSID":
            _note_storage(list(recent), storages)
        elif argument is not None and operation not in ("PROTO", "FRAME"):
            recent.append(argument)
    return Contents(names, storages, recent[-1])


class _Parts:
    """How many parts the values on a pickle's stack have: a few bytes are enough for tuples of 2**60."""

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._marks: list[int] = []    # how high the stack was
        self._memo: dict[int, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """Do what an opcode does to the stack.

        Raises:
            ValueError: a tuple has too many parts.
        """
        name, stack = opcode.name, self._stack
        if name == "MARK":
            self._marks.append(len(stack))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo.get(argument, 1))
        else:
            before = opcode.stack_before
            height = len(stack) - len(before)
            if pickletools.markobject in before:
                height = self._marks.pop() - before.index(pickletools.markobject)
            taken = sum(stack[max(height, 0) :])
            del stack[max(height, 0) :]
            stack += [1 + taken if name.startswith("TUPLE") else 1] * len(opcode.stack_after)
            if taken > LARGEST_TUPLE and name.startswith("TUPLE"):
                raise ValueError(f"a tuple in it has more than {LARGEST_TUPLE:,} parts")


def _note_storage(recent: list[Any], storages: dict[str, int]) -> None:
    """Add the storage described by the latest values: "storage", its class, key, device, number of elements."""
    if "storage" not in recent:
        return
    start = len(recent) - 1 - recent[::-1].index("storage")
    kind, key, _, elements = (recent[start + 1 :] + [None] * 4)[:4]
    size = _ITEM_BYTES.get(str(kind).rpartition(".")[2])
    if size is None or not isinstance(elements, int):
        raise ValueError(f"a storage of an unknown kind: {kind}")
    storages[str(key)] = size * elements


def legacy_contents(file: IO[bytes]) -> tuple[Contents, int]:
    """Scan a torch file from before 1.6, from its start.

    Returns:
        What it asks for, and how many bytes it should have by its own table. The value is LEGACY_MAGIC, or the file is
        some other pickle (of which only the first is scanned).

    Raises:
        one of BROKEN: the table itself is cut or damaged.
    """
    first = contents(file)
    if first.value != LEGACY_MAGIC:
        return first, file.tell()
    rest = [contents(file) for _ in range(LEGACY_PICKLES - 1)]
    names = [name for scan in rest for name in scan.names]
    storages = {key: size for scan in rest for key, size in scan.storages.items()}
    length = file.tell() + sum(LEGACY_STORAGE_HEADER + size for size in storages.values())
    return Contents(names, storages, LEGACY_MAGIC), length
