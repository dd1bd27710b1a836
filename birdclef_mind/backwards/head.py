"""The end of a network: the layer that tells classes apart, what it reads, and how scores are made of its sums."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from keras import layers

from birdclef_mind.backwards.graph import Flat, Step, Tensor
from birdclef_mind.backwards.layer_kinds import (
    activation_of,
    has_plain_kernel,
    is_idle,
    is_layer,
    is_meeting,
    is_pointwise,
    is_scaling,
)
from birdclef_mind.errors import ConfigError

_LEAST_SCORE = 1e-30


@dataclass(frozen=True)
class Head:
    """How a network ends.

    Attributes
    ----------
    classes : the layer that tells classes apart. embedding : the one whose vector it reads.
    rule : how scores are made: "softmax", "log_softmax" or "sigmoid"; "" where the sums themselves are the answer.
    last : the step that makes them; where none does, the one that gives the answer.
    """

    classes: Step
    embedding: Step
    rule: str
    last: Step

    @property
    def units(self) -> int:
        """Number of classes."""
        return int(self.last.output.shape[-1] or 0)

    def probabilities(self, answer: Any) -> Any:
        """Scores between 0 and 1 of a network's answer (n, classes), which may be sums or logarithms."""
        if self.rule in ("softmax", "sigmoid"):
            return answer
        return tf.exp(answer if self.rule == "log_softmax" else self._log()(answer))

    def log_scores(self, flat: Flat, start: Tensor) -> Callable[[Any], Any]:
        """A function from the values of a tensor (n, ...) to the logarithm of the network's scores (n, classes).

        From the sums, not the scores: where a score is nearly nothing its own gradient is lost.
        """
        sums = self.sums(flat, start)
        if sums is None:
            read = flat.walk(start, [self.last.output])
            return lambda values: tf.math.log(tf.maximum(read(values)[0], _LEAST_SCORE))
        log = self._log()
        return lambda values: log(sums(values))

    def sums(self, flat: Flat, start: Tensor) -> Callable[[Any], Any] | None:
        """A function from the values of a tensor (n, ...) to the sums (n, classes) that scores are made of.

        None where the last layer gives scores and its sums do not follow from its weights.
        """
        last = self.last
        if not self.rule:
            read = flat.walk(start, [last.output])
            return lambda values: read(values)[0]
        if isinstance(last.layer, layers.Dense) and not has_plain_kernel(last.layer):
            return None
        read = flat.walk(start, [last.inputs[0]])
        if not isinstance(last.layer, layers.Dense):
            return lambda values: read(values)[0]

        def summed(values: Any) -> Any:
            kernel, bias = last.layer.kernel, last.layer.bias
            sums = tf.matmul(read(values)[0], tf.cast(kernel, tf.float32))
            return sums if bias is None else sums + tf.cast(bias, tf.float32)

        return summed

    def log_absence(self, logs: Any, wanted: Any) -> Any:
        """Logarithms of the chance that the wanted classes (n,) are not there, (n,), of log scores (n, classes).

        Where one class of several is there it is the chance of all others: a sure answer has no other gradient left.
        """
        own = tf.gather(logs, wanted, batch_dims=1)
        if self.rule == "sigmoid" or self.units == 1:
            return tf.math.log(-tf.math.expm1(tf.minimum(own, -_LEAST_SCORE)))
        return tf.reduce_logsumexp(logs - 1e30 * tf.one_hot(wanted, self.units), axis=1)

    def _log(self) -> Any:
        """From sums to logarithms of scores; a single class is no choice among several."""
        alone = not self.rule and self.units == 1
        return tf.math.log_sigmoid if self.rule == "sigmoid" or alone else tf.nn.log_softmax


def read_head(flat: Flat, name: str) -> Head:
    """Find a network's end; ConfigError names the layer where it ends otherwise."""
    steps = flat.by_output()
    if flat.answer not in steps:
        raise ConfigError(f"model {name}: expected a dense layer of classes at the end, got the picture itself")
    classes = _behind(steps[flat.answer], steps, changing=True)
    if isinstance(classes.layer, layers.Dense):
        embedding = steps.get(classes.inputs[0])
    elif is_meeting(classes.layer) and len(classes.output.shape) == 2:
        embedding = _neck(flat, classes)
        if embedding is None:
            raise ConfigError(
                f"model {name}: expected one vector before the classes, but {classes.title} joins several"
            )
    else:
        raise ConfigError(f"model {name}: expected a dense layer of classes at the end, got {classes.title}")
    embedding = None if embedding is None else _behind(embedding, steps)
    if embedding is None or flat.picture in embedding.outputs:
        raise ConfigError(f"model {name}: expected a layer before its classes, got none before {classes.title}")
    if len(flat.answer.shape) != 2:
        raise ConfigError(f"model {name}: expected scores (classes,) of {classes.title}, got {flat.answer.shape[1:]}")
    last = _last_rule(steps[flat.answer], steps)
    return Head(classes, embedding, activation_of(last.layer), last)


def _behind(step: Step, steps: dict[Tensor, Step], changing: bool = False) -> Step:
    """Go back over steps that change values one by one, to one that does not; to the first step where all do."""
    while _passes(step, changing) and step.inputs[0] in steps:
        step = steps[step.inputs[0]]
    return step


def _passes(step: Step, changing: bool) -> bool:
    """Whether a step gives what it reads, value by value; `changing`, also scaled, shared out or in another shape."""
    if len(step.inputs) != 1:
        return False
    more = changing and is_scaling(step.layer)
    return (more or is_pointwise(step.layer)) and step.inputs[0].shape == step.output.shape


def _last_rule(step: Step, steps: dict[Tensor, Step]) -> Step:
    """The last step that makes scores of sums; the one that gives the answer where none does."""
    end = step
    while not activation_of(step.layer):
        own = getattr(step.layer, "activation", None) if is_layer(step.layer) else None
        linear = own is None or getattr(own, "__name__", "") == "linear"
        unchanged = isinstance(step.layer, layers.Activation | layers.Flatten | layers.Reshape) or is_idle(step.layer)
        if not (linear and unchanged and _passes(step, True)) or step.inputs[0] not in steps:
            return end
        step = steps[step.inputs[0]]
    return step


def _neck(flat: Flat, classes: Step) -> Step | None:
    """The last step before the classes whose vector (n, units) is all that they read."""
    for step in reversed(flat.steps[: classes.place - 1]):
        if len(step.output.shape) == 2 and flat.between(step.output, [classes.output]) is not None:
            return step
    return None
