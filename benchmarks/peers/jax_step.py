"""One training step after another in JAX with optax: cnn, lenet, vae. Layout NHWC, JAX's own."""

import os

import workload

args = workload.arguments(["jit"])
# XLA's thread pool is as large as the set of processors it may use.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])

os.environ["JAX_PLATFORMS"] = "cpu" if args.device == "cpu" else "cuda"
import jax  # noqa: E402  (after the affinity is set)
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
from jax import lax  # noqa: E402

# A number says which of the GPUs; the products there are f32's, or TF32's where they are asked for.
jax.config.update("jax_default_device", jax.devices()[int((args.device + ":0").split(":")[1])])
jax.config.update("jax_default_matmul_precision", "tensorfloat32" if args.tf32 else "highest")


def conv(p, name, x, padding):
    y = lax.conv_general_dilated(x, p[name + ".weight"], (1, 1), [(padding, padding)] * 2,
                                 dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + p[name + ".bias"]


def pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def linear(p, name, x):
    return x @ p[name + ".weight"] + p[name + ".bias"]


def nll(logits, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))


def cnn(p, x, y):
    for name in ("conv1", "conv2", "conv3"):
        x = pool(jax.nn.relu(conv(p, name, x, 1)))
    return nll(linear(p, "fc", x.reshape(x.shape[0], -1)), y)


def lenet(p, x, y):
    x = pool(jax.nn.relu(conv(p, "conv1", x, 0)))
    x = pool(jax.nn.relu(conv(p, "conv2", x, 0)))
    x = jax.nn.relu(linear(p, "fc1", x.reshape(x.shape[0], -1)))
    return nll(linear(p, "fc2", x), y)


def vae(p, x, eps):
    x = x.reshape(x.shape[0], -1)
    h = jnp.tanh(linear(p, "enc1", x))
    mu, log_var = linear(p, "enc2", h), linear(p, "enc3", h)
    z = mu + eps * jnp.exp(0.5 * log_var)
    logits = linear(p, "dec2", jnp.tanh(linear(p, "dec1", z)))
    bce = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x))
    kl = -0.5 * jnp.sum(1 + log_var - mu * mu - jnp.exp(log_var))
    return bce + kl


def to_jax(name, w, image_channels):
    """PyTorch's layout to JAX's: OIHW -> HWIO, [out, in] -> [in, out] with inputs in NHWC order."""
    if w.ndim == 4:
        return w.transpose(2, 3, 1, 0)
    if w.ndim == 2:
        if name in image_channels:
            c = image_channels[name]
            side = int((w.shape[1] // c) ** 0.5)
            w = w.reshape(-1, c, side, side).transpose(0, 2, 3, 1).reshape(w.shape[0], -1)
        return w.T
    return w


def main():
    weights, batches = workload.load(args.model, args.dump, 40)
    after_images = {"cnn": {"fc.weight": 32}, "lenet": {"fc1.weight": 50}, "vae": {}}[args.model]
    params = {k: jnp.asarray(to_jax(k, v, after_images)) for k, v in weights.items()}
    second = "eps" if args.model == "vae" else "y"
    data = [(jnp.asarray(b["x"].transpose(0, 2, 3, 1)), jnp.asarray(b[second])) for b in batches]
    loss_fn = {"cnn": cnn, "lenet": lenet, "vae": vae}[args.model]
    opt = optax.adam(1e-3)

    def update(params, state, x, y):
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    compiled = jax.jit(update, donate_argnums=(0, 1))
    state = [params, opt.init(params)]

    def step(i):
        state[0], state[1], loss = compiled(state[0], state[1], *data[i])
        return float(loss)

    workload.measure(args, "jax", jax.__version__, step, len(data))


if __name__ == "__main__":
    main()
