"""Items that are worked on at once, each in a thread: only the caller's thread prints and raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from rustbed.progress import Say

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_together(
    items: Iterable[Item], workers: Sequence[Callable[[Item, Say], Result]], say: Say
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with what one of the workers made of it, as they end; raise what one raises.

    A worker has one item at a time. If the caller stops early, what workers started ends with this process.
    """
    waiting: SimpleQueue[Item] = SimpleQueue()
    left = 0
    for item in items:
        waiting.put(item)
        left += 1
    news: SimpleQueue[str | tuple[Item, Result] | BaseException] = SimpleQueue()

    def work(worker: Callable[[Item, Say], Result]) -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except Empty:
                return
            try:
                news.put((item, worker(item, news.put)))
            except BaseException as error:  # noqa: BLE001, it is raised below
                news.put(error)
                return

    for worker in workers:
        Thread(target=work, args=(worker,), daemon=True).start()
    while left:
        match news.get():
            case str(text):
                say(text)
            case (item, result):
                left -= 1
                yield item, result
            case error:
                raise error
