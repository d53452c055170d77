"""Which rules run: the words of the configuration and of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import meshlint

from meshlint.config import Config
from meshlint.rule import catalog

MTLS = "mtls"
PORT, DISABLED = "port-accepts-plaintext", "mtls-disabled-on-port"
CLAIMS = "virtualservice-shadowed-by-another"


NOTHING = Config()


def chosen(select: str = "", ignore: str = "", extend: str = "", file: Config = NOTHING) -> set[str]:
    return set(catalog.chosen(select.split(), ignore.split(), extend.split(), file))


def of(category: str) -> set[str]:
    return {id for id, info in catalog.infos().items() if info.category == category}


def test_nothing_said_is_every_rule() -> None:
    assert catalog.chosen() == list(catalog.infos())
    assert chosen("all") == set(catalog.infos())


@pytest.mark.parametrize("word", ["IST0109", "KIA1106"])
def test_the_ids_of_peers_name_the_rules_that_check_the_same(word: str) -> None:
    assert chosen(word) == {CLAIMS}
    assert CLAIMS not in chosen(ignore=word)


def test_one_id_of_a_peer_may_name_several_rules() -> None:
    assert chosen("IST0106") == {id for id, info in catalog.infos().items() if "IST0106" in info.equivalents}
    assert len(chosen("IST0106")) > 1


def test_extend_adds_to_what_is_selected() -> None:
    assert chosen(select=PORT, extend=CLAIMS) == {PORT, CLAIMS}
    assert chosen(file=Config(select=(PORT,), extend_select=("IST0109",))) == {PORT, CLAIMS}
    assert chosen(extend=CLAIMS, file=Config(select=(PORT,))) == {PORT, CLAIMS}


def test_extend_alone_is_beside_every_rule() -> None:
    assert chosen(file=Config(extend_select=(PORT,))) == set(catalog.infos())


def test_ignore_goes_before_select() -> None:
    assert chosen(file=Config(select=(MTLS,), ignore=(MTLS,))) == set()
    assert chosen(file=Config(select=(PORT,), ignore=(PORT,))) == set()
    assert chosen(file=Config(select=(MTLS,), ignore=(PORT,))) == of(MTLS) - {PORT}


def test_a_rules_own_id_goes_before_wider_words() -> None:
    assert chosen(file=Config(ignore=(MTLS,), extend_select=(PORT,))) == set(catalog.infos()) - of(MTLS) | {PORT}
    assert chosen(file=Config(select=("all",), ignore=("all",), extend_select=(PORT,))) == {PORT}


class TestTheCommandLineGoesBeforeTheFile:
    def test_select_is_in_place_of_both_lists(self) -> None:
        assert chosen(CLAIMS, file=Config(select=(PORT,), extend_select=(DISABLED,))) == {CLAIMS}

    def test_what_it_selects_runs_although_the_file_ignores_it(self) -> None:
        assert chosen(PORT, file=Config(ignore=(PORT,))) == {PORT}
        assert chosen(PORT, file=Config(ignore=(MTLS,))) == {PORT}
        assert chosen(MTLS, file=Config(ignore=(MTLS,))) == of(MTLS)

    def test_but_a_wider_word_leaves_what_the_file_ignores(self) -> None:
        assert chosen(MTLS, file=Config(ignore=(PORT,))) == of(MTLS) - {PORT}

    def test_ignore_takes_out_what_the_file_selects(self) -> None:
        assert chosen(ignore=MTLS, file=Config(select=(PORT, CLAIMS))) == {CLAIMS}

    def test_among_its_own_words_the_rules_of_the_file_hold(self) -> None:
        assert chosen(PORT, ignore=MTLS) == {PORT}
        assert chosen(PORT, ignore=PORT) == set()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("egres", "unknown rule egres; did you mean egress?"),
        ("MTLS", "unknown rule MTLS; did you mean mtls?"),
        ("ist0109", "unknown rule ist0109; did you mean IST0109?"),
        (
            "IST0101",
            "no rule checks what IST0101 of istioctl analyze does (meshlint rules --format json has the equivalents of each)",
        ),
        (
            "KIA9999",
            "no rule checks what KIA9999 of Kiali does (meshlint rules --format json has the equivalents of each)",
        ),
    ],
)
def test_a_word_that_names_no_rule(word: str, message: str) -> None:
    assert catalog.unknown(word) == message


def test_a_peers_check_that_no_rule_does_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "meshlint.yaml").write_text("ignore: [IST0101, KIA9999]\n")
    (tmp_path / "pyproject.toml").write_text('[tool.meshlint]\nignore = ["IST0101"]\nselect = ["IST0101"]\n')
    run = meshlint("check", "--allow-empty", "--ignore", "IST0118", cwd=tmp_path)
    assert (run.returncode, "IST" in run.stderr) == (0, False), run.stderr
    run = meshlint("check", "--allow-empty", "--ignore", "IST018", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, "meshlint: unknown rule IST018; did you mean IST0157?\n")
    run = meshlint("check", "--allow-empty", "--config", "pyproject.toml", cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("meshlint: pyproject.toml:3:11: no rule checks what IST0101 of istioctl analyze does")
