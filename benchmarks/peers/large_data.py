"""The batches of the large models, made from integers alone: the other side of
benchmarks/models/data.cpp."""

import numpy as np


def random_bits(i, k):
    """Random numbers of step i: u64, one for each entry of k. Ref: SplitMix64's mixing function."""
    z = (np.uint64(i) << np.uint64(32)) + np.asarray(k, np.uint64)
    z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def text_batch(i, batch, length):
    """x i64 [batch, length] of 65 symbols, y the same one symbol later."""
    bits = random_bits(i, np.arange(batch * (length + 1)).reshape(batch, length + 1)).T
    symbols = [bits[0] % np.uint64(65)]
    for row in bits[1:]:
        symbols.append((np.uint64(3) * symbols[-1] + np.uint64(1) + row % np.uint64(4)) % np.uint64(65))
    text = np.ascontiguousarray(np.stack(symbols, 1).astype(np.int64))
    return text[:, :-1].copy(), text[:, 1:].copy()


def image_batch(i, batch, channels=3, side=32):
    """x f32 [batch, channels, side, side], y i64 [batch] of ten classes."""
    y = (random_bits(i, np.arange(batch)) % np.uint64(10)).astype(np.int64)
    places = np.arange(batch * channels * side * side).reshape(batch, channels, side, side)
    x = (random_bits(i, batch + places) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
    level = np.full((batch, 1, side, 1), -0.5, np.float32)
    level[np.arange(batch), 0, (side - 2) // 10 * y + 1] = 0.5
    return x + level, y
