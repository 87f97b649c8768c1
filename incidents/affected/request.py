"""One request to put people on the list, whichever way they are named."""

from __future__ import annotations

from dataclasses import dataclass, field

from incidents.affected.accounts import ROLES, AccountsTold, for_accounts
from incidents.affected.acts import Counted
from incidents.affected.compromise import CompromisedList, compromise_addresses
from incidents.affected.criteria import Exposure, by_criteria
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, ListResult, ProblemRow, by_list
from incidents.affected.successors import succeed
from incidents.affected.typed import by_hand
from incidents.selection import Selection
from incidents.store import Incident
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Request:
    """Who is affected (by a selection, a list, by hand or through accounts), by what, and how it is known.

    A selection beside accounts says which of their records are affected. More than one way, or none, is
    ``BadInput``.
    """

    basis: str
    selection: Selection | None = None
    listed: PeopleList | None = None
    typed: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ROLES
    exposed: str = ""
    as_given: bool = False
    channels: tuple[str, ...] = ()
    """Compromised: all contact points of these people on these channels."""
    addresses: PeopleList | None = None
    """Compromised: these addresses."""
    add_unknown: bool = False
    all_matches: bool = False
    country: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        ways = (self.selection and not self.accounts, self.listed, self.typed, self.accounts)
        if sum(map(bool, ways)) != 1 or (self.selection and (self.listed or self.typed)):
            raise BadInput(
                "say in one way who is affected", advice="Use --where, --list, --person or --for-account."
            )
        if self.accounts and self.channels:
            raise BadInput(
                "an account's contacts are marked one by one", advice="Use `compromise --list` afterwards."
            )


@dataclass(slots=True)
class Done:
    """What a request has changed."""

    counted: Counted = field(default_factory=Counted)
    rows: ListResult | None = None
    told: AccountsTold | None = None
    compromised: CompromisedList | None = None

    @property
    def doubtful(self) -> list[ProblemRow]:
        """Return every row of its lists to be looked at."""
        return [
            *(self.rows.doubtful if self.rows else ()),
            *(self.compromised.problems if self.compromised else ()),
        ]


async def carry_out(tx: Transaction, keys: Keys, incident: Incident, request: Request, *, actor: str) -> Done:
    """Put the people on the list; what is wrong is raised, and then nothing is changed."""
    exposure = Exposure.read(request.exposed, incident, as_given=request.as_given)
    done = Done()
    basis, channels = request.basis, request.channels
    if request.accounts:
        done.told = await for_accounts(
            tx,
            keys,
            incident,
            request.accounts,
            exposure,
            selection=request.selection,
            roles=request.roles,
            basis=basis,
            actor=actor,
        )
        done.counted = done.told.counted
    elif request.selection:
        done.counted = await by_criteria(
            tx, incident, request.selection, exposure, basis=basis, compromised=channels, actor=actor
        )
    elif request.listed:
        options = ListOptions(
            basis, exposure, channels, request.add_unknown, request.all_matches, request.country
        )
        done.rows = await by_list(tx, keys, incident, request.listed, options, actor=actor)
        done.counted = done.rows.counted
    else:
        done.counted = await by_hand(
            tx, keys, incident, request.typed, exposure, basis=basis, compromised=channels, actor=actor
        )
    if request.addresses:
        done.compromised = await compromise_addresses(
            tx, keys, incident, request.addresses, reason=basis, actor=actor
        )
    if not request.accounts:
        await succeed(tx, keys, incident, actor=actor)
    return done
