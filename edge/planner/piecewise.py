"""Continuous piecewise-linear functions of one variable, not necessarily convex, on a closed interval.

A function is its breakpoints: two lists of equal length, x strictly ascending and y. Outside the interval it
is infinite. Two operations make a dynamic programme of them: the lower envelope, and the infimal convolution
with a linear cost on an interval (moving the argument by up to so much costs so much per unit).
"""

from bisect import bisect_left, bisect_right

Pwl = tuple[list[float], list[float]]

NARROW = 1e-12
"""Width (relative) of the steep segment that stands for a jump, and of a gap or a move too small to keep."""
ROUNDING = 1e-14
"""A rise or a fall below this share of the values is rounding: it makes no valley."""
POINTS_MAX = 1_000
"""A function with more breakpoints is looked through for ones that make no difference."""


def value_at(f: Pwl, x: float) -> float:
    """The value at x, which is drawn to the nearer end where it lies outside the interval."""
    xs, ys = f
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    i = bisect_right(xs, x)
    x0, y0 = xs[i - 1], ys[i - 1]
    return y0 + (ys[i] - y0) * (x - x0) / (xs[i] - x0)


def clipped(f: Pwl, low: float, high: float) -> Pwl:
    """The function on [low, high] alone, where it keeps at least one point."""
    xs, ys = f
    if low <= xs[0] and high >= xs[-1]:
        return f
    low, high = max(low, xs[0]), min(high, xs[-1])
    if high <= low:
        nearest = min(max(low, xs[0]), xs[-1])
        return [nearest], [value_at(f, nearest)]
    first, last = bisect_right(xs, low), bisect_left(xs, high)
    return (
        [low, *xs[first:last], high],
        [value_at(f, low), *ys[first:last], value_at(f, high)],
    )


def stretched(f: Pwl, factor: float) -> Pwl:
    """The function x -> f(factor · x)."""
    xs, ys = f
    return [x / factor for x in xs], ys


def raised(f: Pwl, by: float) -> Pwl:
    """The function x -> f(x) + by."""
    xs, ys = f
    return xs, [y + by for y in ys]


def thinned(f: Pwl) -> Pwl:
    """The function without breakpoints that lie on the line between their neighbours, but for rounding.

    What still has more than POINTS_MAX loses the smallest kinks too: the work of a plan stays bounded.
    """
    if len(f[0]) <= POINTS_MAX:
        return f
    tolerance = ROUNDING * (max(f[1]) - min(f[1]) + max(map(abs, f[1])))
    while len(f[0]) > POINTS_MAX:
        f = _without_kinks(f, tolerance)
        tolerance *= 4.0
    return f


def _without_kinks(f: Pwl, tolerance: float) -> Pwl:
    fx, fy = f
    xs, ys = [fx[0]], [fy[0]]
    for i in range(1, len(fx) - 1):
        x0, y0, x2 = xs[-1], ys[-1], fx[i + 1]
        line = y0 + (fy[i + 1] - y0) * (fx[i] - x0) / (x2 - x0)
        if abs(fy[i] - line) > tolerance:
            xs.append(fx[i])
            ys.append(fy[i])
    xs.append(fx[-1])
    ys.append(fy[-1])
    return xs, ys


def moved(f: Pwl, rate: float, down: float, up: float) -> Pwl:
    """The function x -> min over u in [x - down, x + up] of rate · (u - x) + f(u).

    Each valley of f(u) + rate · u is cut at its lowest point; what falls moves left by `up`, what rises moves
    right by `down`, and a straight line of slope -rate joins them.
    """
    xs, ys = f
    if down + up <= NARROW * (abs(xs[0]) + abs(xs[-1]) + 1e-3):
        return f
    last = len(xs) - 1
    parts: list[Pwl] = []
    tilted = [y + rate * x for x, y in zip(xs, ys, strict=True)]
    flat = ROUNDING * (abs(tilted[0]) + abs(tilted[-1]))
    start, lowest, rising = 0, 0, False
    before = tilted[0]
    for i in range(1, last + 1):
        here = tilted[i]
        if here > before + flat:
            if not rising:
                lowest, rising = i - 1, True
        elif here < before - flat and rising:
            parts.append(_valley(xs, ys, start, lowest, i - 1, rate, down, up))
            start, rising = i - 1, False
        before = here
    parts.append(_valley(xs, ys, start, lowest if rising else last, last, rate, down, up))
    whole = parts[0]
    for part in parts[1:]:
        whole = lower(whole, part)
    return whole


