"""Documents of projects: PDF and pictures, kept as they came."""

import logging
import re
import unicodedata

from cloud.errors import InvalidFields
from cloud.kit.content_files import ContentFiles, media_type_of
from cloud.kit.store import Store
from cloud.projects import storage
from cloud.projects.errors import DocumentTooLarge, NoSuchDocument, NoSuchProject
from cloud.projects.model import Document
from shared.clock import Clock
from shared.ids import new_id

logger = logging.getLogger(__name__)

BYTES_MAX = 20 * 1_048_576
NAME_LENGTH_MAX = 200

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Documents:
    def __init__(self, store: Store, clock: Clock, files: ContentFiles) -> None:
        self._store = store
        self._clock = clock
        self._files = files

    async def add(self, project_id: str, content: bytes, *, type_: str, name: str) -> Document:
        """The same bytes again are the document that is there already.

        Raises:
            NoSuchProject
            DocumentTooLarge
            InvalidFields: neither PDF, PNG nor JPEG; no type, or no name for a file.
        """
        if len(content) > BYTES_MAX:
            raise DocumentTooLarge(BYTES_MAX)
        media_type = media_type_of(content)
        if media_type is None:
            raise InvalidFields({"file": ["Must be a PDF, PNG or JPEG"]})
        if not _TYPE.fullmatch(type_):
            raise InvalidFields({"type": ["Must be a word such as prospectus"]})
        name = file_name(name)
        async with self._store.read() as tx:
            if await storage.project(tx, project_id) is None:
                raise NoSuchProject(project_id)
        sha256 = await self._files.put(content)
        async with self._store.write() as tx:
            known = await storage.document_by_content(tx, project_id, sha256)
            if known is not None:
                return known
            document = Document(
                id=new_id("doc", self._clock),
                project_id=project_id,
                type=type_,
                name=name,
                media_type=media_type,
                size_bytes=len(content),
                sha256=sha256,
                uploaded_at_us=self._clock.now_us(),
            )
            await storage.insert_document(tx, document)
        logger.info("document added id=%s project=%s size_bytes=%d", document.id, project_id, len(content))
        return document

    async def find(self, project_id: str, document_id: str) -> Document:
        """Raises NoSuchDocument, also for that of another project."""
        async with self._store.read() as tx:
            found = await storage.document(tx, project_id, document_id)
        if found is None:
            raise NoSuchDocument(document_id)
        return found

    async def content(self, document: Document) -> bytes:
        """Raises FileDamaged where the bytes are not what was uploaded."""
        return await self._files.get(document.sha256)


def file_name(sent: str) -> str:
    """The last part of a path, without what a header or a file system would take amiss.

    Raises:
        InvalidFields: nothing is left, or too much.
    """
    last = sent.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable() and c not in '"<>:|?*')
    name = name.strip(" .")
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise InvalidFields({"name": [f"Must be 1 to {NAME_LENGTH_MAX} characters of a file's name"]})
    return name
