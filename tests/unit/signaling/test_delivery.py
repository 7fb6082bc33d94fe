"""The delivery service: one order of commits, whatever people do at the same time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from signaling.delivery import KEY_PACKAGES, MESSAGES, Delivery, Send
from signaling.errors import ProtocolError
from signaling.mls import MlsAdded

NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
GROUP, OTHER = "g" * 22, "h" * 22


def code(caught: pytest.ExceptionInfo[ProtocolError]) -> str:
    return caught.value.code


def house(*guests: str) -> Delivery:
    """The manager "m" and the psychologist "p" may commit, these guests may not; nobody has a group."""
    delivery = Delivery()
    for seat in ("m", "p", *guests):
        come(delivery, seat)
    return delivery


def come(delivery: Delivery, seat: str, conn: str | None = None) -> str:
    conn = conn or f"conn {seat}"
    assert delivery.come(conn, seat, may_commit=seat in {"m", "p"}, now_s=NOW.timestamp())
    return conn


def add(delivery: Delivery, *seats: str, by: str = "m", removed: tuple[str, ...] = ()) -> list[Send]:
    """Those who have a key package waiting are added."""
    assert delivery.group
    added = [MlsAdded(seat=seat, welcome=f"welcome-{seat}") for seat in seats]
    return delivery.commit(
        f"conn {by}", GROUP, delivery.group.epoch, f"commit-{delivery.group.epoch}", added=added, removed=removed
    )


def running(*guests: str) -> Delivery:
    """Everybody is in one group and has acknowledged."""
    delivery = house(*guests)
    delivery.create("conn m", GROUP)
    for seat in ("p", *guests):
        delivery.key_package(f"conn {seat}", f"package-{seat}", NOW, certified=seat == "p")
    add(delivery, "p", *guests)
    for seat in ("m", "p", *guests):
        delivery.ack(f"conn {seat}", GROUP, 1)
    return delivery


def told(sends: list[Send], event: str) -> set[str]:
    return {send.conn for send in sends if send.event == event}


def test_it_lets_the_first_group_win_and_tells_the_second_that_there_is_one() -> None:
    delivery = house()
    delivery.create("conn p", GROUP)
    with pytest.raises(ProtocolError) as caught:
        delivery.create("conn m", OTHER)
    assert code(caught) == "group_exists"
    assert delivery.state("conn m").group == GROUP


def test_it_gives_groups_and_commits_to_hosts_alone() -> None:
    delivery = running("c")
    for attempt in (
        lambda: delivery.create("conn c", OTHER),
        lambda: delivery.replace("conn c", GROUP, OTHER),
        lambda: delivery.commit("conn c", GROUP, 1, "commit", removed=["m"]),
    ):
        with pytest.raises(ProtocolError) as caught:
            attempt()
        assert code(caught) == "forbidden"


def test_it_sends_a_commit_to_all_other_members_and_the_welcome_with_it() -> None:
    delivery = running("c")
    come(delivery, "d")
    delivery.key_package("conn d", "package-d", NOW)
    sends = add(delivery, "d", by="p")
    assert told(sends, "mls.committed") == {"conn m", "conn c"}
    assert told(sends, "mls.welcome") == {"conn d"}
    assert [send.data.model_dump()["epoch"] for send in sends] == [1, 1, 2]
    assert delivery.state("conn c").epoch == 2
    assert delivery.state("conn c").pending == ()


def test_it_takes_the_first_of_two_commits_and_changes_nothing_for_the_second() -> None:
    delivery = running("c")
    come(delivery, "d")
    delivery.key_package("conn d", "package-d", NOW)
    delivery.commit("conn p", GROUP, 1, "first")
    before = delivery.state("conn m")
    with pytest.raises(ProtocolError) as caught:
        delivery.commit("conn m", GROUP, 1, "second", added=[MlsAdded(seat="d", welcome="welcome")])
    assert code(caught) == "epoch_taken"
    assert delivery.state("conn m") == before
    add(delivery, "d", by="m")


@pytest.mark.parametrize("epoch", [0, 2, 2**31])
def test_it_refuses_every_epoch_but_the_present_one(epoch: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        running().commit("conn m", GROUP, epoch, "commit")
    assert code(caught) == "epoch_taken"


@pytest.mark.parametrize(
    ("added", "removed"),
    [(["x"], []), (["c"], []), ([], ["x"]), ([], ["m"]), (["d"], ["x"])],
)
def test_it_adds_only_who_asked_and_removes_only_other_members(added: list[str], removed: list[str]) -> None:
    delivery = running("c")
    come(delivery, "d")
    delivery.key_package("conn d", "package-d", NOW)
    before = delivery.state("conn m")
    with pytest.raises(ProtocolError) as caught:
        add(delivery, *added, removed=tuple(removed))
    assert code(caught) == "not_asked"
    assert delivery.state("conn m") == before


def test_it_refuses_a_commit_that_names_somebody_twice() -> None:
    delivery = running("c")
    with pytest.raises(ProtocolError) as caught:
        delivery.commit("conn m", GROUP, 1, "commit", removed=["c", "c"])
    assert code(caught) == "bad_message"


def test_it_lets_a_reloading_seat_exchange_its_leaf_in_one_commit() -> None:
    delivery = running("c")
    delivery.go("conn c")
    assert [each.live for each in delivery.state("conn m").members if each.seat == "c"] == [False]
    fresh = come(delivery, "c", "conn c 2")
    delivery.key_package(fresh, "fresh", NOW)
    sends = add(delivery, "c", removed=("c",))
    assert told(sends, "mls.welcome") == {fresh}
    assert told(sends, "mls.committed") == {"conn p"}
    assert all(each.live for each in delivery.state("conn m").members)


def test_it_tells_a_removed_member_and_then_nothing_more() -> None:
    delivery = running("c")
    assert told(add(delivery, removed=("c",)), "mls.committed") == {"conn p", "conn c"}
    assert told(delivery.commit("conn m", GROUP, 2, "commit"), "mls.committed") == {"conn p"}
    assert told(delivery.message("conn m", GROUP, "text", NOW), "mls.forwarded") == {"conn p"}


def test_it_says_when_everybody_has_an_epoch() -> None:
    delivery = running("c")
    delivery.commit("conn m", GROUP, 1, "commit")
    assert delivery.ack("conn m", GROUP, 2) == []
    assert delivery.ack("conn p", GROUP, 2) == []
    assert delivery.state("conn m").ready == 1
    assert told(delivery.ack("conn c", GROUP, 2), "mls.epoch_ready") == {"conn m", "conn p", "conn c"}
    assert delivery.ack("conn c", GROUP, 2) == []
    assert delivery.state("conn m").ready == 2


def test_it_waits_for_nobody_who_never_acknowledges() -> None:
    delivery = running("c")
    for epoch in range(1, 20):
        delivery.commit("conn m", GROUP, epoch, "commit")
        delivery.ack("conn m", GROUP, epoch + 1)
        delivery.ack("conn p", GROUP, epoch + 1)
        assert told(delivery.message("conn m", GROUP, "text", NOW + timedelta(minutes=epoch)), "mls.forwarded")
    assert delivery.state("conn m").ready == 1
    assert told(delivery.go("conn c"), "mls.epoch_ready") == {"conn m", "conn p"}
    assert delivery.state("conn m").ready == 20


def test_it_gives_a_leaf_back_to_a_page_whose_socket_alone_was_gone() -> None:
    delivery = running("c")
    delivery.go("conn c")
    again = come(delivery, "c", "conn c 2")
    delivery.ack(again, GROUP, 1)
    assert all(each.live for each in delivery.state("conn m").members)
    assert told(delivery.commit("conn m", GROUP, 1, "commit"), "mls.committed") == {"conn p", again}


def test_it_gives_no_leaf_back_that_has_missed_a_commit() -> None:
    delivery = running("c")
    delivery.go("conn c")
    delivery.commit("conn m", GROUP, 1, "commit")
    again = come(delivery, "c", "conn c 2")
    for epoch, expected in ((1, "not_member"), (3, "epoch_taken")):
        with pytest.raises(ProtocolError) as caught:
            delivery.ack(again, GROUP, epoch)
        assert code(caught) == expected


def test_it_takes_no_acknowledgement_and_no_message_from_strangers() -> None:
    delivery = running()
    come(delivery, "x")
    for attempt in (
        lambda: delivery.ack("conn x", GROUP, 1),
        lambda: delivery.message("conn x", GROUP, "text", NOW),
    ):
        with pytest.raises(ProtocolError) as caught:
            attempt()
        assert code(caught) == "not_member"
    with pytest.raises(ProtocolError) as caught:
        delivery.ack("conn nobody", GROUP, 1)
    assert code(caught) == "out_of_order"


def test_it_knows_one_group_at_a_time() -> None:
    delivery = running()
    for attempt in (
        lambda: delivery.commit("conn m", OTHER, 1, "commit"),
        lambda: delivery.ack("conn m", OTHER, 1),
        lambda: delivery.message("conn m", OTHER, "text", NOW),
        lambda: delivery.replace("conn m", OTHER, GROUP),
    ):
        with pytest.raises(ProtocolError) as caught:
            attempt()
        assert code(caught) == "wrong_group"


def test_it_replaces_a_group_only_when_nobody_is_left_to_lead_it() -> None:
    delivery = running("c")
    with pytest.raises(ProtocolError) as caught:
        delivery.replace("conn p", GROUP, OTHER)
    assert code(caught) == "group_led"
    delivery.go("conn m")
    delivery.go("conn p")
    fresh = come(delivery, "m", "conn m 2")
    with pytest.raises(ProtocolError) as caught:
        delivery.replace(fresh, GROUP, GROUP)
    assert code(caught) == "group_exists"
    delivery.replace(fresh, GROUP, OTHER)
    state = delivery.state("conn c")
    assert (state.group, state.epoch, state.ready) == (OTHER, 0, None)
    assert [each.seat for each in state.members] == ["m"]
    late = come(delivery, "p", "conn p 2")
    with pytest.raises(ProtocolError) as caught:
        delivery.replace(late, GROUP, "i" * 22)
    assert code(caught) == "wrong_group"


def test_a_host_whom_nobody_has_certified_does_not_keep_a_deserted_group() -> None:
    delivery = house("c")
    delivery.create("conn m", GROUP)
    for seat in ("p", "c"):
        delivery.key_package(f"conn {seat}", f"package-{seat}", NOW, certified=seat == "c")
    add(delivery, "p", "c")
    # The psychologist's device is not certified, and a client's is nobody's whatever it says.
    leads = {each.seat: each.leads for each in delivery.state("conn m").members}
    assert leads == {"m": True, "p": False, "c": False}
    delivery.go("conn m")
    assert delivery.state("conn c").committer is None
    fresh = come(delivery, "m", "conn m 2")
    delivery.replace(fresh, GROUP, OTHER)
    assert delivery.state("conn c").group == OTHER


def test_whoever_has_committed_leads() -> None:
    delivery = house("c", "d")
    delivery.create("conn m", GROUP)
    delivery.key_package("conn p", "package-p", NOW)
    add(delivery, "p")
    delivery.key_package("conn c", "package-c", NOW)
    add(delivery, "c", by="p")
    delivery.go("conn m")
    assert delivery.state("conn c").committer == "p"


def test_it_hints_at_the_first_connected_host_whom_nothing_concerns() -> None:
    delivery = running("c")
    assert delivery.state("conn c").committer == "m"
    delivery.key_package("conn m", "fresh", NOW)
    assert delivery.state("conn c").committer == "p"
    delivery.go("conn p")
    assert delivery.state("conn c").committer is None


def test_it_shows_key_packages_to_those_who_may_commit() -> None:
    delivery = running("c")
    come(delivery, "d")
    delivery.key_package("conn d", "package-d", NOW)
    assert [each.keyPackage for each in delivery.state("conn p").pending] == ["package-d"]
    assert [each.keyPackage for each in delivery.state("conn c").pending] == [None]


def test_it_keeps_one_key_package_a_connection_of_ten_thousand() -> None:
    delivery = running()
    come(delivery, "d")
    refused = 0
    for number in range(10_000):
        try:
            delivery.key_package("conn d", f"package-{number}", NOW)
        except ProtocolError as error:
            refused += error.code == "too_many_requests"
    assert refused == 10_000 - KEY_PACKAGES.burst
    assert [each.keyPackage for each in delivery.state("conn m").pending] == [f"package-{KEY_PACKAGES.burst - 1}"]
    come(delivery, "e")
    delivery.key_package("conn e", "package-e", NOW)
    delivery.go("conn d")
    assert [each.seat for each in delivery.state("conn m").pending] == ["e"]


def test_it_limits_how_much_one_member_says() -> None:
    delivery = running("c")
    for _ in range(MESSAGES.burst):
        delivery.message("conn c", GROUP, "text", NOW)
    with pytest.raises(ProtocolError) as caught:
        delivery.message("conn c", GROUP, "text", NOW)
    assert code(caught) == "too_many_requests"
    assert delivery.message("conn m", GROUP, "text", NOW)


@pytest.mark.parametrize("seed", range(20))
def test_it_holds_together_whatever_happens(seed: int) -> None:
    dice = random.Random(seed)
    delivery, clock, conns = Delivery(), NOW, 0
    live: dict[str, str] = {}
    for _ in range(400):
        clock += timedelta(seconds=dice.random() * 5)
        seat = dice.choice(["m", "p", "c", "d", "e"])
        conn = live.get(seat, "nobody")
        group = delivery.group.id if delivery.group and dice.random() < 0.9 else OTHER
        epoch = delivery.group.epoch if delivery.group and dice.random() < 0.8 else dice.randrange(3)
        some = dice.sample(["m", "p", "c", "d", "e"], dice.randrange(3))
        before = delivery.group.epoch if delivery.group else 0
        try:
            match dice.randrange(9):
                case 0 | 1 if seat not in live:
                    conns += 1
                    live[seat] = come(delivery, seat, f"conn {conns}")
                case 2:
                    delivery.go(live.pop(seat, "nobody"))
                case 3 | 4:
                    delivery.key_package(conn, f"package-{seat}", clock)
                case 5:
                    delivery.create(conn, dice.choice([GROUP, OTHER]))
                case 6:
                    delivery.replace(conn, group, f"{conns:022}")
                case 7:
                    sends = delivery.commit(
                        conn,
                        group,
                        epoch,
                        "commit",
                        added=[MlsAdded(seat=each, welcome="w") for each in some],
                        removed=[each for each in some if delivery.group and each in delivery.group.members],
                    )
                    assert delivery.group
                    assert delivery.group.epoch == before + 1
                    assert {send.conn for send in sends} <= set(live.values()) - {conn}
                case _:
                    delivery.ack(conn, group, epoch)
        except ProtocolError:
            assert not delivery.group or delivery.group.epoch == before
        for each in live.values():
            state = delivery.state(each)
            assert {member.seat for member in state.members if member.live} <= live.keys()
            assert len({wish.seat for wish in state.pending}) == len(state.pending)
            assert state.committer is None or state.committer in {"m", "p"}
            assert state.ready is None or state.ready <= state.epoch
