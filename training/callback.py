"""A Keras callback that writes, after each epoch, what the model relies on, for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Attributions, IntegratedGradients, SampledShapley, from_function, top_targets
from tfx_explain.attribution.problem.method import Method
from tfx_explain.proto.printable import printable
from tfx_explain.storage.event_files import share_tag, summary_writer
from tfx_explain.training.sample import Sample

FOLDER = "attributions"
_HISTOGRAMS = 10


class TensorBoardAttributions(tf.keras.callbacks.Callback):
    """Writes the attributions of a sample of rows after each epoch, beside what Keras' own TensorBoard callback writes.

    ```python
    model.fit(
        train,
        epochs=10,
        callbacks=[
            tf.keras.callbacks.TensorBoard("logs"),
            TensorBoardAttributions("logs", {"age": ages[:256], "sex": sexes[:256]}),
        ],
    )
    ```

    In the run `attributions`, a step an epoch, counted as Keras does: each feature's share of the total absolute
    attribution over the sample (`attribution_share/age`), the histograms of the attributions of the ten most important
    features (`attributions/age`), and the mean stated error by the mean size of the attributions
    (`attribution_error`). Rows that can't be attributed are left out; NaN where none can, or all attributions are 0.

    What the model returns is explained as it is, probabilities as probabilities: see `output`.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        rows: Mapping[str, Any] | Any,
        features: Sequence[str] | None = None,
        baselines: Mapping[str, Any] | Any = None,
        method: Method | None = None,
        targets: Any = None,
        output: Callable[[Any], Any] | None = None,
    ) -> None:
        """Checks and keeps the sample.

        Args:
          log_dir: As that of `tf.keras.callbacks.TensorBoard`.
          rows: The sample as the model takes it: arrays `[rows, ...]` by name, or one array `[rows, columns]`. A few
            hundred rows tell as much as all.
          features: Of one array, a name for each column; of arrays by name, those that are features, all by default.
          baselines: What stands for "nothing known": arrays `[baselines, ...]` by name, or one for the one array, or a
            number. By default, and of features not named, each number's median in the sample, and each text's commonest
            value.
          method: How to attribute; by default integrated gradients where all features are floating-point numbers, else
            sampled Shapley values.
          targets: Of a model with several outputs a row, int `[rows]` or one index of those to explain; the highest one
            by default, which may be another after each epoch.
          output: From what the model returns to what is explained, `[rows]` or `[rows, classes]`: one of several
            outputs (`lambda outputs: outputs["price"]`), or log-odds in the place of probabilities.

        Raises:
          ValueError: The sample is empty or of another form, a column has no name, `baselines` or `method` are
            something else, or TensorBoard is not installed.
        """
        super().__init__()
        if tf.keras.backend.backend() != "tensorflow":
            raise ValueError(f"Attributions need Keras on TensorFlow, not on {tf.keras.backend.backend()}.")
        self._sample = Sample.of(rows, features, baselines)
        if method is not None and not isinstance(method, Method):
            raise ValueError(
                f"method is {method!r}; give one of tfx_explain.attribution, such as IntegratedGradients() or "
                "SampledShapley()."
            )
        self._method = method or (IntegratedGradients() if self._sample.is_floating else SampledShapley())
        self._targets, self._output = targets, output
        self._writer = summary_writer(os.path.join(os.fspath(log_dir), FOLDER))

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Attributes one row, so that what can't be attributed is known before the first epoch.

        Raises:
          ValueError: The model can't be attributed by this method, or returns several outputs by name.
        """
        # Traced once, and reads the weights as they are at each call.
        self._function = from_function(self._explained)
        self._attribute(rows=1)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the attributions of the sample."""
        found = self._attribute()
        values = found.values[np.isfinite(found.values).all(axis=1)]
        sizes = np.abs(values).mean(axis=0) if len(values) else np.full(len(found.features), np.nan)
        total = float(sizes.sum())
        shares = sizes / total if total else np.full(len(sizes), np.nan)
        with self._writer.as_default(step=epoch):
            for feature, share in zip(found.features, shares.tolist(), strict=True):
                tf.summary.scalar(share_tag(feature), share)
            errors = found.approximation_errors[np.isfinite(found.approximation_errors)]
            tf.summary.scalar("attribution_error", float(errors.mean()) / total if total and len(errors) else np.nan)
            for index in np.argsort(-shares, kind="stable")[:_HISTOGRAMS]:
                tf.summary.histogram(f"attributions/{printable(found.features[index])}", values[:, index])
        self._writer.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Sees to it that all is written."""
        self._writer.flush()

    def _attribute(self, rows: int | None = None) -> Attributions:
        inputs = tf.nest.map_structure(lambda tensor: tensor[:rows], self._sample.inputs)
        targets = self._targets if rows is None or np.ndim(self._targets) == 0 else self._targets[:rows]
        if targets is None:
            targets = top_targets(self._function, inputs)[:, 0]
        return self._method.attribute(self._function, inputs, self._sample.baselines, self._sample.players, targets)

    def _explained(self, inputs: Any) -> tf.Tensor:
        """Returns what is explained of rows, float32 `[rows]` or `[rows, classes]`."""
        outputs = self.model(self._sample.as_given(inputs), training=False)
        outputs = self._output(outputs) if self._output else outputs
        if isinstance(outputs, Mapping | list | tuple):
            names = ", ".join(map(repr, outputs if isinstance(outputs, Mapping) else range(len(outputs))))
            raise ValueError(
                f"The model returns several outputs ({names}); choose one: output=lambda outputs: outputs[...]."
            )
        return tf.cast(outputs, tf.float32)
