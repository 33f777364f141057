import pytest

from gateway.sessions.device import device_name

MOZILLA = "Mozilla/5.0 "


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            MOZILLA + "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/19.0 Safari/605.1.15",
            "Safari on macOS",
        ),
        (
            MOZILLA + "(iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 CriOS/140 "
            "Mobile/15E148 Safari/604.1",
            "Chrome on iPhone",
        ),
        (MOZILLA + "(Linux; Android 16) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.34.2", "python-requests/2.34.2"),
        ("", "unknown"),
        ("\x00\x1b[31m", "unknown"),
        ("é", "unknown"),
        ("x" * 100_000, "x" * 40),
    ],
)
def test_a_device_has_a_short_name(user_agent, name):
    assert device_name(user_agent) == name
