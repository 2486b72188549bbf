#!/usr/bin/env python3
"""Prints the polynomial coefficients of src/base/fmath_inline.h: minimax fits by the Remez exchange in 50 digits,
rounded to the working precision.  Needs mpmath.

    python3 tools/mk_fmath.py [name ...]
"""
import sys
import struct
import mpmath as mp

mp.mp.dps = 60


def to_f32(x):
    """Nearest float of an mpf (through decimal text, so no double rounding)."""
    m, e = mp.frexp(x)
    return mp.ldexp(mp.nint(mp.ldexp(m, 24)), e - 24)


def to_f64(x):
    m, e = mp.frexp(x)
    return mp.ldexp(mp.nint(mp.ldexp(m, 53)), e - 53)


def remez(f, weight, a, b, n, first=0, step=1):
    """Polynomial sum c_k x^(first + k*step), k < n, that minimises max |weight * (f - p)| on [a, b]."""
    xs = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / n) for i in range(n + 1)]
    for _ in range(12):
        A, y = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for i, x in enumerate(xs):
            for k in range(n):
                A[i, k] = weight(x) * x ** (first + k * step)
            A[i, n] = (-1) ** i
            y[i] = weight(x) * f(x)
        s = mp.lu_solve(A, y)
        c = [s[k] for k in range(n)]

        def err(x):
            return weight(x) * (f(x) - mp.polyval(c[::-1], x ** step) * x ** first)
        m = 24 * n
        grid = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / m) for i in range(m + 1)]
        val = [err(x) for x in grid]
        # one extremum per run of equal sign
        runs, start = [], 0
        for i in range(1, m + 2):
            if i > m or mp.sign(val[i]) != mp.sign(val[start]):
                j = max(range(start, i), key=lambda t: abs(val[t]))
                runs.append((grid[j], val[j]))
                start = i
        if len(runs) < n + 1:
            break
        while len(runs) > n + 1:
            runs.pop(0 if abs(runs[0][1]) < abs(runs[-1][1]) else -1)
        xs = [r[0] for r in runs]
        big, small = max(abs(r[1]) for r in runs), min(abs(r[1]) for r in runs)
        if big / small < 1.001:
            break
    return c, max(abs(v) for v in val)


def fit(name, f, weight, a, b, n, rnd, first=0, step=1):
    c, worst = remez(f, weight, mp.mpf(a), mp.mpf(b), n, first, step)
    show(name, f, weight, mp.mpf(a), mp.mpf(b), [rnd(v) for v in c], worst, first, step)


def show(name, f, weight, a, b, fixed, worst, first, step):
    grid = [a + (b - a) * i / 3000 for i in range(1, 3000)]
    got = max(abs(weight(x) * (f(x) - sum(c * x ** (first + i * step) for i, c in enumerate(fixed)))) for x in grid)
    print(f"/* {name}: minimax error 2^{float(mp.log(worst, 2)):.1f}, rounded 2^{float(mp.log(got, 2)):.1f} */")
    for c in fixed:
        print("   ", struct.unpack("<d", struct.pack("<d", float(c)))[0].hex(), "  ", mp.nstr(c, 17))
    sys.stdout.flush()


def one(x):
    return mp.mpf(1)


def series(limit, f):
    """f, with its removable singularity at 0 replaced by the limit."""
    return lambda x: f(x) if abs(x) > mp.mpf(10) ** -12 else mp.mpf(limit)


LN2H = mp.log(2) / 2 * mp.mpf('1.0001')
exp_tail = series(0.5, lambda r: (mp.exp(r) - 1 - r) / r ** 2)
Z = (mp.sqrt(2) - 1) ** 2 / (mp.sqrt(2) + 1) ** 2 * mp.mpf('1.001')


def log_tail(z):
    """(log((1+s)/(1-s)) - 2s) / s, over z: the R of log(1+f) = f - f*f/2 + s*(f*f/2 + R), divided by z."""
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) / s - 2) / z if z > mp.mpf(10) ** -14 else mp.mpf(2) / 3 + z * 2 / 5


def log_tail2(z):
    return (log_tail(z) - mp.mpf(2) / 3) / z if z > mp.mpf(10) ** -10 else mp.mpf(2) / 5 + z * 2 / 7


def mills(a):
    """Phi(-a) * exp(a*a/2)."""
    return mp.erfc(a / mp.sqrt(2)) / 2 * mp.exp(a * a / 2)


