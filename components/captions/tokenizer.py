"""Tokens of a caption, as coco-caption makes them before any metric is computed.

coco-caption (Chen et al. 2015, §3) runs every caption through Stanford's Penn Treebank tokenizer
(`PTBTokenizer -preserveLines -lowerCase`, CoreNLP 3.4.1) and then drops punctuation. Two papers' BLEU, METEOR, ROUGE-L
and CIDEr compare only where this step agrees, so it is reproduced here without Java, quirks included: a bracket stays
in the caption as the word `-lrb-`.

The rules follow the Penn Treebank's conventions and the Java tokenizer's observed output; none of its code was used.
They work as a lexer's do: at every position the rule that reads furthest wins, the first of equals. A rule is a regular
expression; if it has groups, they are the tokens, and the rest of the match is context.

One difference is wanted: the Java program reads a file of captions and looks past the end of a line, so what becomes of
a last word like "B." depends on the caption that follows. Here each caption is read by itself.
"""

import re
from collections.abc import Callable

# What coco-caption removes. It looks for upper-case bracket names after lower-casing, which is why brackets survive.
PUNCTUATION = frozenset(
    ("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";")
)

# Words that keep their full stop. Those that are words of their own in lower case keep it when capitalised only;
# "No. 5" keeps it only before a number.
ABBREVIATIONS = """
    adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bancorp bhd bldg blvd brig bros calif capt cf
    cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri ft ga
    gen gov govs hon inc ind insp intl jan jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn
    mlle mme mo mon mont mr mrs ms msgr mt mtg natl neb nev nov oct okla penn pfc ph plc pres prof profs pte ptes pty
    pvt rd rep reps rev rt sen sens sep sept seq sfc sgt spc sq sr st ste supt sys tel tenn thu thurs treas tue tues
    univ va vs vt wed wis wisc wm wyo"""
CAPITALISED_ABBREVIATIONS = "ark az del ill la mass miss ore pa tex wash"
NUMBERED_ABBREVIATIONS = "art ca fig figs no nos op pp prop"
# Before one of these a lone letter's full stop ends a sentence ("vitamin A. The"); elsewhere it is an initial.
SENTENCE_STARTS = """
    A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once One
    Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You"""
FILE_EXTENSIONS = """
    bat bmp c class cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py sql
    tar txt wav x xml zip"""


def _any_of(words: str) -> str:
    return "(?:" + "|".join(sorted(words.split(), key=len, reverse=True)) + ")"


LETTER = r"(?:[^\W\d_²³¹¼-¾\u2070-\u2bff]|[\u0300-\u036f])"
ALNUM = r"(?:[^\W_²³¹¼-¾\u2070-\u2bff]|[\u0300-\u036f])"
WORD = rf"(?:{LETTER}{ALNUM}*)"
MIXED = rf"(?:{ALNUM}*{LETTER}{ALNUM}*)"  # a word that may start with digits: 4x4, 1st
QUOTE = "['’\x92]"
ENDING = rf"(?:'(?i:s|m|d|re|ve|ll)(?!{LETTER})|[’\x92](?i:s|m|d|re|ve|ll))"  # of it's, I'm, they've
URL_END = r"[^\s<>\"()]+[^\s<>\"().,?!:;'’|]"

SOFT_HYPHEN = "\xad"
NO_BREAK = "\xa0"  # in one token that contains a space
BRACKETS = {"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"}
CURRENCIES = {"£": "#", "€": "$", "¤": "$", "\x80": "$", "¢": "cents"}
FRACTIONS = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "''", "&apos;": "'", "&nbsp;": ""}
ENTITIES |= {"&mdash;": "--", "&ndash;": "--"}


Spell = Callable[[str], str]


def _straighten(token: str) -> str:
    return token.replace("’", "'").replace("\x92", "'")


def _escape_parentheses(token: str) -> str:
    return token.replace("(", BRACKETS["("]).replace(")", BRACKETS[")"])


def _join(token: str) -> str:
    return token.replace(" ", NO_BREAK)


