"""Lanes: each group in its order, no group twice while another waits, and nothing lost."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from local.servers.sqs.lanes import Lanes
from local.servers.sqs.message import Stored

STEPS = st.lists(st.tuples(st.sampled_from(["add", "add", "take", "remove"]), st.integers(0, 4)), max_size=80)


@given(STEPS)
def test_each_group_keeps_its_order_and_waits_for_one_turn_of_each_other(
    steps: list[tuple[str, int]],
) -> None:
    lanes, model = Lanes(), defaultdict[str, list[str]](list)
    taken_since = defaultdict[str, set[str]](
        set
    )  # of each waiting group, those that had a turn since its own
    for number, (step, which) in enumerate(steps):
        group, waiting = f"group {which}" if which else "", [name for name, ids in model.items() if ids]
        if step == "add":
            lanes.add(Stored(str(number), "", 0, 0, group=group))
            model[group].append(str(number))
        elif step == "remove" and model[group]:
            gone = model[group].pop(len(model[group]) // 2)
            lanes.remove(Stored(gone, "", 0, 0, group=group))
            lanes.remove(Stored(gone, "", 0, 0, group=group))
        elif step == "take" and waiting:
            message = lanes.take()
            assert message.message_id == model[message.group].pop(0)
            taken_since[message.group].clear()
            for other in waiting:
                if other != message.group:
                    assert message.group not in taken_since[other], (
                        "a group had two turns while another waited"
                    )
                    taken_since[other].add(message.group)
        for name, ids in model.items():
            if not ids:
                taken_since[name].clear()
        assert len(lanes) == sum(map(len, model.values()))
        assert sorted(message.message_id for message in lanes) == sorted(chain(*model.values()))
    lanes.clear()
    assert len(lanes) == 0


def test_what_is_remembered_of_groups_does_not_outlive_their_messages() -> None:
    lanes = Lanes()
    for number in range(1000):
        message = Stored(str(number), "", 0, 0, group=f"group {number}")
        lanes.add(message)
        if number % 2:
            lanes.remove(message)
        else:
            lanes.take()
    assert not (lanes._lanes or lanes._turns or lanes._last)
