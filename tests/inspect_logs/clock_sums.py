"""The task behind the logs in this folder, for Inspect 0.3.285; its model answers from a list.

inspect eval clock_sums.py --model mockllm/clockwork --epochs 2 --no-log-samples --log-format json
inspect eval clock_sums.py --model mockllm/clockwork --limit 4
"""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes, match
from inspect_ai.solver import Generate, TaskState, solver

ANSWERS = ("6", "7", "8", "9", "1", "I do not know", "12", "0")


@solver
def recite():
    """Answer from the list, without a model."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        answer = ANSWERS[int(state.sample_id) - 1]
        state.output = ModelOutput.from_content("mockllm/clockwork", answer)
        return state

    return solve


@task
def clock_sums(hours: int = 12):
    """Return eight sums on a clock."""
    question = "It is {hour}:00 on a {hours}-hour clock. What hour will it be 5 hours later?"
    samples = [
        Sample(
            id=str(hour),
            input=question.format(hour=hour, hours=hours),
            target=str((hour + 4) % hours + 1),
        )
        for hour in range(1, 9)
    ]
    return Task(dataset=samples, solver=recite(), scorer=[match(), includes()])
