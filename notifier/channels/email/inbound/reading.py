"""Reports that come back by e-mail, read into receipts.

Whatever a message says was written by a stranger. What is believed, and why:

- **Which delivery.** Only our own signature names one (``proof.py``). The Message-ID of a notice is not
  signed, and whoever has seen one could name it, so it proves nothing. Who has a return path of ours is the
  reader, or a server on the way to them: a forged report can harm its forger's own delivery alone.
- **One delivery, one receipt.** Our messages have one recipient each. If a report that proves a delivery
  names several recipients, these are where that one mailbox passes its mail on to. The worst of what it
  says counts (failed before delayed before delivered), and what it says of the address that we used goes
  before what it says of others: in doubt a person is told once more, never not at all.
- **Whose address is dead.** A failure behind a forwarding means that the message did not arrive, but the
  address that is dead is not the one we wrote to. ``address-dead`` becomes ``forwarding-broken`` where the
  report says so (the original recipient is another), where the notice that it returns was addressed to
  another, or where it names several. Where a report names one address and says nothing of another, only
  whoever knows the address we used can tell: before an address is given up, ``Receipt.address`` must be
  compared with that of the delivery. It is never the address in a report alone that says who is meant.
- **Good news needs proof.** *Delivered* and *displayed* count only with our signature; a failure or a
  complaint without one is kept with the address that it names, and with no reference.
- *Relayed* and *expanded* are no receipts: the message went where nobody reports back from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.inbound.fields import same_mailbox
from notifier.channels.email.inbound.parts import Part, whole
from notifier.channels.email.inbound.proof import proven
from notifier.channels.email.inbound.report import Kind, Report, taken_apart
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.receipts import Receipt, ReceiptKind

_LONGEST = 262_144
_WORST_FIRST = (
    ReceiptKind.BOUNCED,
    ReceiptKind.COMPLAINED,
    ReceiptKind.DELAYED,
    ReceiptKind.DELIVERED,
    ReceiptKind.DISPLAYED,
)
_NEED_PROOF = (ReceiptKind.DELIVERED, ReceiptKind.DISPLAYED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one message turned out to be."""

    kind: Kind
    """``bounce``: a report on delivery, good or bad. ``auto-reply``: nobody wrote it, read receipts among
    them. ``other``: a person's mail, or feedback that is no complaint."""
    receipts: tuple[Receipt, ...] = ()
    understood: bool = True
    """False where it has the marks of a report and nothing could be made of it: somebody should look."""


class Reader:
    """Reads messages that came to our return paths or to the address for complaints; keeps nothing.

    It never raises, reads no more than the first 256 KiB, 32 parts, 24 recipients, and needs no network.
    """

    def __init__(self, paths: ReturnPaths) -> None:
        self._paths = paths

    def read(self, message: bytes, recipients: Sequence[str] = ()) -> Reading:
        """Read one message. ``recipients`` are those of the envelope, where the inlet knows them."""
        content = message[:_LONGEST].replace(b"\r\n", b"\n")
        outer = whole(content)
        report = taken_apart(outer, content)
        if not report.fates:
            return Reading(report.kind, understood=report.understood)
        about = proven(self._paths, recipients, outer.fields, (*report.places, content))
        fates = [_of_one_delivery(report)] if about else _of_each_address(report.fates)
        receipts = [_receipt(fate, about, outer, number) for number, fate in enumerate(fates)]
        return Reading(report.kind, tuple(receipts), report.understood and _settled(report, receipts))


def _settled(report: Report, receipts: Sequence[Receipt]) -> bool:
    """Say whether nothing is left to look at: good news without proof is let go, all else must be kept."""
    return bool(receipts) or all(fate.kind in _NEED_PROOF for fate in report.fates)


def _of_one_delivery(report: Report) -> Fate:
    """Return the one thing that a report says of a delivery that it proves; see above."""
    addressed = [fate for fate in report.fates if not _elsewhere(fate, report)]
    fate = min(addressed or report.fates, key=lambda one: _WORST_FIRST.index(one.kind))
    several = len({one.final.lower() for one in report.fates}) > 1
    if fate not in addressed or (several and not _said_to_be_ours(fate, report)):
        return fate.behind_forwarding()
    return fate


def _elsewhere(fate: Fate, report: Report) -> bool:
    """Say whether the report itself tells that the address which failed is not the one we used."""
    used = fate.original or report.addressed_to
    return bool(used and fate.final) and not same_mailbox(used, fate.final)


def _said_to_be_ours(fate: Fate, report: Report) -> bool:
    return bool(fate.original or report.addressed_to) and not _elsewhere(fate, report)


def _of_each_address(fates: Sequence[Fate]) -> list[Fate]:
    """Return the worst that an unproven report says of each address; what names none is of no use."""
    worst: dict[str, Fate] = {}
    for fate in fates:
        address = (fate.original or fate.final).lower()
        if not address or fate.kind in _NEED_PROOF:
            continue
        if fate.original and fate.final and not same_mailbox(fate.original, fate.final):
            fate = fate.behind_forwarding()  # noqa: PLW2901
        known = worst.get(address)
        if known is None or _WORST_FIRST.index(fate.kind) < _WORST_FIRST.index(known.kind):
            worst[address] = fate
    return list(worst.values())


def _receipt(fate: Fate, about: tuple[str, int] | None, message: Part, number: int) -> Receipt:
    reference, attempt = about or ("", 0)
    address = fate.original or fate.final
    said = (_identity(message), number, fate.kind, reference, attempt, address.lower())
    return Receipt(
        kind=fate.kind,
        key=sha256("\0".join(map(str, said)).encode("utf-8", "replace")).hexdigest(),
        reference=reference,
        attempt=attempt,
        address=address,
        occurred_at=fate.occurred_at,
        code=fate.code,
        enhanced=fate.enhanced,
        reason=fate.reason,
        text=fate.text,
    )


def _identity(message: Part) -> str:
    """Return what tells a report from all others: its Message-ID, or else all that its writer wrote.

    It is one part of a receipt's key. The delivery and the address are others, so that nobody who guesses
    a Message-ID can make the real report look like one that is known already.
    """
    given = message.fields.get("message-id").strip()
    if given:
        return given
    written = message.fields.raws((b"date", b"from", b"subject")) + b"\n\n" + message.body.rstrip()
    return sha256(written).hexdigest()
