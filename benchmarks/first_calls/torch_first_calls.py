"""The work of first_calls.cpp in PyTorch (eager): a JSON line each."""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_grad_enabled(False)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, -1).transpose(1, 2)

    def join(self, x):
        return x.transpose(1, 2).reshape(x.size(0), x.size(2), -1)

    def feed(self, x):
        return x + self.down(F.gelu(self.up(self.norm2(x))))

    def forward(self, x, cache=None):
        y = self.norm1(x)
        q, k, v = self.split(self.q(y)), self.split(self.k(y)), self.split(self.v(y))
        if cache is not None:
            k = cache[0] = k if cache[0] is None else torch.cat([cache[0], k], 2)
            v = cache[1] = v if cache[1] is None else torch.cat([cache[1], v], 2)
        return self.feed(x + self.o(self.join(F.scaled_dot_product_attention(q, k, v))))


def decode():
    tokens, places = nn.Embedding(256, 384), nn.Embedding(256, 384)
    blocks = [Block(384, 6) for _ in range(6)]
    norm, head = nn.LayerNorm(384), nn.Linear(384, 256)

    def run():
        caches, token = [[None, None] for _ in blocks], 1
        for t in range(256):
            x = tokens(torch.tensor([[token]])) + places(torch.tensor([[t]]))
            for block, cache in zip(blocks, caches):
                x = block(x, cache)
            token = head(norm(x)).argmax(-1).item()

    return run


def sentences():
    tokens, places = nn.Embedding(30522, 384), nn.Embedding(512, 384)
    blocks = [Block(384, 12) for _ in range(6)]

    def run():
        for i in range(60):
            n = 5 + (i * 37) % 60 * 2
            x = tokens((torch.arange(n) * 31 % 30522)[None]) + places(torch.arange(n))
            for block in blocks:
                x = block(x)
            x.mean(1)

    return run


def policy():
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


def episodes():
    net = policy()
    opt = torch.optim.Adam(net.parameters())

    @torch.enable_grad()
    def run():
        for i in range(40):
            n = 10 + (i * 17) % 40 * 5
            x, gains, action = torch.rand(n, 8), torch.rand(n), (torch.arange(n) % 4)[:, None]
            loss = -(F.log_softmax(net(x), 1).gather(1, action).squeeze(1) * gains).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()

    return run


class Residual(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.a = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.b = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(b), nn.BatchNorm2d(b)
        self.shortcut = nn.Conv2d(a, b, 1, stride, bias=False) if a != b else nn.Identity()

    def forward(self, x):
        y = self.norm2(self.b(F.relu(self.norm1(self.a(x)))))
        return F.relu(y + self.shortcut(x))


def images():
    body = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)).eval()
    head = nn.Linear(64, 10)

    def run():
        for i in range(500):
            h, w = 24 + (i * 7919) % 73, 24 + (i * 104729) % 67
            head(body(torch.full((1, 3, h, w), 0.5)).mean((2, 3)))

    return run


def slices():
    signal = torch.rand(1, 960064)

    def run():
        for i in range(200):
            signal[:, 64 + 512 * i:64 + 512 * i + 576] * 0.5

    return run


def annealed():
    net, x = policy(), torch.rand(64, 8)
    opt = torch.optim.Adam(net.parameters())

    @torch.enable_grad()
    def run():
        for i in range(1000):
            loss = (net(x) * net(x)).mean() * (0.001 * i + 0.0005) + 0.5
            opt.zero_grad()
            loss.backward()
            opt.step()

    return run


for name in sys.argv[1:]:
    torch.manual_seed(1)
    work = globals()[name]()
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    print(json.dumps({"work": name, "who": "torch", "first_ms": times[0], "again_ms": times[1]}))
