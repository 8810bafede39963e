"""What data says while it loads: lines and progress on stderr, so that stdout stays the result."""

import time
from collections.abc import Iterable, Iterator

PATIENCE = 2.0  # seconds of silence before progress shows


def say(text: str, style: str | None = None) -> None:
    """Print one line as it stands, never wrapped."""
    from rich.console import Console

    Console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Say what went wrong and was mended."""
    say(f"warning: {text}", "yellow")


def watched(items: Iterable, what: str, total: int | None = None) -> Iterator:
    """Yield `items`; once that has taken two seconds, show how far it is.

    A terminal gets a bar with the time left, anything else one plain line. `total` is the number of items, None
    where nobody knows it yet.
    """
    started, bar, task = time.monotonic(), None, None
    try:
        for done, item in enumerate(items):
            if bar is None and time.monotonic() - started > PATIENCE:
                bar = _bar()
                if bar.console.is_terminal:
                    bar.start()
                    task = bar.add_task(what, total=total)
                else:
                    say(f"{what} …")
            if task is not None and done % 16 == 0:
                bar.update(task, completed=done)
            yield item
    finally:
        if task is not None:
            bar.stop()


def _bar():
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(), console=Console(stderr=True), transient=True)
