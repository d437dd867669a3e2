"""The list of published weights tells no tales."""

from __future__ import annotations

import re
from urllib.parse import urlparse

from wav2lip.models.known import KNOWN, known_by_sha256
from wav2lip.models.store import place_of, sha256_of


def test_every_published_file_is_found_by_its_hash_in_either_case() -> None:
    for name, known in KNOWN.items():
        assert known.name == name
        assert known.may_have(known.size)
        assert not known.may_have(known.size // 2)
        if known.sha256 is not None:
            assert re.fullmatch("[0-9a-f]{64}", known.sha256)
            assert known_by_sha256(known.sha256.upper()) is known
    assert known_by_sha256("0" * 64) is None


def test_names_can_be_told_from_files_and_files_from_each_other() -> None:
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in KNOWN)
    assert len({known.file for known in KNOWN.values()}) == len(KNOWN)
    assert all(known.what and known.use and known.terms and known.source for known in KNOWN.values())


def test_an_exact_size_admits_no_other() -> None:
    assert not KNOWN["wav2lip"].may_have(KNOWN["wav2lip"].size - 1)
    assert KNOWN["wav2lip-gan-torchscript"].may_have(145_829_145)    # listed as "about 145.8 MB"


def test_nothing_for_research_only_or_without_a_hash_is_downloaded_by_the_program() -> None:
    for known in KNOWN.values():
        if known.urls:
            assert known.sha256 is not None
            assert "research" not in known.terms
            assert all(urlparse(url).scheme == "https" for url in known.urls)


def test_the_files_that_ship_are_those_that_are_listed() -> None:
    shipped = [known for known in KNOWN.values() if known.ships]
    assert [known.name for known in shipped] == ["demo", "expert"]
    for known in shipped:
        assert place_of(known).stat().st_size == known.size
        assert sha256_of(place_of(known)) == known.sha256
