"""Generated messages of a client on its connection, from random text to nearly valid orders."""

from __future__ import annotations

import json
import uuid

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

# placeholders: an order that has ended, and the conversation's last one
KNOWN, MINE = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
UNKNOWN = str(uuid.UUID(int=3))


def spelled(value: object) -> str:
    """As JSON in ASCII: a lone surrogate is escaped, NaN and Infinity are what Python makes of them."""
    return json.dumps(value)


ANY_TEXT = st.text(st.characters(), max_size=20)  # with lone surrogates and NULs
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4)
)
WORDS = (
    "",
    "ping",
    "subscribe",
    "SOL",
    "\0",
    "SOL\0",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "a" * 65,
    "½",
    "\n",
)
IDS = (KNOWN, KNOWN, MINE, MINE, UNKNOWN, KNOWN.upper(), KNOWN.replace("-", ""), f"{{{KNOWN}}}", KNOWN + "\n")
STRANGE_IDS = (f"urn:uuid:{KNOWN}", KNOWN[:-1] + "١", KNOWN[:-1] + "\0", "../" + KNOWN, "' OR 1=1 --", "*")
NUMBERS = (
    *("0", "-0", "-1", "0.5", "1.0", "1e2", "1E-9", "1e-10", "1e400", "-1e400", "1e999999999999999999"),
    *(
        "1e-999999999999999999",
        "0e999999999",
        "9" * 9,
        "9" * 10,
        "9" * 5000,
        "0." + "3" * 500,
        "1" + "0" * 19,
    ),
    *(str(2**63 - 1), str(2**63), str(2**64), "NaN", "Infinity", "-Infinity", "01", "+1", "0x10", "1_0", "١"),
)
NESTED = ("[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000, '{"a":' * 500 + "1" + "}" * 500, "[" * 5000)
ODD = st.one_of(
    st.sampled_from(WORDS + IDS + STRANGE_IDS).map(spelled),
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS).map(spelled),  # as strings
    st.sampled_from(NESTED),
    VALUES.map(spelled),
)
NAMES = (
    st.sampled_from(
        ["side", "tokenIn", "amount", "slippageBps", "clientOrderId", "action", "after", "orderId"]
    )
    | ANY_TEXT
)


def one_of(*words: object) -> st.SearchStrategy[str]:
    return st.sampled_from(words).map(spelled)


SOUND = spelled({"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1})
Shape = dict[str, st.SearchStrategy[str]]
ACTIONS: list[Shape] = [
    {"action": one_of("ping")},
    {"action": one_of("subscribe"), "orderId": one_of(*IDS)},
    {"action": one_of("subscribe"), "orderId": one_of(*IDS), "after": one_of(0, 1, 4, 5, 6, 10**9 - 1, "2")},
    {"action": one_of("unsubscribe"), "orderId": one_of(*IDS)},
]
ORDER: Shape = {
    "tokenIn": one_of("SOL", "BONK", "JTO"),
    "tokenOut": one_of("USDC", "RAY", "SOL"),
    "amount": one_of("1", 2.5, "0.00001", 10**6, "9223372036.854775807", "92233720368547.75807"),
}
ORDERS: list[Shape] = [
    ORDER,
    ORDER | {"slippageBps": one_of(1, 100, 5000)},
    ORDER | {"amount": one_of("1", 2), "clientOrderId": one_of("a", "b", "~ !", "k" * 64)},
]


@st.composite
def near_valid(draw: st.DrawFn, shapes: list[Shape]) -> str:
    """A message of a known shape, its fields in any order; one may be odd, missing, repeated, unknown."""
    shape = draw(st.sampled_from(shapes))
    fields = [(name, draw(good)) for name, good in draw(st.permutations([*shape.items()]))]
    at = draw(st.integers(0, len(fields) - 1))
    match draw(
        st.sampled_from(("sound", "odd", "odd", "odd", "odd", "odd", "missing", "repeated", "unknown"))
    ):
        case "odd":
            fields[at] = (fields[at][0], draw(ODD))
        case "missing":
            del fields[at]
        case "repeated":
            fields.append((fields[at][0], draw(ODD)))
        case "unknown":
            fields.insert(at, (draw(NAMES), draw(ODD)))
    return "{" + ", ".join(f"{spelled(name)}: {value}" for name, value in fields) + "}"


MESSAGES = {
    "text": st.text(max_size=60) | st.text('{}[]":,\\u0 \ttruefalsn\0\ufeff', max_size=30),
    "bytes": st.binary(max_size=40),
    "JSON": VALUES.map(spelled) | ODD,
    "actions": near_valid(ACTIONS),
    "orders": near_valid(ORDERS),
}
EXAMPLES = {"text": 12, "bytes": 12, "JSON": 20, "actions": 60, "orders": 100}
MOST_MESSAGES = 8


def conversations(kind: str) -> list[tuple[list[str | bytes], bool]]:
    """Messages, and whether the client waits for the events; all generated before the first runs."""
    generated: list[tuple[list[str | bytes], bool]] = []

    @seed(1)  # else the draws depend on this function's source
    @settings(
        derandomize=True, deadline=None, max_examples=EXAMPLES[kind], suppress_health_check=[*HealthCheck]
    )
    @given(st.lists(MESSAGES[kind], min_size=1, max_size=MOST_MESSAGES), st.booleans())
    def generate(messages: list[str | bytes], politely: bool) -> None:
        generated.append((messages, politely))

    generate()
    return generated
