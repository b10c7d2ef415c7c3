#!/usr/bin/env python3
"""Prints the Chebyshev coefficients of the modified Bessel functions in kernel_ir/math_bessel.cpp."""
from mpmath import mp, mpf, besseli, cos, exp, pi, sqrt

mp.dps = 40


def coefficients(f, degree):
    """Of f on [-1, 1]: f(t) = c_0 + c_1 T_1(t) + …"""
    n = 4 * degree
    nodes = [cos(pi * (mpf(k) + mpf(1) / 2) / n) for k in range(n)]
    values = [f(t) for t in nodes]
    out = []
    for j in range(degree + 1):
        s = sum(v * cos(pi * j * (mpf(k) + mpf(1) / 2) / n) for k, v in enumerate(values))
        out.append(s * (1 if j == 0 else 2) / n)
    return out


def near(order):
    def f(t):
        x = 4 * (t + 1)
        if x == 0:
            return mpf(1) / (1 + order)
        return exp(-x) * besseli(order, x) / x**order
    return f


def far(order):
    def f(t):
        x = 16 / (t + 1)
        return sqrt(x) * exp(-x) * besseli(order, x)
    return f


for order in (0, 1):
    for name, f in (("near", near(order)), ("far", far(order))):
        c = coefficients(f, 34)
        while abs(c[-1]) < mpf(10) ** -18:
            c.pop()
        print(f"I{order} {name} ({len(c)}):")
        print(", ".join(mp.nstr(x, 17) for x in c))
