"""One training step after another in PyTorch: cnn, lenet, vae."""

import torch
import torch.nn.functional as F

import torch_device
import torch_digits
import workload

VARIANTS = ["eager", "channels-last", "fused", "channels-last-fused", "compile", "compile-autotune", "graph"]


class Cnn(torch_digits.Cnn):
    def forward(self, x, y):
        return F.nll_loss(super().forward(x), y)


class LeNet(torch_digits.LeNet):
    def forward(self, x, y):
        return F.nll_loss(super().forward(x), y)


class Vae(torch_digits.Vae):
    def forward(self, x, eps):
        x = x.flatten(1)
        h = torch.tanh(self.enc1(x))
        mu, log_var = self.enc2(h), self.enc3(h)
        z = mu + eps * torch.exp(0.5 * log_var)
        logits = self.dec2(torch.tanh(self.dec1(z)))
        bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mu * mu - torch.exp(log_var))
        return bce + kl


def main():
    args = workload.arguments(VARIANTS)
    torch.set_num_threads(args.threads)
    torch.set_num_interop_threads(1)
    device = torch_device.choose(args)
    weights, batches = workload.load(args.model, args.dump, 40)
    model = {"cnn": Cnn, "lenet": LeNet, "vae": Vae}[args.model]()
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    layout = torch.channels_last if "channels-last" in args.variant else torch.contiguous_format
    model = model.to(device, memory_format=layout)
    second = "eps" if args.model == "vae" else "y"
    data = [(torch.from_numpy(b["x"]).to(device, memory_format=layout), torch.from_numpy(b[second]).to(device))
            for b in batches]
    opt = torch_device.adam(model, args, "fused" in args.variant)
    forward = model
    if args.variant == "compile":
        forward = torch.compile(model)
    elif args.variant == "compile-autotune":
        forward = torch.compile(model, mode="max-autotune")

    def step(x, y):
        opt.zero_grad(set_to_none=True)
        loss = forward(x, y)
        loss.backward()
        opt.step()
        return loss.detach()

    if args.variant == "graph":
        step = torch_device.captured(step, data[0], model, opt)
    workload.measure(args, "pytorch", torch.__version__, lambda i: step(*data[i]).item(), len(data))


if __name__ == "__main__":
    main()
