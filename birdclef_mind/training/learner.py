"""A network as it is trained: pictures are changed on the device before every step; loss, optimizer and schedule."""

from typing import Any

import keras
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.training.augmentation import augment
from birdclef_mind.training.losses import loss_of, smoothed
from birdclef_mind.training.recipe import MASKED, Training
from birdclef_mind.training.teacher import Teacher

# A gradient that is longer, such as that of a batch of noise alone, is cut to this length.
_LONGEST_GRADIENT = 5.0


class Learner(keras.Model):  # type: ignore[misc]
    """A network around which training pictures are changed; held-out pictures pass unchanged."""

    def __init__(self, network: keras.Model, training: Training, range_db: float, lessons: Array | None = None) -> None:
        super().__init__(name="learner")
        self.network, self._training, self._range_db = network, training, range_db
        classes = network.output.shape[-1]
        self._teacher = None if lessons is None else Teacher(network, lessons, classes, training)
        # Keras finds a layer's weights where it is an attribute.
        self.projection = self._teacher.projection if self._teacher else None

    @property
    def trained(self) -> list[Any]:
        """Variables of the network, and of the layer that leads to a listener's embedding where there is one."""
        return [*self.network.variables, *(self.projection.variables if self.projection else [])]

    def call(self, pictures: Any, training: bool = False) -> Any:
        """What the network answers to pictures (n, rows, frames, 1)."""
        if isinstance(pictures, dict):
            # Where there are several devices, Keras tries the learner out with a batch as the dataset gives it.
            pictures = tf.cast(pictures["pixels"], tf.float32)
        if self._teacher and training:
            return self._teacher.answer(pictures)
        return self.network(pictures, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of labels; where a listener teaches, y and y_pred hold its part behind the classes, too.

        Of labels it is the mean over the segments that are told.
        """
        count = self.network.output.shape[-1]
        teacher, labels = self._teacher if y.shape[1] > count else None, y[:, :count]
        if teacher:
            told = 1 - y[:, count]
            labels = tf.where(told[:, None] > 0, labels, MASKED)
            sample_weight = told * (tf.cast(tf.size(told), tf.float32) / tf.maximum(tf.reduce_sum(told), 1.0))
        own = super().compute_loss(x, labels, y_pred[:, :count], sample_weight, training)
        return own + teacher.loss(y[:, count:], y_pred) if teacher else own

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Measures of y and y_pred (n, classes), whatever stands behind the classes."""
        count = self.network.output.shape[-1]
        return super().compute_metrics(x, y[:, :count], y_pred[:, :count], sample_weight)

    def train_step(self, data: Any) -> Any:
        """Change a batch of `batches.training_dataset`, then take the usual step."""
        given, targets = data
        changed, wanted = self.changed(given, targets)
        return super().train_step((changed[..., None], self._softened(wanted)))

    def changed(self, given: Any, targets: Any) -> tuple[Any, Any]:
        """The pictures (n, rows, frames) and targets of a batch as the augmentation changes them."""
        names = [name for name in ("pixels", "under", "beside") if name in given]
        pictures, *others = (tf.cast(given[name], tf.float32)[..., 0] for name in names)
        augmentation, strength = self._training.augmentation, given["strength"][0]
        return augment(
            pictures, targets, given["seed"][0], augmentation, self._range_db,
            laid=dict(zip(names[1:], others, strict=True)), strength=strength,
        )  # fmt: skip

    def _softened(self, targets: Any) -> Any:
        """Targets (n, classes), drawn by label smoothing towards an even share of all classes; lessons stay."""
        smoothing, count = self._training.label_smoothing, self.network.output.shape[-1]
        targets, lessons = targets[:, :count], targets[:, count:]
        if self._training.loss == "cross_entropy":
            # A softmax shares one whole among the birds of a segment.
            targets = targets / tf.maximum(tf.reduce_sum(targets, axis=1, keepdims=True), 1e-6)
        return tf.concat([smoothed(targets, smoothing), lessons], axis=1)


def compile_learner(learner: Learner, training: Training, steps_an_epoch: int) -> None:
    """Give a learner optimizer, schedule and loss as the recipe says."""
    rate: Any = training.learning_rate
    if training.schedule == "cosine" or training.warmup_epochs:
        rate = Climbing(training, steps_an_epoch)
    options = {"global_clipnorm": _LONGEST_GRADIENT} if training.optimizer == "adamw" else {}
    optimizer = (
        keras.optimizers.AdamW(rate, weight_decay=training.weight_decay, **options)
        if training.optimizer == "adamw"
        else keras.optimizers.Adam(rate)
    )
    if training.optimizer == "adamw":
        # Decay draws weights to 0, which is no place for a gain or a level.
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "bands"])
    # Now, since a state that is gone on from has a place for every variable.
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer, loss_of(training), metrics=[SurestIsRight(name="accuracy")])


@keras.saving.register_keras_serializable("birdclef_mind")
class Climbing(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that climbs for the first epochs, then falls along a half cosine to a hundredth.

    Loshchilov & Hutter 2017, "SGDR", equation 5, without restarts. With schedule "constant" it stays after the climb.
    """

    def __init__(self, training: Training, steps_an_epoch: int) -> None:
        self._training = training
        self._climb, self._all = (steps_an_epoch * epochs for epochs in (training.warmup_epochs, training.epochs))

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        climbing = (step + 1) / max(1, self._climb)
        done = tf.clip_by_value((step - self._climb) / max(1, self._all - self._climb), 0.0, 1.0)
        falling = 0.01 + 0.99 * 0.5 * (1 + tf.cos(3.14159265 * done))
        share = falling if self._training.schedule == "cosine" else tf.ones_like(falling)
        return self._training.learning_rate * tf.where(step < self._climb, climbing, share)

    def get_config(self) -> dict[str, Any]:
        """Nothing that could be read back: a schedule belongs to one training."""
        return {}


@keras.saving.register_keras_serializable("birdclef_mind")
class SurestIsRight(keras.metrics.Mean):  # type: ignore[misc]
    """Share of the segments whose surest bird is one of theirs; "accuracy" where each has one.

    A surest bird is right where no target is higher than its own. Segments count whose highest target is above 0.2,
    so that softened and shared ones do; segments without a bird do not.
    """

    def update_state(self, targets: tf.Tensor, scores: tf.Tensor, sample_weight: Any = None) -> None:
        """Count a batch: targets and scores (n, classes)."""
        most = tf.reduce_max(targets, axis=1)
        surest = tf.gather(targets, tf.argmax(scores, axis=1), axis=1, batch_dims=1)
        hits = tf.cast(surest >= most - 1e-3, tf.float32)
        super().update_state(hits, tf.cast(most > 0.2, tf.float32))
