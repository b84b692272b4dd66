import numpy as np
import tensorflow as tf

from tfx_explain.attribution.problem.randomness import random_orders, row_keys

_KEYS = np.arange(50, dtype=np.uint64)


def test_orders_are_permutations_and_repeatable():
    orders = random_orders(1, _KEYS, np.arange(20), 7)
    np.testing.assert_array_equal(np.sort(orders, axis=2), np.broadcast_to(np.arange(7), orders.shape))
    np.testing.assert_array_equal(orders, random_orders(1, _KEYS, np.arange(20), 7))
    assert (orders != random_orders(2, _KEYS, np.arange(20), 7)).any()


def test_orders_depend_on_the_row_and_the_draw_alone():
    orders = random_orders(1, _KEYS, np.arange(20), 7)
    np.testing.assert_array_equal(random_orders(1, _KEYS[[9, 3]], np.arange(5, 8), 7), orders[[9, 3], 5:8])


def test_orders_are_uniform():
    orders = random_orders(0, np.arange(400, dtype=np.uint64), np.arange(60), 3).reshape(-1, 3)
    counts = np.unique(orders @ [9, 3, 1], return_counts=True)[1]
    # Chi squared of 5 degrees of freedom exceeds 20.5 once in a thousand.
    expected = len(orders) / 6
    assert len(counts) == 6
    assert ((counts - expected) ** 2 / expected).sum() < 20.5


def test_row_keys_see_every_value_its_place_and_its_length():
    tensors = {
        "f": tf.constant([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]),
        "s": tf.constant(["a", "a", "b", "a", "a", "a"]),
        "r": tf.ragged.constant([[[1], [2]], [[1], [2]], [[1], [2]], [[1, 2]], [[1], [2]], [[1], [2], []]]),
    }
    keys = row_keys(tensors)
    assert keys[0] == keys[4]
    assert len(set(keys)) == 5


def test_row_keys_do_not_depend_on_the_batch():
    tensors = {"s": tf.constant(["a", "b"]), "r": tf.ragged.constant([[1, 2, 3], [4]])}
    last = row_keys({key: tensor[1:] for key, tensor in tensors.items()})
    np.testing.assert_array_equal(last, row_keys(tensors)[1:])
