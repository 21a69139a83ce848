"""Puts plain sentences together from word lists: what the tuned model must go on hearing as the general one does.

They speak of what mentors are not asked about: people and animals doing things, and short news. Made up for this file.
"""

import random

WHO = """a man|a woman|a boy|a girl|two men|two women|a child|three children|an old man|an old woman|a young couple
a crowd|a nurse|a farmer|a fisherman|a soldier|a dancer|a cook|a cyclist|a painter|a carpenter|a baker|a tourist
a dog|a brown dog|two dogs|a cat|a small kitten|a horse|a panda|a monkey|an elephant|a bird|a duck|a lion|a rabbit
a goat|a squirrel|a bear|a person|somebody|a group of friends|a football player|a skater|a climber|a swimmer
a man in a red shirt|a woman with long hair|a toddler|a baby|a guitarist|a drummer|a policeman|a bride""".replace("\n", "|").split("|")

DOES = """plays the piano|plays a guitar|plays the flute|sings|dances|runs|jumps|sleeps|eats an apple|eats grass
drinks milk|slices a tomato|peels potatoes|chops onions|fries fish|stirs soup|pours water into a glass|bakes bread
kicks a ball|throws a stick|catches a ball|rides a bike|rides a horse|drives a car|climbs a rope|climbs a tree
reads a newspaper|writes a letter|talks on the phone|types on a keyboard|paints a fence|cuts paper|folds a shirt
lifts weights|does push-ups|shoots a gun|aims a bow|swims|dives|surfs|skates|walks|crawls|sits on a bench|waits
laughs|cries|waves|claps|looks at the camera|puts on make-up|combs her hair|brushes his teeth|opens a box|packs a bag
feeds the birds|chases a rabbit|barks|digs a hole|carries a basket|holds a flag|lights a candle|sweeps the floor""".replace("\n", "|").split("|")

WHERE = """in the kitchen|in a park|on the beach|in the snow|on a stage|by the river|under a tree|in the street
at night|in the rain|on a roof|in a field|near a lake|at the station|in a crowded room|on the grass|in a boat|
on a hill|in the garden|at home|in front of a house|next to a car|behind a fence|on the sofa|in the water""".replace("\n", "").split("|")

HOW = "slowly|quickly|quietly|with a friend|alone|again|for hours|carefully|happily|".split("|")

BODY = """the government|the president|the prime minister|the police|the court|the army|rebels|the central bank
the airline|the union|a spokesman|the opposition|parliament|the ministry|officials|the company|the bank|scientists
a judge|the United Nations|protesters|the senate|the mayor|the foreign minister|the health authority|the army chief""".replace("\n", "|").split("|")

DID = """said|announced|denied|confirmed|warned|told reporters|promised|agreed|refused to say""".split("|")

THAT = """{n} people were killed in the attack|the talks would go on next week|the strike would end on {day}
prices rose {n} percent last month|shares fell {n} percent in early trading|the storm left {n}000 homes without power
the flight was cancelled because of fog|the suspect was arrested on {day}|the election would be held in {month}
the vaccine was safe for children|the earthquake struck before dawn|troops crossed the border|the law would not change
{n} prisoners were set free|the bridge was closed to traffic|oil exports stopped on {day}|the ship sank off the coast
the fire was under control|the minister would resign|the ceasefire held on {day}|a bomb went off near the embassy
the dollar lost against the euro|{n} tourists were missing|nuclear talks had failed|the museum would open in {month}
the trial would begin in {month}|the budget was cut by {n} million|the team won its {n}th match""".replace("\n", "|").split("|")

DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday".split("|")
MONTHS = "January|March|April|June|July|September|October|December".split("|")

ASKED = """how do I {verb} {thing}?|what is the best way to {verb} {thing}?|can you {verb} {thing} twice?|why should anybody {verb} {thing}?
is it safe to {verb} {thing}?|you should not {verb} {thing} before lunch|when did people begin to {verb} {thing}?
it depends on how you {verb} {thing}|there is no need to {verb} {thing}|I never {verb} {thing} on a weekday""".replace("\n", "|").split("|")
VERBS = "clean|cook|freeze|store|repair|paint|cut|grow|wash|dry|fold|carry|boil|measure|photograph|replace".split("|")
THINGS = """a pumpkin|leather shoes|an old clock|rice|a bicycle tyre|wooden floors|roses|a wool coat|garlic|a tent|a violin
tomatoes|a fish tank|window frames|a kettle|mushrooms|a carpet|candles|a mattress|coffee beans|a hat|olive oil""".replace("\n", "|").split("|")


def scene(dice: random.Random) -> str:
    """Somebody does something somewhere, in one of the tenses that captions use."""
    where, how = dice.choice(WHERE), dice.choice(HOW)
    words = [dice.choice(WHO), dice.choice(DOES), how if dice.random() < 0.3 else "", where if dice.random() < 0.5 else ""]
    return " ".join(word for word in words if word).capitalize() + dice.choice([".", ".", ""])


def news(dice: random.Random) -> str:
    """Somebody official says something."""
    said = dice.choice(THAT).format(n=dice.randint(3, 60), day=dice.choice(DAYS), month=dice.choice(MONTHS))
    who, did = dice.choice(BODY), dice.choice(DID)
    shape = dice.choice(["{who} {did} {said}", "{said}, {who} {did}", "{who} {did} on {day} that {said}", "{said}"])
    text = shape.format(who=who, did=did, said=said, day=dice.choice(DAYS))
    return text[0].upper() + text[1:] + dice.choice([".", ".", ""])


def asked(dice: random.Random) -> str:
    """A household question or answer."""
    return dice.choice(ASKED).format(verb=dice.choice(VERBS), thing=dice.choice(THINGS)).capitalize()


def sentences(count: int, seed: int) -> list[str]:
    """Returns so many different sentences, the same ones for the same seed."""
    dice = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[dice.choice([scene, scene, news, news, asked])(dice)] = None
    return list(found)
