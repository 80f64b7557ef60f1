"""The tokens are those of coco-caption's Java tokenizer."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pycocoevalcap
import pytest

from topiclens.components.captions.tokenizer import PUNCTUATION, tokenize

GOLDEN = pathlib.Path(__file__).with_name("golden_tokens.jsonl")  # [our own sentence, the Java tokenizer's answer]
JAR = pathlib.Path(pycocoevalcap.__path__[0]) / "tokenizer" / "stanford-corenlp-3.4.1.jar"
N_REAL = 1000


def golden() -> list[tuple[str, str]]:
    return [tuple(json.loads(line)) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def java_tokens(captions: list[str], folder: pathlib.Path) -> list[str]:
    """What coco-caption does, line by line, with the program that it does it with."""
    if shutil.which("java") is None:
        pytest.skip("no Java on the PATH, which coco-caption's own tokenizer needs")
    file = folder / "captions.txt"
    file.write_text("\n".join(captions), encoding="utf-8")
    tokenizer = "edu.stanford.nlp.process.PTBTokenizer"
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", JAR, tokenizer, "-preserveLines", "-lowerCase", file]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=300).stdout.decode()
    return [
        " ".join(word for word in line.rstrip().split(" ") if word and word not in PUNCTUATION)
        for line in answer.split("\n")[: len(captions)]
    ]


def differences(captions: list[str], expected: list[str]) -> list[tuple[str, str, str]]:
    pairs = zip(captions, expected, strict=True)
    return [(caption, tokenize(caption), java) for caption, java in pairs if tokenize(caption) != java]


@pytest.mark.parametrize(("caption", "expected"), golden(), ids=lambda text: text[:30])
def test_each_golden_caption_has_the_java_tokenizers_tokens(caption, expected):
    assert tokenize(caption) == expected


def test_a_caption_of_plain_words_is_only_lower_cased():
    assert tokenize("A man  is playing\tthe guitar") == "a man is playing the guitar"


def test_tokens_are_stable_under_a_second_tokenisation_of_plain_captions():
    """Generated captions are made of tokens already; evaluator them must not tear these apart further."""
    once = tokenize("The dogs' owner isn't at the well-known pool, she's gonna swim.")
    assert tokenize(once) == once


@pytest.mark.parametrize("caption", ["", " ", "\n", ".", "...", "''", "-"])
def test_a_caption_without_a_word_has_no_tokens(caption):
    assert tokenize(caption) == ""


def test_every_visible_ascii_character_is_read_alone_and_among_others():
    characters = "".join(map(chr, range(33, 127)))
    for character in characters:
        for text in (character, f"a{character}b", f"{character} a {character}", character * 50):
            assert "  " not in tokenize(text)
    assert re.search("[a-z]", tokenize(characters))


@pytest.mark.parametrize("unit", ["a-", "'", "a.", "<a", ":", "ab,", "a1", "n't", "a@"])
@pytest.mark.timeout(10)
def test_a_degenerate_caption_of_thousands_of_characters_is_read_in_seconds(unit):
    assert "\n" not in tokenize(unit * 2000)


def test_what_is_no_string_is_refused():
    with pytest.raises(TypeError, match="must be a string; got bytes"):
        tokenize(b"a dog")


@pytest.mark.data
def test_the_golden_answers_are_what_java_says_today(tmp_path):
    captions, expected = zip(*golden(), strict=True)
    alone = [line for caption in captions for line in (caption, "")]  # no caption sees the next one
    assert java_tokens(alone, tmp_path)[::2] == list(expected)


@pytest.mark.data
@pytest.mark.parametrize("corpus", ["flickr8k", "msrvtt"])
def test_a_thousand_real_captions_have_the_java_tokenizers_tokens(corpus, data_folder, tmp_path):
    captions = punctuated(real_captions(data_folder, corpus))
    assert len(captions) == N_REAL
    assert differences(captions, java_tokens(captions, tmp_path)) == []


@pytest.mark.data
def test_all_captions_of_flickr8k_have_the_java_tokenizers_tokens(data_folder, tmp_path):
    captions = real_captions(data_folder, "flickr8k")
    assert differences(captions, java_tokens(captions, tmp_path)) == []


def real_captions(folder: pathlib.Path, corpus: str) -> list[str]:
    if corpus == "flickr8k":
        file = folder / "flickr8k" / "Flickr8k.token.txt"
    else:
        file = folder / "msrvtt" / "videodatainfo.json"
    if not os.path.exists(file):
        pytest.skip(f"{file} is not among the real data")
    text = file.read_text(encoding="utf-8")
    if corpus == "flickr8k":
        return [line.split("\t")[1] for line in text.splitlines()]
    return [" ".join(sentence["caption"].split()) for sentence in json.loads(text)["sentences"]]


def punctuated(captions: list[str]) -> list[str]:
    """A thousand captions: those with most characters that are neither letters nor spaces, the hardest to split."""
    hardness = {caption: len(re.findall(r"[^A-Za-z .,]", caption)) for caption in captions}
    return sorted(hardness, key=lambda caption: (-hardness[caption], caption))[:N_REAL]
