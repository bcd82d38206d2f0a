from rustbed.devices.history import History


def test_test_sees_what_happened_since_it_forgot() -> None:
    history: History[str] = History()
    history.append("probe")
    assert history.visible == ["probe"]
    history.forget()
    assert history.visible == []
    history.append("unbind")
    assert history.visible == ["unbind"]


def test_what_a_test_forgot_is_kept() -> None:
    history: History[str] = History()
    history.append("probe")
    history.forget()
    history.append("unbind")
    assert history == ["probe", "unbind"]


def test_newest_event_is_none_that_the_test_forgot() -> None:
    history: History[str] = History()
    assert history.newest is None
    history.append("probe")
    assert history.newest == "probe"
    history.forget()
    assert history.newest is None
