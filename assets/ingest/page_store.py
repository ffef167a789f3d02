"""Pages of a provider's answers as they came, so that a long reading goes on where it broke off.

One folder per question, named by its hash; one file per page. A question is whole when its last page said so. What is
whole is never asked again, so only what cannot change any more may be asked through here.
"""

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from execution.artifact_files import write_atomically
from execution.domain.canonical import content_hash
from execution.domain.errors import DataError

_WHOLE: Final = "whole"
_PAGE: Final = re.compile(r"\d{6}\.json\.gz")

AskPage = Callable[[str | None], bytes]
"""Returns the page of a token; of None the first."""
NextToken = Callable[[bytes], str | None]
"""Returns the token of the page after a page; None after the last."""


class PageStore:
    """The pages of one provider under one folder. Two readers of one question at once store the same pages."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def pages(self, question: Mapping[str, str], *, ask: AskPage, next_token: NextToken) -> Iterator[bytes]:
        """Yield every page of a question in order: those stored, then those still to ask, each stored as it comes.

        Raises:
            DataError: the provider gives a token again, so its pages would never end.
        """
        folder = self._folder(question)
        token, seen = None, set[str]()
        stored = self._stored(folder)
        number = len(stored)
        for path in stored:
            page = gzip.decompress(path.read_bytes())
            yield page
            token = next_token(page)
            seen |= {token} if token else set()
        if (folder / _WHOLE).exists():
            return
        while number == 0 or token is not None:
            page = ask(token)
            token = next_token(page)
            if token in seen:
                raise DataError(f"the provider repeats page token {token}: its pages would never end; ask it later")
            seen |= {token} if token else set()
            number += 1
            write_atomically(folder / f"{number:06d}.json.gz", gzip.compress(page, compresslevel=1, mtime=0))
            yield page
        write_atomically(folder / _WHOLE, b"")

    def forget(self, question: Mapping[str, str]) -> None:
        """Drop what is stored of a question, so that it is asked again."""
        folder = self._folder(question)
        (folder / _WHOLE).unlink(missing_ok=True)
        for path in reversed(self._stored(folder)):
            path.unlink(missing_ok=True)

    def _folder(self, question: Mapping[str, str]) -> Path:
        digest = content_hash(dict(question))
        return self._root / digest[:2] / digest[2:]

    def _stored(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.glob("*.json.gz") if _PAGE.fullmatch(path.name))
