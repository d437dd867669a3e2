"""Let a stage run ahead of the one that takes from it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


WAITING_BYTES = 32 << 20    # of frames between two stages: memory depends on this, not on the clip


def frames_waiting(frame_bytes: int) -> int:
    """Return how many frames of a size may wait between two stages."""
    return max(2, WAITING_BYTES // frame_bytes)


def prefetch(iterable: Iterable[Item], depth: int, *, at_once: bool = False) -> Generator[Item]:
    """Yield the items of an iterable, made in a thread of their own, up to `depth` of them ahead.

    An error in the iterable is raised here, after the items before it. When this generator is closed early the thread
    stops after the item it is at, closes the iterable and ends.

    Args:
        iterable: used only in the thread.
        depth: how many finished items may wait, at least 1; two more are in hand on either side.
        at_once: let the thread begin now, not with the first item asked for.
    """
    items = _made_ahead(iterable, depth, at_once)
    if at_once:
        next(items)
    return items


def _made_ahead(iterable: Iterable[Item], depth: int, begun: bool) -> Generator[Item]:
    """Yield items as `prefetch` says; where the thread has only begun, nothing comes before them."""
    waiting: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(depth)
    stop = threading.Event()

    def fill() -> None:
        source = iter(iterable)
        try:
            for item in source:
                waiting.put((item, None, False))
                if stop.is_set():
                    return
            waiting.put((None, None, True))
        except BaseException as error:            # whatever it is, it belongs to the one who takes the items
            waiting.put((None, error, True))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        if begun:
            yield None  # type: ignore[misc]
        while True:
            item, error, done = waiting.get()
            if error is not None:
                raise error
            if done:
                return
            yield item  # type: ignore[misc]
            del item
    finally:
        stop.set()
        while thread.is_alive():                  # make room, so that a blocked put comes back
            with waiting.mutex:
                waiting.queue.clear()
                waiting.not_full.notify_all()
            thread.join(0.01)


def side_by_side(make: Callable[[Item], Made], items: Iterable[Item], count: int) -> Generator[Made]:
    """Yield what is made of every item, in order, while that of the next ones is being made, in threads.

    An error is raised here, after what was made before it. When this generator is closed early, what is being made is
    waited for, and no more is begun.

    Args:
        make: is called by `count` threads at a time.
        items: used only in a thread of its own; `count` of them are being made, or wait, beside the one that is used.
        count: how many are made at a time.
    """
    free, over = threading.Semaphore(count), threading.Event()

    def begin() -> Generator[Future[Made]]:
        source = iter(items)
        while free.acquire() and not over.is_set():
            try:
                item = next(source)
            except StopIteration:
                return
            yield pool.submit(make, item)
            del item

    with ThreadPoolExecutor(count, thread_name_prefix="beside") as pool, closing(prefetch(begin(), count)) as begun:
        try:
            for future in begun:
                made = future.result()
                free.release()
                del future
                yield made
                del made
        finally:
            over.set()
            free.release()    # who waits for a place finds that it is over
            pool.shutdown(wait=False, cancel_futures=True)
