"""The mail house's file in the forms it comes in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from notifier.channels.letter.returns import Returned, read_returns
from notifier.channels.receipts import ReceiptKind
from notifier.errors import BadInput

A, B, C = "0F9A02BC77D1E04B", "1" * 16, "12E4567890123456"


def read(folder: Path, text: str | bytes, **options) -> Returned:
    """Read a return file with this content."""
    path = folder / "returns.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_returns(path, **options)


def test_a_posted_letter_is_accepted_and_one_that_came_back_has_bounced(tmp_path: Path) -> None:
    """How far it came is the reason; only registered mail is ever known to be delivered."""
    made = read(
        tmp_path,
        f"reference,status,date,reason\n{A},printed,2026-03-07,\n{A},dispatched,2026-03-08,\n"
        f"{B},returned,2026-03-15,Unknown at this address\n{C},delivered,2026-03-09T10:00:00+01:00,\n",
    )
    assert [one.kind for one in made.receipts] == [
        ReceiptKind.ACCEPTED,
        ReceiptKind.ACCEPTED,
        ReceiptKind.BOUNCED,
        ReceiptKind.DELIVERED,
    ]
    assert [one.reason for one in made.receipts] == ["printed", "dispatched", "address-dead", ""]
    assert made.receipts[2].text == "Unknown at this address"
    assert made.receipts[3].occurred_at == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert made.statuses == {"printed": 1, "dispatched": 1, "returned": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Empfänger unbekannt", "address-dead"),
        ("Empfänger unter der angegebenen Anschrift nicht zu ermitteln", "address-dead"),
        ("Empfänger verzogen", "moved"),
        ("Annahme verweigert", "refused"),
        ("Pli avisé et non réclamé", "unclaimed"),
        ("Destinataire inconnu à l'adresse", "address-dead"),
        ("MOVED LEFT NO ADDRESS", "moved"),
        ("ATTEMPTED - NOT KNOWN", "address-dead"),
        ("Deceased", "deceased"),
        ("Dirección incorrecta", "address-dead"),
        ("पता अज्ञात", "address-dead"),
        ("رفض الاستلام", "refused"),
        ("", "returned"),
        ("something else", "returned"),
    ],
)
def test_the_reason_of_a_return_is_classified(tmp_path: Path, text: str, reason: str) -> None:
    """In the words of several posts; what is not recognised stays a plain return, with its text."""
    made = read(tmp_path, f'reference;status;reason\n{A};returned;"{text}"\n')
    assert made.receipts[0].reason == reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_and_encoding_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """And columns in the house's language, with references as they were printed."""
    rows = [("Kennzeichen", "Zustand", "Datum", "Grund"), ("0f9a-02bc-77d1-e04b", "Rücksendung", "15.03.2026", "Straße unvollständig")]  # fmt: skip
    text = "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"
    made = read(tmp_path, text.encode(encoding))
    assert made.faults == ()
    assert made.receipts[0].reference == A
    assert made.receipts[0].kind is ReceiptKind.BOUNCED
    assert made.receipts[0].occurred_at == datetime(2026, 3, 15, tzinfo=UTC)


def test_columns_and_words_of_the_house_can_be_named(tmp_path: Path) -> None:
    """``--map`` for columns, and own words for the statuses."""
    made = read(
        tmp_path,
        f"Ihr Zeichen,Code,Wann\n{A},Z9,03/08/2026\n",
        columns={"reference": "ihr zeichen", "status": "Code", "date": "Wann"},
        statuses={"z9": "dispatched"},
        dates="mdy",
        zone=ZoneInfo("Europe/Berlin"),
    )
    assert made.receipts[0].kind is ReceiptKind.ACCEPTED
    assert made.receipts[0].occurred_at == datetime(2026, 3, 7, 23, tzinfo=UTC)


def test_a_bad_row_is_reported_and_holds_no_other_back(tmp_path: Path) -> None:
    """With its line, column, reason and remedy, and never with its value."""
    made = read(
        tmp_path,
        f"reference,status,date\n{A},printed,2026-03-07\n,printed,\n1.2E+15,printed,\n{B},eaten,\n{B},,\n"
        f"{B},printed,03/04/2026\n{C},printed,2026-03-07,extra,cells\n",
    )
    assert [(fault.line, fault.column, fault.code) for fault in made.faults] == [
        (3, "reference", "reference-missing"),
        (4, "reference", "reference-unreadable"),
        (5, "status", "status-unknown"),
        (6, "status", "status-missing"),
        (7, "date", "date-unreadable"),
        (8, "", "row-broken"),
    ]
    assert all(fault.reason and fault.remedy for fault in made.faults)
    assert [one.reference for one in made.receipts] == [A, B]
    assert made.rows == 7


def test_the_same_report_counts_once(tmp_path: Path) -> None:
    """Read twice, or twice in one file: one key, one receipt."""
    text = f"reference,status,date\n{A},printed,2026-03-07\n{A},printed,2026-03-07\n"
    first, second = read(tmp_path, text), read(tmp_path, text)
    assert first.repeated == 1
    assert first.receipts == second.receipts
    assert len(first.receipts) == 1


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b\n1,2\n", {}),
        ("reference,other\n1,2\n", {}),
        ("reference,status\n1,2\n", {"columns": {"status": "nowhere"}}),
        ("reference,status\n1,2\n", {"columns": {"colour": "status"}}),
        ("reference,status\n1,2\n", {"statuses": {"x": "eaten"}}),
        ("", {}),
        (b"%PDF-1.7", {}),
    ],
)
def test_a_file_that_is_no_return_file_is_refused(tmp_path: Path, text, options) -> None:
    """With a sentence that says what to do."""
    with pytest.raises(BadInput) as refused:
        read(tmp_path, text, **options)
    assert refused.value.advice()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Like any wrong path."""
    with pytest.raises(BadInput):
        read_returns(tmp_path / "none.csv")
