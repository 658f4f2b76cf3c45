"""The log as a reader builds it up: roots of a tree that grows leaf by leaf, in log2(n) memory."""

from cloud.ledger import merkle


class Log:
    """Only the largest complete subtrees are kept, left to right."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        """Take the next leaf."""
        neighbours = [self._subtrees.pop() for _ in merkle.neighbours(self.size)]
        self._subtrees.append([leaf_hash, *merkle.completed(leaf_hash, neighbours)][-1])
        self.size += 1

    def root(self) -> bytes:
        """Of the leaves so far."""
        spans = merkle.cover(merkle.Span(0, self.size))
        return merkle.fold(merkle.Span(0, self.size), dict(zip(spans, self._subtrees, strict=True)))
