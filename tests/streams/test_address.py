import pytest

from streams.address import Address, parse_address, redact


def test_a_password_never_shows() -> None:
    address = Address("rtsp://admin:s3cret@10.0.0.5:554/live")
    for shown in (str(address), repr(address), f"{address}", redact(f"can't open {address.target}")):
        assert "s3cret" not in shown
        assert "10.0.0.5:554/live" in shown


def test_a_login_from_elsewhere_is_percent_encoded() -> None:
    address = Address("rtsp://old:login@cam/live").with_login("op:p@ss/word")
    assert address.target == "rtsp://op:p%40ss%2Fword@cam/live"


def test_paths_are_relative_to_their_file(tmp_path) -> None:
    assert parse_address("clips/a.mp4", tmp_path).target == str(tmp_path / "clips/a.mp4")
    assert parse_address("/abs/a.mp4", tmp_path).target == "/abs/a.mp4"
    assert not parse_address("a.mp4", tmp_path).live
    assert parse_address("rtsp://cam/live", tmp_path).live


def test_an_unknown_scheme_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"scheme 'gopher'.*allowed are rtsp://"):
        parse_address("gopher://user:pw@host/x", tmp_path)
