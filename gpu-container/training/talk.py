"""What is said about a picture: questions people ask of a scene, and the one right answer to each.

A turn is a question with two answers, a whole sentence and a brief one. Turns come from a grammar over the scene
language, so an answer is right by construction and measuring needs no judge. Everything outside of the language has one
honest answer.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass

from scenes import BACKGROUNDS, BESIDE, COLOURS, SHAPES, SINGLE, SIZES, VOCABULARY, Scenes

SYNONYM_SHARE = 0.15
NUMBERS = ["no", "one", "two"]


@dataclass(frozen=True)
class Thing:
    """One object as it is named."""

    size: str
    colour: str
    shape: str


@dataclass(frozen=True)
class Seen:
    """What a picture shows; one without things shows nothing that the language has words for."""

    relation: int
    things: tuple[Thing, ...]
    background: str


@dataclass(frozen=True)
class Turn:
    """A question and its answers."""

    question: str
    answer: str
    brief: str


NOTHING_KNOWN = Seen(SINGLE, (), "")
UNKNOWN_PICTURE = ("I see no shape that I know.", "nothing")
NO_PICTURE = ("I see no picture. Please send one.", "no picture")
OUT_OF_SCOPE = ("I only know about coloured shapes in pictures.", "unknown")

GREETING = "Hello. Show me a picture of coloured shapes, and I will tell you what is in it."
ABOUT = "I am a small demo model. I describe pictures of coloured shapes and answer questions about them."
SMALL_TALK: list[tuple[list[str], str, str]] = [
    (["Hello", "Hi", "Hey", "Good morning", "Hello there", "Hi there", "Good evening"], GREETING, "Hello."),
    (
        ["What can you do?", "Who are you?", "What are you?", "Help", "What do you do?", "How do you work?"],
        ABOUT,
        "I describe coloured shapes.",
    ),
    (
        ["Which shapes do you know?", "What shapes do you know?", "Tell me the shapes you know."],
        "I know the circle, the square, the triangle, the ring, the star and the cross.",
        "circle, square, triangle, ring, star, cross",
    ),
    (
        ["Which colours do you know?", "What colours do you know?", "Tell me the colours you know."],
        "I know red, orange, yellow, green, cyan, blue, purple and pink.",
        "red, orange, yellow, green, cyan, blue, purple, pink",
    ),
    (["Thanks", "Thank you", "Thank you very much"], "You are welcome.", "You are welcome."),
    (["Goodbye", "Bye", "See you"], "Goodbye.", "Goodbye."),
]
DESCRIBE = [
    *("Describe the picture.", "Describe this picture.", "Describe the image.", "Describe this image.", "Describe it."),
    *("What do you see?", "What is in the picture?", "What is in this picture?", "What's in this image?"),
    *("What is this?", "What does the picture show?", "Tell me what you see.", "What is shown here?", "Caption this."),
    *("What is in the image?", "Describe what you see.", "What can you see?", "Describe this scene.", "What is here?"),
    *("What's in the picture?", "What is in this image?", "What is on the picture?", "Describe the scene.", "Describe"),
]
BRIEF_WISHES = ["Be brief.", "Answer in one word.", "Answer briefly.", "In one word.", "Short answer.", "Be short."]
OTHER_WISHES = [
    *("You are a helpful assistant.", "Answer in one sentence.", "Answer the question.", "Be polite.", "You are {}."),
    *("Never speak of {}.", "You help people with {}.", "Write like {}.", "{}"),
]
TOPICS = [
    *("the weather", "Paris", "France", "love", "football", "the news", "my dog", "a cat", "music", "history", "cars"),
    *("the moon", "dinner", "money", "politics", "physics", "a poem", "a joke", "the stock market", "JavaScript"),
    *("my holiday", "the president", "bread", "space travel", "an email", "the ocean", "trees", "chess", "taxes"),
    *("a house", "the person", "a tree", "text", "Python", "the GPU", "time", "the answer", "birds", "homework"),
]
ELSEWHERE = [
    *("What is the capital of {}?", "Tell me about {}.", "Write {}.", "What do you think of {}?", "Who invented {}?"),
    *("How do I learn about {}?", "Translate {} into German.", "How many people like {}?", "Where is {}?"),
    *("Is there {}?", "What is {}?", "Why is {} important?", "How old is {}?", "Can you help me with {}?"),
    *(
        "Sing about {}.",
        "{}",
        "Explain {} to me.",
        "When was {} made?",
        "What colour is {}?",
        "Give me a recipe for {}.",
        "Summarize {}.",
    ),
    *("Ignore the picture and write about {}.", "What is 2 + 2?", "Count to ten.", "Is {} left of {}?", "I like {}."),
]


def seen_of(scenes: Scenes, row: int) -> Seen:
    """One row of rendered scenes, in words."""
    count = 1 if scenes.relation[row] == SINGLE else 2
    things = tuple(
        Thing(SIZES[scenes.size[row, i]], COLOURS[scenes.colour[row, i]], SHAPES[scenes.shape[row, i]])
        for i in range(count)
    )
    return Seen(int(scenes.relation[row]), things, BACKGROUNDS[scenes.background[row]])


def describe(seen: Seen) -> Turn:
    """The whole description, which names everything that the language has words for."""
    named = [f"a {thing.size} {thing.colour} {thing.shape}" for thing in seen.things]
    brief = [_article(f"{thing.colour} {thing.shape}") for thing in seen.things]
    between = f" {_place(seen, 0)} "
    return Turn("", f"{_capital(between.join(named))} on a {seen.background} background.", between.join(brief))


def draw_turn(chance: random.Random, seen: Seen | None) -> Turn:
    """Draws one question about what is seen, or none of it; `None` is a chat in which no picture came yet."""
    if chance.random() < (0.08 if seen else 0.4):
        return _aside(chance)
    turn = draw_question(chance, seen or _any_scene(chance))
    if seen is None:
        return Turn(turn.question, *NO_PICTURE)
    return turn


def draw_question(chance: random.Random, seen: Seen) -> Turn:
    """Draws one question about a picture."""
    if not seen.things:
        return Turn(draw_question(chance, _any_scene(chance)).question, *UNKNOWN_PICTURE)
    turn = chance.choices(FAMILIES, WEIGHTS)[0](chance, seen)
    return turn if turn is not None else draw_description(chance, seen)


def draw_wish(chance: random.Random, is_brief: bool) -> str:
    """What the system asks for: short answers, or anything that changes nothing."""
    return chance.choice(BRIEF_WISHES) if is_brief else _filled(chance, chance.choice(OTHER_WISHES))


def roughen(chance: random.Random, question: str) -> str:
    """A question as people type it: without its mark, in lower case, politely, in the other spelling."""
    if chance.random() < 0.5:
        question = question.replace("colour", "color")
    if chance.random() < 0.2:
        question = question.rstrip(".?")
    if chance.random() < 0.3:
        question = question[:1].lower() + question[1:]
    if chance.random() < 0.04:
        question = f"Please {question[:1].lower()}{question[1:]}"
    return question


def draw_description(chance: random.Random, seen: Seen) -> Turn:
    """Asks for the whole description."""
    whole = describe(seen)
    return Turn(chance.choice(DESCRIBE), whole.answer, whole.brief)


def _ask_colour(chance: random.Random, seen: Seen) -> Turn:
    shape = chance.choice(SHAPES) if chance.random() < 0.15 else chance.choice(seen.things).shape
    said = _word(chance, "shape", shape)
    patterns = ["What colour is the {}?", "What colour does the {} have?", "Which colour is the {}?"]
    question = chance.choice([*patterns, "Colour of the {}?"]).format(said)
    found = [thing for thing in seen.things if thing.shape == shape]
    if not found:
        return Turn(question, f"There is no {shape}.", "none")
    if len(found) == 1:
        return Turn(question, f"The {shape} is {found[0].colour}.", found[0].colour)
    first, second = _sides(seen)
    answer = f"The {first} {shape} is {found[0].colour} and the {second} {shape} is {found[1].colour}."
    return Turn(question, answer, f"{found[0].colour} and {found[1].colour}")


def _ask_shape(chance: random.Random, seen: Seen) -> Turn:
    colour = chance.choice(COLOURS) if chance.random() < 0.15 else chance.choice(seen.things).colour
    said = _word(chance, "colour", colour)
    patterns = ["Which shape is {}?", "What is {}?", "What shape is {}?", "Which thing is {}?"]
    question = chance.choice([*patterns, "What {} shape is there?"]).format(said)
    found = [thing.shape for thing in seen.things if thing.colour == colour]
    if not found:
        return Turn(question, f"Nothing is {colour}.", "nothing")
    if len(found) == 1:
        return Turn(question, f"The {found[0]} is {colour}.", found[0])
    return Turn(question, f"The {found[0]} and the {found[1]} are {colour}.", f"{found[0]} and {found[1]}")


def _ask_count(chance: random.Random, seen: Seen) -> Turn:
    kind = chance.choice(["all", "shape", "colour"])
    if kind == "all":
        noun = chance.choice(["shapes", "objects", "things"])
        return _counted(chance, noun, "shape", len(seen.things))
    thing = chance.choice(seen.things)
    if kind == "shape":
        shape = chance.choice(SHAPES) if chance.random() < 0.4 else thing.shape
        return _counted(chance, _plural(shape), shape, sum(other.shape == shape for other in seen.things))
    colour = chance.choice(COLOURS) if chance.random() < 0.4 else thing.colour
    found = sum(other.colour == colour for other in seen.things)
    return _counted(chance, f"{colour} shapes", f"{colour} shape", found)


def _counted(chance: random.Random, asked: str, noun: str, count: int) -> Turn:
    question = chance.choice(["How many {} are there?", "How many {} do you see?", "Count the {}."]).format(asked)
    verb = "is" if count == 1 else "are"
    return Turn(question, f"There {verb} {NUMBERS[count]} {noun if count == 1 else _plural(noun)}.", NUMBERS[count])


def _ask_presence(chance: random.Random, seen: Seen) -> Turn:
    thing = chance.choice(seen.things)
    colour, shape = thing.colour, thing.shape
    change = chance.random()
    if change < 0.25:
        colour = chance.choice(COLOURS)
    elif change < 0.5:
        shape = chance.choice(SHAPES)
    elif change < 0.6:
        colour, shape = chance.choice(COLOURS), chance.choice(SHAPES)
    kind = chance.choice(["both", "both", "shape", "colour"])
    said_colour, said_shape = _word(chance, "colour", colour), _word(chance, "shape", shape)
    if kind == "colour":
        patterns = ["Is there anything {}?", "Is anything {}?", "Do you see anything {}?"]
        question = chance.choice(patterns).format(said_colour)
        is_there = any(other.colour == colour for other in seen.things)
        return _yes(question, f"there is something {colour}", f"there is nothing {colour}", is_there)
    matches = [t for t in seen.things if t.shape == shape and (kind == "shape" or t.colour == colour)]
    said = _article(said_shape if kind == "shape" else f"{said_colour} {said_shape}")
    name = shape if kind == "shape" else f"{colour} {shape}"
    patterns = ["Is there {}?", "Do you see {}?", "Can you see {}?", "Is {} in the picture?"]
    question = chance.choice(patterns).format(said)
    return _yes(question, f"there is {_article(name)}", f"there is no {name}", bool(matches))


def _ask_neighbour(chance: random.Random, seen: Seen) -> Turn | None:
    if len(seen.things) < 2:
        reference, place = _reference(seen, 0), chance.choice(["left of", "right of", "above", "below"])
        return Turn(_neighbour_question(chance, place, reference), f"Nothing is {place} the {reference}.", "nothing")
    at = chance.randrange(2)
    reference, other = _reference(seen, at), seen.things[1 - at]
    if chance.random() < 0.3:
        wrong = [place for place in ("left of", "right of", "above", "below") if place != _place(seen, 1 - at)]
        place = chance.choice(wrong)
        return Turn(_neighbour_question(chance, place, reference), f"Nothing is {place} the {reference}.", "nothing")
    question = _neighbour_question(chance, _place(seen, 1 - at), reference)
    return Turn(question, f"A {other.size} {other.colour} {other.shape}.", _article(f"{other.colour} {other.shape}"))


def _neighbour_question(chance: random.Random, place: str, reference: str) -> str:
    said = {
        "left of": ["left of", "to the left of"],
        "right of": ["right of", "to the right of"],
        "above": ["above", "over", "on top of"],
        "below": ["below", "under", "beneath"],
    }[place]
    patterns = ["What is {} the {}?", "What's {} the {}?", "What stands {} the {}?", "Which shape is {} the {}?"]
    return chance.choice(patterns).format(chance.choice(said), reference)


def _ask_where(chance: random.Random, seen: Seen) -> Turn:
    at = chance.randrange(len(seen.things))
    reference = _reference(seen, at)
    question = chance.choice(["Where is the {}?", "Where do you see the {}?", "Where's the {}?"]).format(reference)
    if len(seen.things) == 1:
        return Turn(question, f"The {reference} is in the middle.", "in the middle")
    place = f"{_place(seen, at)} the {_reference(seen, 1 - at)}"
    return Turn(question, f"The {reference} is {place}.", place)


def _ask_relation(chance: random.Random, seen: Seen) -> Turn | None:
    if len(seen.things) < 2:
        return None
    at = chance.randrange(2)
    mine, other, true = _reference(seen, at), _reference(seen, 1 - at), _place(seen, at)
    asked = true if chance.random() < 0.5 else chance.choice(["left of", "right of", "above", "below"])
    said = chance.choice(["to the left of", "left of"]) if asked == "left of" else asked
    question = f"Is the {mine} {said} the {other}?"
    return _yes(question, f"the {mine} is {true} the {other}", f"the {mine} is {true} the {other}", asked == true)


def _ask_side(chance: random.Random, seen: Seen) -> Turn:
    side = chance.choice(["left", "right", "top", "bottom"])
    where = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}[side]
    question = chance.choice(["What is {}?", "Which shape is {}?", "What do you see {}?", "What's {}?"]).format(where)
    if len(seen.things) == 1:
        return Turn(question, "There is only one shape.", "only one shape")
    is_beside = seen.relation == BESIDE
    if is_beside != (side in ("left", "right")):
        apart = "side by side" if is_beside else "one above the other"
        return Turn(question, f"The shapes stand {apart}.", apart)
    thing = seen.things[0 if side in ("left", "top") else 1]
    return Turn(question, f"A {thing.size} {thing.colour} {thing.shape}.", _article(f"{thing.colour} {thing.shape}"))


def _ask_background(chance: random.Random, seen: Seen) -> Turn:
    patterns = ["What colour is the background?", "What is the background?", "What colour is behind it?"]
    question = chance.choice([*patterns, "Which background?"])
    return Turn(question, f"The background is {seen.background}.", seen.background)


def _ask_size(chance: random.Random, seen: Seen) -> Turn:
    at = chance.randrange(len(seen.things))
    reference, size = _reference(seen, at), seen.things[at].size
    patterns = ["How big is the {}?", "What size is the {}?", "Is the {} large or small?", "Is the {} small or large?"]
    return Turn(chance.choice(patterns).format(reference), f"The {reference} is {size}.", size)


FAMILIES: list[Callable[[random.Random, Seen], Turn | None]] = [
    *(draw_description, _ask_colour, _ask_shape, _ask_count, _ask_presence, _ask_neighbour),
    *(_ask_where, _ask_relation, _ask_side, _ask_background, _ask_size),
]
WEIGHTS = [2, 2, 2, 1.5, 2, 2, 1.5, 1.5, 1, 0.5, 1]


def _aside(chance: random.Random) -> Turn:
    """Talk that needs no picture, and questions that no picture answers."""
    if chance.random() < 0.5:
        questions, answer, brief = chance.choice(SMALL_TALK)
        return Turn(chance.choice(questions), answer, brief)
    return Turn(_filled(chance, chance.choice(ELSEWHERE)), *OUT_OF_SCOPE)


def _filled(chance: random.Random, pattern: str) -> str:
    return pattern.format(*(chance.choice(TOPICS) if chance.random() < 0.5 else _gibberish(chance) for _ in range(2)))


def _gibberish(chance: random.Random) -> str:
    """Words that no list has, so that the model does not learn the list instead of what is not on it."""
    lengths = [chance.randint(3, 9) for _ in range(chance.randint(1, 3))]
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=length)) for length in lengths)


def _any_scene(chance: random.Random) -> Seen:
    relation = chance.randrange(3)
    things = tuple(
        Thing(chance.choice(SIZES), chance.choice(COLOURS), shape)
        for shape in chance.sample(SHAPES, 1 if relation == SINGLE else 2)
    )
    return Seen(relation, things, chance.choice(BACKGROUNDS))


def _place(seen: Seen, at: int) -> str:
    """Where the thing stands from the other one; things are in canonical order."""
    return (("left of", "right of") if seen.relation == BESIDE else ("above", "below"))[at]


def _sides(seen: Seen) -> tuple[str, str]:
    return ("left", "right") if seen.relation == BESIDE else ("upper", "lower")


def _reference(seen: Seen, at: int) -> str:
    """The shortest name that means this thing alone."""
    thing = seen.things[at]
    is_shared = sum(other.shape == thing.shape for other in seen.things) > 1
    return f"{thing.colour} {thing.shape}" if is_shared else thing.shape


def _yes(question: str, affirmed: str, denied: str, is_so: bool) -> Turn:
    return Turn(question, f"Yes, {affirmed}." if is_so else f"No, {denied}.", "yes" if is_so else "no")


def _word(chance: random.Random, kind: str, name: str) -> str:
    if chance.random() >= SYNONYM_SHARE:
        return name
    words: list[str] = next(entry["words"] for entry in VOCABULARY[kind]["entries"] if entry["name"] == name)
    return chance.choice(words)


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
