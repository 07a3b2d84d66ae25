"""Send failures that may pass a second time, when all else has come back.

An engine tries each request as often as its own budget says; what it gives up then (a server that
was overloaded for minutes) may well succeed at the end of a run of hours. What would fail again, a
broken picture or a sample that kills the engine, is not sent again.
"""

from collections.abc import Callable, Iterable, Iterator

from registry import Outcome, Prediction, Request

GAVE_UP = "gave up after "
"""How the reason of a failure begins that another attempt may mend."""


def may_pass(prediction: Prediction) -> bool:
    """Return whether the request is worth another attempt."""
    return prediction.outcome is Outcome.FAILED and prediction.reason.startswith(GAVE_UP)


def with_retries(
    predict: Callable[[Iterable[Request]], Iterator[Prediction]],
    requests: Iterable[Request],
    retries: int,
) -> Iterator[Prediction]:
    """Yield an answer a request; a failure that may pass only after so many retries.

    `requests` are gone through once a round, so they must be more than an iterator.
    """
    asked: Iterable[Request] = requests
    for left in range(retries, -1, -1):
        again = set()
        for prediction in predict(asked):
            if left and may_pass(prediction):
                again.add((prediction.run_id, prediction.stage, prediction.sample_id))
            else:
                yield prediction
        if not again:
            return
        asked = [r for r in requests if (r.run_id, r.stage, r.sample_id) in again]
