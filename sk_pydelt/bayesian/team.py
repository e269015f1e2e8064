"""Workers that fit many nets at a time, as long as there is time and nobody interrupts."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from time import monotonic
from typing import Any

from ..progress import ProgressBar

__all__ = ["Team"]


class Team:
    """Workers that do one kind of work on many nets, as long as there is time.

    An interrupt by the user (Ctrl-C) is the end of the time, and what has been done by then counts.

    Parameters
    ----------
    n_jobs : int or None
        Of `joblib.Parallel`.
    time_budget : float or None
        Seconds.
    verbose : bool
        Whether to show a bar, with the number of nets fitted so far.

    Attributes
    ----------
    is_interrupted : bool
    n_done : int
        Pieces of work.
    """

    def __init__(self, n_jobs: int | None, time_budget: float | None, verbose: bool) -> None:
        self.n_jobs = n_jobs
        self.deadline = float("inf") if time_budget is None else monotonic() + time_budget
        self.is_interrupted, self.n_done = False, 0
        self.bar = ProgressBar(None, verbose, unit="net")

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    @property
    def in_time(self) -> bool:
        """Whether there is time left."""
        return not self.is_interrupted and monotonic() < self.deadline

    def map(self, work: Callable, tasks: Iterable[tuple], at_least: int = 0) -> Iterator[Any]:
        """Results of the tasks that there was time for: of the first few, at least.

        Raises
        ------
        ConnectionError
            The workers are those of a cluster, and it is gone.
        """
        from joblib import Parallel, delayed

        chosen = self._in_time(iter(tasks), at_least)
        workers = Parallel(n_jobs=self.n_jobs, return_as="generator", batch_size=1)
        try:
            for result in workers(delayed(work)(*task) for task in chosen):
                self.n_done += 1
                self.bar.update()
                yield result
        except KeyboardInterrupt:
            self.is_interrupted = True
        except (OSError, CancelledError) as error:
            raise ConnectionError(
                "The workers that were fitting nets are gone, and the estimator is as it was. Fit "
                "it again with a client of a cluster that runs, or without joblib.parallel_config; "
                f"got {type(error).__name__}: {error}"
            ) from error

    def show(self, best: str) -> None:
        """Show the best setting so far."""
        self.bar.set_postfix_str(best)

    def _in_time(self, tasks, at_least):
        yield from islice(tasks, at_least)
        while self.in_time and (task := next(tasks, None)):
            yield task