def erf_tail(z):
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1 if z > mp.mpf(10) ** -14 else 2 / mp.sqrt(mp.pi) - 1 - z * 2 / (3 * mp.sqrt(mp.pi))


def sin_tail(z):
    x = mp.sqrt(z)
    return (mp.sin(x) / x - 1) / z if z > mp.mpf(10) ** -10 else -mp.mpf(1) / 6 + z / 120


def cos_tail(z):
    x = mp.sqrt(z)
    return (mp.cos(x) - 1 + z / 2) / z ** 2 if z > mp.mpf(10) ** -10 else mp.mpf(1) / 24 - z / 720


def erfcx_q(q):
    """(1 + 2a) * erfc(a) * exp(a*a) with a = 4 (1 + q) / (1 - q)."""
    a = 4 * (1 + q) / (1 - q)
    return (1 + 2 * a) * mp.erfc(a) * mp.exp(a * a)




def mills_u(u):
    return mills(3 * u / (1 - u))


def cdf_weight(u):
    """Relative error to a = 3, then looser: there the result is small."""
    a = 3 * u / (1 - u)
    return (1 if a < 3 else mp.exp((3 - a) * mp.mpf('0.7'))) / mills_u(u)


jobs = {
    'exp32': lambda: fit('expf', exp_tail, lambda r: r * r + mp.mpf('0.001'), -LN2H, LN2H, 5, to_f32),
    'log32': lambda: fit('logf', log_tail, lambda z: z + mp.mpf('0.0005'), 0, Z, 3, to_f32),
    'cdf32': lambda: fit('norm_cdff', mills_u, cdf_weight, 0, mp.mpf(14) / 17, 10, to_f32),
    'erf32': lambda: fit('erff below 0.92', erf_tail, one, 0, mp.mpf('0.921875') ** 2, 6, to_f32),
    'erfc32': lambda: fit('log erfcf above 0.92', lambda x: mp.log(mp.erfc(x)), lambda x: mp.erfc(x) / mp.erf(x),
                          mp.mpf('0.921875'), mp.mpf('3.95'), 9, to_f32),
    'exp64': lambda: fit('exp', exp_tail, lambda r: r * r + mp.mpf('0.001'), -LN2H, LN2H, 10, to_f64),
    'log64': lambda: fit('log', log_tail, lambda z: z + mp.mpf('0.0005'), 0, Z, 7, to_f64),
    'erf64': lambda: fit('erf below 1', erf_tail, one, 0, 1, 13, to_f64),
    'erfcx64': lambda: fit('erfcx', erfcx_q, one, mp.mpf('-0.8'), mp.mpf('0.76'), 23, to_f64),
    'pow64': lambda: fit('log, third term on', log_tail2, lambda z: z + mp.mpf('0.0005'), 0, Z, 8, to_f64),
    'sin64': lambda: fit('sin', sin_tail, lambda z: z + mp.mpf('0.0005'), 0, (mp.pi / 4) ** 2 * mp.mpf('1.001'), 6, to_f64),
    'cos64': lambda: fit('cos', cos_tail, lambda z: z * z + mp.mpf('0.0005'), 0, (mp.pi / 4) ** 2 * mp.mpf('1.001'), 6, to_f64),
}


def constants():
    ln2 = mp.log(2)
    for name, rnd, bits in (('f32', to_f32, 24), ('f64', to_f64, 53)):
        hi = rnd(ln2)
        print(name, 'ln2', float(hi).hex(), float(rnd(ln2 - hi)).hex(), 'log2e', float(rnd(1 / ln2)).hex())
    hi = mp.ldexp(mp.floor(mp.ldexp(ln2, 33)), -33)
    print('f64 ln2 33 bits', float(hi).hex(), float(to_f64(ln2 - hi)).hex())
    h = mp.mpf(1) / 3
    print('third', float(to_f64(h)).hex(), float(to_f64(h - to_f64(h))).hex())
    p = mp.pi / 2
    for i in range(3):
        print('pi/2', i, float(to_f64(p)).hex())
        p -= to_f64(p)
    mp.mp.dps = 500
    print('2/pi bits:')
    v = 2 / mp.pi
    words = []
    for _ in range(20):
        v = mp.ldexp(v, 64)
        w = int(mp.floor(v))
        v -= w
        words.append('0x%016x' % w)
    print(', '.join(words))


for job in sys.argv[1:] or list(jobs) + ['constants']:
    constants() if job == 'constants' else jobs[job]()
