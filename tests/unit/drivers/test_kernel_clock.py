"""What the kernel says of its clocks."""

from gateway.drivers import kernel_clock


def test_the_steady_clock_goes_forward() -> None:
    before = kernel_clock.steady()

    assert kernel_clock.steady() >= before > 0


def test_the_kernel_says_whether_its_clock_is_kept_or_nothing() -> None:
    assert kernel_clock.synchronised() in (True, False, None)
