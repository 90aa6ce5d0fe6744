"""mongomock behind the part of pymongo's asynchronous interface that the store uses."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import mongomock
from mongomock.filtering import filter_applies

Document = dict[str, Any]
Changed = Callable[[Sequence[Any] | None], None]

_applies: Any = filter_applies


# mongomock's own types say that its collection is pymongo's, whose internals are others.
_Base: Any = mongomock.Collection


class _Collection(_Base):  # type: ignore[misc]
    """A collection that finds by `_id`, and by one field more, without looking at the rest.

    mongomock itself looks at every document for every query.
    """

    def __init__(self, database: Any, name: str, by: str | None) -> None:
        super().__init__(database, name, database._store)
        self._by = by
        self._ids: dict[Any, list[Any]] = {}

    def add(self, document: Document) -> None:
        """Hold a copy of a document whose `_id` is new. mongomock's own way encodes each document
        in BSON and looks for unique indexes, of which there are none.
        """
        kept = {name: _as_kept(part) for name, part in _copy(document).items()}
        self._store[document["_id"]] = kept
        if self._by is not None:
            self._ids.setdefault(document[self._by], []).append(document["_id"])

    def empty(self) -> None:
        """Remove all documents."""
        self.delete_many({})
        self._ids.clear()

    def copies(self, query: Mapping[str, Any]) -> list[Document]:
        """The documents that fit, each a copy of its own in what a caller may change: values other
        than dictionaries are immutable. mongomock's own copy of each part costs as much as all
        else that a request does.
        """
        return [_copy(each) for each in self._iter_documents(query)]

    def _iter_documents(self, query: Mapping[str, Any]) -> Iterator[Document]:
        if "_id" in query:
            ids = [query["_id"]]
        elif self._by is not None and self._by in query:
            ids = self._ids.get(query[self._by], [])
        else:
            yield from super()._iter_documents(query)
            return
        # Nothing here expires and one thread reads, so mongomock's lock and clock are passed by.
        documents = self._store._documents
        narrowed = len(query) > 1
        for each in ids:
            document = documents.get(each)
            if document is not None and (not narrowed or _applies(query, document)):
                yield document


def _copy(document: Mapping[str, Any]) -> Document:
    return {name: dict(part) if isinstance(part, dict) else part for name, part in document.items()}


def _as_kept(part: Any) -> Any:
    """Times without a zone are in UTC, as in mongomock."""
    zoned = isinstance(part, datetime) and part.tzinfo is not None
    return part.astimezone(UTC).replace(tzinfo=None) if zoned else part


class _Cursor:
    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    async def to_list(self) -> list[Document]:
        return self._documents


class EmbeddedCollection:
    """The methods of `pymongo.asynchronous.collection.AsyncCollection` that the store calls.

    Nothing is awaited within them: each is one step of the event loop, as it would be one
    operation of a MongoDB server.
    """

    def __init__(self, database: Any, name: str, by: str | None = None) -> None:
        self._collection = _Collection(database, name, by)
        self.changed: Changed = lambda ids: None
        """Called with the ids of documents that were changed, with None where all may be others."""

    async def create_index(self, keys: Any, **options: Any) -> None:
        """Nothing to do: `_Collection` finds what the store looks for."""

    async def insert_one(self, document: Document) -> None:
        self._collection.add(document)
        self.changed([document["_id"]])

    async def find_one(self, query: Mapping[str, Any]) -> Document | None:
        return next(iter(self._collection.copies(query)), None)

    def find(self, query: Mapping[str, Any]) -> _Cursor:
        return _Cursor(self._collection.copies(query))

    async def find_one_and_update(
        self,
        query: Mapping[str, Any],
        change: Mapping[str, Any],
        *,
        upsert: bool,
        return_document: bool,
    ) -> Document | None:
        found: Document | None = self._collection.find_one_and_update(
            query, change, upsert=upsert, return_document=return_document
        )
        self.changed([query["_id"]])
        return found

    async def update_many(self, query: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        ids = [document["_id"] for document in self._collection._iter_documents(query)]
        self._collection.update_many(query, change)
        self.changed(ids)

    def document(self, id: Any) -> Document | None:
        """A copy of the document with this `_id`."""
        return next(iter(self._collection.copies({"_id": id})), None)

    def documents(self) -> list[Document]:
        """A copy of all that is in it."""
        return self._collection.copies({})

    def put(self, documents: Iterable[Document]) -> None:
        """Hold these documents and no others."""
        self._collection.empty()
        for document in documents:
            self._collection.add(document)
        self.changed(None)

    async def count_documents(self, query: Mapping[str, Any]) -> int:
        return sum(1 for _ in self._collection._iter_documents(query))


class EmbeddedDatabase:
    """A database in the memory of this process."""

    def __init__(self, by: Mapping[str, str]) -> None:
        """`by` names, per collection, the field besides `_id` that documents are found by."""
        self._database: Any = mongomock.MongoClient()["r2c"]
        self._collections = {
            name: EmbeddedCollection(self._database, name, field) for name, field in by.items()
        }

    def __getitem__(self, name: str) -> EmbeddedCollection:
        if name not in self._collections:
            self._collections[name] = EmbeddedCollection(self._database, name)
        return self._collections[name]
