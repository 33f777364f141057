"""Numbers in what providers say."""

import math


def finite(value: object) -> float | None:
    """`value` as a number, such as a time (NumericDate, RFC 7519, section 2); None if it is none.

    JSON knows integers of any size, and Python's reader more than JSON: NaN and the infinities.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
