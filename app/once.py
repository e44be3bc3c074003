"""Worked out once for the same content: a page run asks the same of the same frames as the one before it, mostly."""

import hashlib
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def digest(*content: object) -> str:
    """Of all of the content: two frames that differ in one figure have two. Equal content has the same one, but where an
    object is met twice and an equal one was met in its place: that is worked out once more."""
    return hashlib.blake2b(pickle.dumps(content), digest_size=16).hexdigest()


def once(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function of its arguments alone, whose last `most` answers are kept; they are not to be changed."""

    def kept(function: Callable[P, T]) -> Callable[P, T]:
        answers: OrderedDict[str, T] = OrderedDict()
        lock = threading.Lock()

        @wraps(function)
        def ask(*arguments: P.args, **named: P.kwargs) -> T:
            key = digest(arguments, named)
            with lock:
                if key in answers:
                    answers.move_to_end(key)
                    return answers[key]
            answer = function(*arguments, **named)
            with lock:
                answers[key] = answer
                while len(answers) > most:
                    answers.popitem(last=False)
            return answer

        return ask

    return kept