def _rules() -> list[tuple[re.Pattern, Spell]]:
    """Every rule with how it spells its tokens; the first of equally long matches wins."""
    rules = []

    def rule(pattern: str, spell: Spell = str) -> None:
        rules.append((re.compile(pattern), spell))

    # Two words written as one.
    rule(rf"(?i:(can)(not)|(gon|got|wan)(na|ta)|(lem|gim)(me))(?!{ALNUM})")
    rule(rf"({QUOTE}[tT])(?i:is|was)")
    # Words, and what an apostrophe splits off: do|n't, it|'s.
    rule(rf"({MIXED})(?:{ENDING})?")
    rule(rf"({LETTER}*(?![nN]){LETTER})(?i:n{QUOTE}t)")
    rule(rf"(?i:n{QUOTE}t)|{ENDING}", _straighten)
    # Apostrophes inside a word: O'Brien, d'or, ma'am, o'clock, 'em, rock 'n' roll, the '90s.
    rule(rf"[A-HJ-XZdlno]{QUOTE}{LETTER}{{2}}{ALNUM}*")
    rule(rf"[A-Za-z]+[aeiouyAEIOUY]{QUOTE}[aeiouA-Z][A-Za-z]*")
    rule(rf"(?i:c{QUOTE}(?:est|mon)|ev{QUOTE}ry|s{QUOTE}mores|cap{QUOTE}n|nat{QUOTE}l|li{QUOTE}l)")
    rule(rf"(?i:e{QUOTE}er|nor{QUOTE}easter|(?:somethin|dunkin|ol){QUOTE})")
    rule(rf"(?i:[dlj]{QUOTE})|(?i:([jy]{QUOTE})(?![dms]|re|ve|ll)){LETTER}")
    rule(rf"{QUOTE}(?i:em|till?|cause)|{QUOTE}[nN]{QUOTE}|'[nN](?!\S)|[’\x92][nN]")
    rule(rf"{QUOTE}[2-9]0s|({QUOTE}\d\d)(?:\s|$)")
    # Compounds: t-shirt, 3-year-old, he/she, 24/7, AT&T, C++.
    rule(rf"({ALNUM}+(?:[-_‐‑]{ALNUM}+)+)(?:{ENDING})?")
    rule(rf"{ALNUM}+(?:[.,]{ALNUM}+){{0,9}}[.,]?(?:-{ALNUM}+)+")
    rule(rf"{ALNUM}+(?:[-/]{ALNUM}+)+")
    rule(r"[A-Z]+(?:&(?:amp;)?[A-Z]+)+", lambda token: token.replace("&amp;", "&"))
    rule(r"(?i:c\+\+|[cf]#)")
    # Abbreviations and acronyms; any word keeps its full stop before a comma.
    rule(rf"(?i:{_any_of(ABBREVIATIONS)})\.")
    rule("(?:" + "|".join(f"{word.capitalize()}|{word.upper()}" for word in CAPITALISED_ABBREVIATIONS.split()) + r")\.")
    rule(rf"((?i:{_any_of(NUMBERED_ABBREVIATIONS)})\.)\s?\d")
    rule(rf"(?:{LETTER}\.)+(?:{LETTER}(?!{ALNUM}))?|(?i:ph\.?d\.?)")
    rule(rf"({LETTER})\.\s+{_any_of(SENTENCE_STARTS)}\s")
    rule(rf"({ALNUM}+(?:-{ALNUM}+)*\.)[,;:]")
    # Numbers, dates, times.
    rule(r"[-+]?\d*(?:[.,:]\d+)+|[-+]?\d+")
    rule(r"\d+(?:[-/]\d+)+")
    rule(r"\d+ \d+/\d+", _join)
    # The net: addresses, files, tags, markup.
    rule(rf"(?i:https?://){URL_END}|(?i:www\.){URL_END}")
    rule(rf"{WORD}(?:[.!?]{WORD})+(?:(?<=\.(?i:com|net|org|edu))/{URL_END})?")
    rule(rf"{ALNUM}+\.(?i:{_any_of(FILE_EXTENSIONS)})(?!{ALNUM})")
    rule(r"[A-Za-z0-9][^\s\"<>|()]*@(?:[^\s\"<>|().]+\.)*[^\s\"<>|().]+")
    rule(rf"#{WORD}|@{LETTER}[\w]*")
    rule(r"</?[A-Za-z][^<>]*>", _join)
    rule(rf"[<>]?[:;=][-o*']?[()dpDOP@\[\]{{}}\\|](?!{ALNUM})", _escape_parentheses)
    rule("[-^x=~<>']_[-^x=~<>']")
    # Marks.
    rule(r"[()\[\]{}]", BRACKETS.get)
    rule(r"[£€¤\x80¢]", CURRENCIES.get)
    rule(r"[A-Z]+\$")
    rule(r"[½¼¾⅓⅔]", FRACTIONS.get)
    rule("(?i:" + "|".join(ENTITIES) + ")", lambda token: ENTITIES[token.lower()])
    rule(r"[?!]+|\*+|_+|#+|@+|-{5,}")
    rule(r"-{2,4}|[–—―\x96\x97]+", lambda token: "--")
    rule(r"\.\.\.|…|\. \. \.|\x85", lambda token: "...")
    rule("''|\"|``|[«»“”„\x93\x94]", lambda token: "''")
    rule("['`’‘‛‚‹›\x91\x92]", lambda token: "'")
    rule(r"[!-~¡-ÿ\u2013-\u2bff\u3000-\u303f]")
    rule(r"\S", lambda token: "")  # nothing else is a token: emoji, control characters
    return rules


RULES = _rules()
# Most words of most captions, and the full stop at their end: no rule reads further than these do.
PLAIN = re.compile(r"(?!(?i:cannot|gonna|gotta|wanna|lemme|gimme)\b)[A-Za-z]+(?!\S)|[.,](?!\S)(?!\s\.)")
SPACE = re.compile(r"\s*")


def penn_treebank_tokens(text: str) -> list[str]:
    """The tokens of one line, punctuation included, in the text's own case."""
    tokens = []
    position = SPACE.match(text).end()
    while position < len(text):
        plain = PLAIN.match(text, position)
        if plain:
            tokens.append(plain[0])
            position = plain.end()
        else:
            matches = ((rule.match(text, position), spell) for rule, spell in RULES)
            longest, spell = max((m for m in matches if m[0]), key=lambda m: m[0].end())
            found = [token for token in longest.groups() if token] or [longest[0]]
            tokens += map(spell, found)
            position += sum(map(len, found))
        position = SPACE.match(text, position).end()
    return tokens


def tokenize(caption: str) -> str:
    """The caption as every metric reads it: its tokens in lower case, punctuation dropped, one space between them.

    >>> tokenize("The dogs' T-shirt isn't red (yet)!")
    "the dogs t-shirt is n't red -lrb- yet -rrb-"
    """
    if not isinstance(caption, str):
        raise TypeError(f"A caption must be a string; got {type(caption).__name__}: {caption!r}.")
    tokens = (token.lower() for token in penn_treebank_tokens(caption.replace(SOFT_HYPHEN, "")))
    return " ".join(token for token in tokens if token and token not in PUNCTUATION)
