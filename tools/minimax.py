"""Minimax polynomials for the maths functions of src/kernel_ir.

    from minimax import fit
    fit(lambda x: mp.exp(x), -0.35, 0.35, range(7), fixed={0: 1, 1: 1}, bits=24)

Remez exchange on a dense grid in multiple precision. Needs mpmath.
"""

from mpmath import mp, mpf, matrix, lu_solve, cos, pi, floor, frexp, ldexp

mp.dps = 50
GRID = 1200


def round_to(value, bits):
    """The nearest number with `bits` significant bits."""
    if value == 0:
        return mpf(0)
    mantissa, exponent = frexp(value)
    return ldexp(floor(mantissa * mpf(2) ** bits + mpf(1) / 2), exponent - bits)


def remez(target, weight, grid, powers):
    """Coefficients and the largest weighted error of the best sum of c_p * x**p on the grid."""
    n = len(powers)
    table = [[x**p for p in powers] for x in grid]
    picks = sorted({int(round((1 - cos(pi * k / n)) / 2 * (len(grid) - 1))) for k in range(n + 1)})
    coefficients, worst = None, None
    for _ in range(30):
        a, b = matrix(n + 1, n + 1), matrix(n + 1, 1)
        for row, g in enumerate(picks):
            for col in range(n):
                a[row, col] = table[g][col]
            a[row, n] = (-1) ** row / weight[g]
            b[row] = target[g]
        solution = lu_solve(a, b)
        coefficients, level = [solution[k] for k in range(n)], abs(solution[n])
        error = [
            (sum(c * t for c, t in zip(coefficients, row)) - f) * w
            for row, f, w in zip(table, target, weight)
        ]
        worst = max(abs(e) for e in error)
        if worst <= level * (1 + mpf(10) ** -3):
            break
        picks = exchange(error, n + 1)
    return coefficients, worst


def exchange(error, count):
    """Indices of `count` alternating extrema of the error, the largest ones."""
    peaks = []
    for g, e in enumerate(error):
        if peaks and (e > 0) == (error[peaks[-1]] > 0):
            if abs(e) > abs(error[peaks[-1]]):
                peaks[-1] = g
        else:
            peaks.append(g)
    while len(peaks) > count:
        if len(peaks) == count + 1:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
            continue
        k = min(range(len(peaks) - 1), key=lambda i: abs(error[peaks[i]]) + abs(error[peaks[i + 1]]))
        del peaks[k : k + 2]
    if len(peaks) < count:
        raise ValueError("the error does not alternate: raise the precision or the degree")
    return peaks


def fit(f, lo, hi, powers, weight=None, bits=53):
    """Fits f on [lo, hi] by powers of x; the error is relative to f unless `weight(x)` is given.

    Coefficients are rounded to `bits`: all at once, and, for bits <= 24, one after another with the
    others refitted; the better wins. Returns {power: coefficient} and its largest weighted error.
    """
    grid = [lo + (hi - lo) * (1 - cos(pi * k / (GRID - 1))) / 2 for k in range(GRID)]
    grid = [mpf(x) for x in grid if x != 0]
    values = [mpf(f(x)) for x in grid]
    weights = [mpf(weight(x)) if weight else 1 / abs(v) for x, v in zip(grid, values)]

    def rounded(step):
        fixed, free = {}, list(powers)
        while free:
            rest = [v - sum(c * x**p for p, c in fixed.items()) for x, v in zip(grid, values)]
            coefficients, _ = remez(rest, weights, grid, free)
            for p, c in zip(free[:step], coefficients):
                fixed[p] = round_to(c, bits)
            free = free[step:]
        error = max(
            abs(sum(c * x**p for p, c in fixed.items()) - v) * w
            for x, v, w in zip(grid, values, weights)
        )
        return fixed, error

    results = [rounded(len(powers))]
    if bits <= 24:
        try:
            results.append(rounded(1))
        except ValueError:
            pass
    return min(results, key=lambda r: r[1])


def show(name, coefficients, error):
    """Prints a table as C++ source."""
    numbers = ", ".join(mp.nstr(c, 17) for c in coefficients.values())
    print(f"// {name}: powers {list(coefficients)}, error {mp.nstr(error, 3)}\n{{{numbers}}}")