def _valley(
    xs: list[float], ys: list[float], start: int, lowest: int, end: int, rate: float, down: float, up: float
) -> Pwl:
    left, right = -rate * up, rate * down
    falling, rising = (
        (xs[start : lowest + 1], ys[start : lowest + 1]),
        (xs[lowest : end + 1], ys[lowest : end + 1]),
    )
    if up > 0.0:
        falling = [x - up for x in falling[0]], [y - left for y in falling[1]]
        if down > 0.0:
            rising = [x + down for x in rising[0]], [y - right for y in rising[1]]
        return falling[0] + rising[0], falling[1] + rising[1]
    rising = [x + down for x in rising[0]], [y - right for y in rising[1]]
    return falling[0] + rising[0], falling[1] + rising[1]


def lower(f: Pwl, g: Pwl) -> Pwl:
    """The lower envelope of two functions whose intervals overlap or touch.

    A jump, where one interval ends and the other function stands elsewhere, becomes a steep narrow segment.
    """
    if g[0][0] < f[0][0]:
        f, g = g, f
    fx, fy = f
    gx, gy = g
    x = gx[0]
    tiny = NARROW * (abs(fx[0]) + abs(gx[-1]) + 1e-3)
    i = bisect_right(fx, x)
    if i == len(fx) and x > fx[-1]:
        return fx + gx, fy + gy
    a, b = value_at(f, x), gy[0]
    on_f = fx[i - 1] == x
    cut = i - 1 if on_f else i
    xs, ys = fx[:cut], fy[:cut]
    if b <= a:
        if b < a and xs and xs[-1] < x - tiny:
            xs.append(x - tiny)
            ys.append(a)
        xs.append(x)
        ys.append(b)
    elif on_f:
        xs.append(x)
        ys.append(a)
    _merge(f, g, i, x, a, xs, ys, tiny)
    return xs, ys


def _merge(f: Pwl, g: Pwl, i: int, x: float, a: float, xs: list[float], ys: list[float], tiny: float) -> None:
    """Append the envelope from x on, the start of g, where f is `a` and has its next breakpoint at i."""
    fx, fy = f
    gx, gy = g
    b, j = gy[0], 1
    f_last, g_last = len(fx), len(gx)
    d = a - b
    while i < f_last and j < g_last:
        x_f, x_g = fx[i], gx[j]
        if x_f <= x_g:
            x_next, a_next = x_f, fy[i]
            i += 1
            if x_f == x_g:
                b_next = gy[j]
                j += 1
                both = True
            else:
                b_next = b + (gy[j] - b) * (x_f - x) / (x_g - x)
                both = False
            is_f = True
        else:
            x_next, b_next = x_g, gy[j]
            a_next = a + (fy[i] - a) * (x_g - x) / (x_f - x)
            j += 1
            is_f = both = False
        d_next = a_next - b_next
        meets = d_next == 0.0
        if (d < 0.0 < d_next) or (d_next < 0.0 < d):
            share = d / (d - d_next)
            crossing = x + share * (x_next - x)
            if x_next - crossing <= tiny:
                meets = True
            elif crossing - x > tiny:
                xs.append(crossing)
                ys.append(a + share * (a_next - a))
            elif xs[-1] < x:
                xs.append(x)
                ys.append(min(a, b))
        if d_next <= 0.0:
            if is_f or meets:
                xs.append(x_next)
                ys.append(a_next)
        elif both or meets or not is_f:
            xs.append(x_next)
            ys.append(b_next)
        x, a, b, d = x_next, a_next, b_next, d_next
    if i < f_last:
        _go_on(xs, ys, fx, fy, i, x, a, jumps=d > 0.0, tiny=tiny)
    elif j < g_last:
        _go_on(xs, ys, gx, gy, j, x, b, jumps=d < 0.0, tiny=tiny)


def _go_on(
    xs: list[float],
    ys: list[float],
    more_x: list[float],
    more_y: list[float],
    first: int,
    x: float,
    y: float,
    *,
    jumps: bool,
    tiny: float,
) -> None:
    """Append what is left of one function once the other has ended at x."""
    if jumps and more_x[first] > x + tiny:
        xs.append(x + tiny)
        ys.append(y)
    xs.extend(more_x[first:])
    ys.extend(more_y[first:])
