"""Captum and alibi on a network whose weights they are given, in the environment that they need; see `torch_peers`.

It imports nothing of this project, which can't be installed beside them: `python benchmarks/apart.py FOLDER PAGE...`
reads `FOLDER/network.npz`, and writes what they found to `FOLDER/found.npz`, and what it took to `FOLDER/found.json`.
The code of guides that is theirs is run too, and what it found goes to `FOLDER/pages.json`.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import pathlib
import re
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

# From what they are called here to how rows `[rows, features]` are attributed, for a number of evaluations a row.
Peer = Callable[[np.ndarray, int], np.ndarray]


def main(folder: pathlib.Path, pages: list[str]) -> None:
    """Attributes the rows by every method of theirs, for every number of evaluations that was asked for."""
    (folder / "pages.json").write_text(json.dumps({page: of_page(pathlib.Path(page)) for page in pages}))
    given = np.load(folder / "network.npz")
    layers = [(given[f"weights_{number}"], given[f"biases_{number}"]) for number in range(3)]
    found, took = {}, {}
    for name, (peer, kind) in {**captum_peers(layers), **alibi_peers(layers)}.items():
        rows = given[f"{kind}_rows"]
        peer(rows[:2], int(given[f"{kind}_evaluations"][0]))  # what is made once
        for evaluations in map(int, given[f"{kind}_evaluations"]):
            started = time.process_time()
            found[f"{name}|{kind}|{evaluations}"] = peer(rows, evaluations)
            took[f"{name}|{kind}|{evaluations}"] = time.process_time() - started
    np.savez(folder / "found.npz", **found)
    (folder / "found.json").write_text(json.dumps(took))


def of_page(page: pathlib.Path) -> dict[str, list[float]]:
    """Runs the code of a guide that is not this project's; returns the attributions that it found, by method."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec("\n".join(block for block in blocks if "tfx_explain" not in block), names)
    return {method: np.ravel(values).tolist() for method, values in names["theirs"].items()}


def captum_peers(layers: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[Peer, str]]:
    """Returns Captum's methods on the network in PyTorch, and whether each is a path's or of coalitions."""
    import torch
    from captum.attr import IntegratedGradients, KernelShap, ShapleyValueSampling

    tensors = [(torch.tensor(weights), torch.tensor(biases)) for weights, biases in layers]

    def network(rows: Any) -> Any:
        for weights, biases in tensors[:-1]:
            rows = torch.relu(rows @ weights + biases)
        return (rows @ tensors[-1][0] + tensors[-1][1])[:, 0]

    def paths(rows: np.ndarray, evaluations: int) -> np.ndarray:
        given = torch.tensor(rows, requires_grad=True)
        # Of some sizes of batches, the fastest.
        found = IntegratedGradients(network).attribute(given, 0.0, n_steps=evaluations, internal_batch_size=8192)
        return found.detach().numpy()

    def orders(rows: np.ndarray, evaluations: int) -> np.ndarray:
        # An order takes an evaluation a feature; the baseline's is one more in all.
        method, most = ShapleyValueSampling(network), (evaluations - 1) // rows.shape[1]
        return method.attribute(torch.tensor(rows), 0.0, n_samples=most).numpy()

    def kernel(rows: np.ndarray, evaluations: int) -> np.ndarray:
        return KernelShap(network).attribute(torch.tensor(rows), 0.0, n_samples=evaluations).numpy()

    torch.manual_seed(0)
    named = {"IntegratedGradients": (paths, "path"), "ShapleyValueSampling": (orders, "coalition")}
    named["KernelShap"] = kernel, "coalition"
    return {f"Captum {version('captum')} {name}": peer for name, peer in named.items()}


def alibi_peers(layers: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[Peer, str]]:
    """Returns alibi's methods on the network in Keras, and whether each is a path's or of coalitions."""
    import tensorflow as tf
    from alibi.explainers import IntegratedGradients, KernelShap

    network = tf.keras.Sequential([tf.keras.Input((len(layers[0][0]),))])
    for number, weights in enumerate(layers):
        network.add(tf.keras.layers.Dense(len(weights[1]), activation="relu" if number + 1 < len(layers) else None))
        network.layers[-1].set_weights(weights)

    def paths(rows: np.ndarray, evaluations: int) -> np.ndarray:
        method = IntegratedGradients(network, n_steps=evaluations, internal_batch_size=16384)
        return method.explain(rows, baselines=np.zeros_like(rows)).attributions[0]

    def kernel(rows: np.ndarray, evaluations: int) -> np.ndarray:
        method = KernelShap(lambda some: network(some).numpy(), task="regression", seed=0)
        method.fit(np.zeros((1, rows.shape[1]), np.float32))
        # Of the evaluations, it spends two on the ends without counting them.
        return method.explain(rows, nsamples=evaluations - 2, l1_reg=False, silent=True).shap_values[0]

    named = {"IntegratedGradients": (paths, "path"), "KernelShap": (kernel, "coalition")}
    return {f"alibi {version('alibi')} {name}": peer for name, peer in named.items()}


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2:])
