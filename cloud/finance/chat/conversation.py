"""What is said where nothing is computed."""

from collections.abc import Mapping, Sequence

from cloud.finance.chat.model import PREFERRED_NAME
from cloud.finance.chat.query import Talk, Unclear
from cloud.finance.chat.understanding import EXAMPLES

_EXAMPLES = " ".join(f"“{example}”" for example in EXAMPLES)


def polite(talk: Talk, memories: Mapping[str, str], categories: Sequence[str]) -> str:
    """An answer to what is no question about money, by the name the person wants."""
    name = talk.name or memories.get(PREFERRED_NAME)
    called = f" {name}" if name else ""
    match talk.kind:
        case "greeting" | "name_told":
            return f"Hello{called}! How can I help you with your finances today?"
        case "thanks":
            return f"You're welcome{',' if called else ''}{called}!"
        case "farewell":
            return f"Goodbye{called}!"
        case "name_asked":
            return f"You asked me to call you {name}." if name else "You have not told me your name yet."
        case "name_forgotten":
            return "I have forgotten your name."
        case "memory_asked":
            told = "; ".join(f"{key}: {value}" for key, value in memories.items())
            return (
                f"You asked me to remember: {told}."
                if told
                else "You have not asked me to remember anything."
            )
        case _:
            return (
                "I answer questions about your own transactions: totals, counts, averages, the largest and"
                " the"
                " latest, top lists, trends and comparisons, by time, category, merchant, amount or way to"
                " pay."
                f" Your categories are {', '.join(categories)}. Try: {_EXAMPLES}"
            )


def refusal(unclear: Unclear) -> str:
    """Why there is no answer, and what there could be one to."""
    return f"{unclear.reason} Try, for example: {_EXAMPLES}"
