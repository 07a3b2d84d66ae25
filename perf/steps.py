"""One start of Podium's pipeline, noting when each step is over; perf/start.py runs it.

Notes are files in a folder, since the steps are in several processes: their name is the step, their
content the moment it was over.
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

NOTES = "PERF_NOTES"


def note(step: str) -> None:
    """Note that a step is over, the first time that it is."""
    file = Path(os.environ[NOTES]) / step
    if not file.exists():
        file.write_text(str(time.time()))


def main(model: str, folder: str) -> None:
    """Ask one question, as `podium run` does behind its options."""
    os.environ[NOTES] = folder
    note("Python")
    # Here, since the seconds that imports take are noted.
    from measuring import Questions, asked, serving

    from evaluators.cluster import Cluster, Stop, VllmLoader, predict

    class Noting(VllmLoader):
        """Loads as Podium does, noting when the replica's process is up and its engine loaded."""

        def fatal(self) -> tuple[type[BaseException], ...]:
            note("the replica's process")
            errors = super().fatal()
            note("its imports")
            return errors

        def __call__(self) -> Any:
            engine = super().__call__()
            note("the engine")
            return engine

    note("the driver's imports")
    requests = asked(Questions(benchmark="mmlu", sample=True, limit=1))
    settings = serving(Path(model), Path(folder).with_suffix(".log"))
    environment: Mapping[str, str] = {**settings.environment, NOTES: folder}
    note("the question and the model's folder")
    with Cluster("", settings.log_file) as cluster:
        note("Ray")
        settings = replace(settings, environment=environment)
        for _ in predict(cluster, settings, requests, Stop(), Noting(settings)):
            note("the first answer")
    note("the end of Ray")


if __name__ == "__main__":
    main(*sys.argv[1:])
