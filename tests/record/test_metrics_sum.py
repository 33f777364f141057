"""Numbers of several workers as one."""

import pickle

from gateway.record.metrics import Metrics
from gateway.record.metrics_sum import Snapshot, add
from gateway.record.metrics_text import exposition


def worker(requests, sessions=3.0, reloaded=1.0, tunnels=0):
    metrics = Metrics()
    for _ in range(requests):
        metrics.answered("all", "GET", 200, "allow", "public").add(0.003)
    metrics.gauges["gatepost_sessions_active", ()] = lambda: sessions
    metrics.gauges["gatepost_config_last_reload_success", ()] = lambda: reloaded
    metrics.gauges["gatepost_tunnels_active", ()] = lambda: tunnels
    return pickle.loads(pickle.dumps(Snapshot.of(metrics)))


def lines(*snapshots):
    return set(exposition(add(snapshots)).decode().splitlines())


def test_what_is_counted_is_added():
    found = lines(worker(2), worker(3))

    assert 'gatepost_requests_total{method="GET",route="all",status="200"} 5.0' in found
    assert 'gatepost_request_duration_seconds_count{route="all"} 5.0' in found
    assert 'gatepost_request_duration_seconds_bucket{le="0.0025",route="all"} 0.0' in found
    assert 'gatepost_request_duration_seconds_bucket{le="0.005",route="all"} 5.0' in found


def test_each_gauge_is_combined_as_it_means():
    found = lines(worker(0, 3.0, 1.0, 4), worker(0, 3.0, 0.0, 5))

    assert "gatepost_sessions_active 3.0" in found
    assert "gatepost_config_last_reload_success 0.0" in found
    assert "gatepost_tunnels_active 9.0" in found


def test_what_a_worker_counted_stays_after_its_end_and_its_gauges_go():
    found = lines(worker(2, tunnels=7).without_gauges(), worker(3))

    assert 'gatepost_requests_total{method="GET",route="all",status="200"} 5.0' in found
    assert "gatepost_tunnels_active 0.0" in found


def test_names_that_clients_make_up_are_bounded():
    metrics = Metrics()
    for number in range(1000):
        metrics.count_deprecated("old", f"client-{number}")

    assert len(metrics.deprecated_requests) == 51
    assert metrics.deprecated_requests["old", "other"] == 950
