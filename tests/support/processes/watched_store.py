"""A store with somebody beside it: what others do at the moment in which a call reaches the storage."""

from typing import final


@final
class WatchedStore:
    """Any store; `before` is given the name and the path of every call, ahead of it."""

    def __init__(self, store, before):
        self._store, self._before = store, before
        self.uri = store.uri

    def __getattr__(self, name):
        call = getattr(self._store, name)

        def watched(path="", *arguments, **options):
            self._before(name, path)
            return call(path, *arguments, **options)

        return watched
