"""The zoo's networks in PyTorch, forward alone: cnn, lenet, vae (its reconstruction's logits)."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Cnn(nn.Module):
    batch, channels, side = 100, 1, 28

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc = nn.Linear(288, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return F.log_softmax(self.fc(x.flatten(1)), 1)


class LeNet(nn.Module):
    batch, channels, side = 100, 1, 28

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x.flatten(1)))), 1)


class Vae(nn.Module):
    batch, channels, side = 100, 1, 28

    def __init__(self):
        super().__init__()
        self.enc1 = nn.Linear(784, 500)
        self.enc2 = nn.Linear(500, 5)
        self.enc3 = nn.Linear(500, 5)
        self.dec1 = nn.Linear(5, 500)
        self.dec2 = nn.Linear(500, 784)

    def forward(self, x):
        mean = self.enc2(torch.tanh(self.enc1(x.flatten(1))))
        return self.dec2(torch.tanh(self.dec1(mean)))
