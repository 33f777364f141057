"""Numbers in providers' JSON."""

import math


def finite(value: object) -> float | None:
    """`value` as a number, such as a NumericDate (RFC 7519, section 2); None if it is not one.

    JSON integers have no size limit, and Python's parser also accepts NaN and infinities.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
