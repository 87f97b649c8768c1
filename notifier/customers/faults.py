"""What can be wrong with a row or a cell: its kind in words, why it cannot be used, what to do about it.

A fault never carries the value itself: it may be personal, and reports are read on screens and kept in
logs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. ``value_class`` says what kind of value it is, never the value."""

    code: str
    value_class: str
    reason: str
    remedy: str
    refuses: bool = False
    """Whether the whole row is refused; otherwise it is used without this cell, or as it is."""
    advisory: bool = False
    """Whether the value was taken and only deserves a look."""


class Faulty(Exception):
    """A cell cannot be used; ``code`` names the fault."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at a place of the file: its line, and the column as the file names it."""

    line: int
    column: str
    code: str

    @property
    def fault(self) -> Fault:
        """What kind of fault it is."""
        return FAULTS[self.code]


_KINDS = (
    Fault("file-broken", "place where the file cannot be read any further",
          "It is damaged there, was removed, or its disk failed; what stands before is in, nothing behind.",
          "Mend the file and import it again."),
    Fault("number-missing", "empty customer number", "The row cannot be told from others without its number.",
          "Fill in the customer number.", refuses=True),
    Fault("number-long", "customer number of more than 64 characters", "No customer number is that long.",
          "Check whether the columns have moved.", refuses=True),
    Fault("number-characters", "customer number with control or damaged characters",
          "It cannot be typed or printed.",
          "Correct the customer number.", refuses=True),
    Fault("number-personal", "customer number that is an e-mail address",
          "Customer numbers stand unencrypted in the store, so they must not be personal.",
          "Give each customer a number of its own.", refuses=True),
    Fault("number-answer", "customer number that is a yes or no", "It tells no customer from another.",
          "Check whether the columns have moved.", refuses=True),
    Fault("number-scientific", "number cut short by a spreadsheet (such as 1.2E+10)",
          "The spreadsheet has thrown digits away.",
          "Export the column as text from the system it comes from.", refuses=True),
    Fault("number-repeated", "customer number that stands in an earlier line",
          "Two rows describe the same customer; the first was used.",
          "Keep one row for each customer.", refuses=True),
    Fault("row-long", "row with more cells than there are columns",
          "Its values may stand in wrong columns, so none is trusted.",
          "Put quotes around cells that contain the delimiter.", refuses=True),
    Fault("row-short", "row with fewer cells than there are columns",
          "The missing cells at its end were left as they are known.",
          "Check the row for a line break outside quotes.", advisory=True),
    Fault("row-quote", "row with an opening quote that is never closed",
          "Everything after it would be swallowed into one cell.",
          "Close the quote, or double it where it is meant.", refuses=True),
    Fault("row-stray", "row with a quote that another row closes, or the row that closes it",
          "Two customers would become one, and the second would be lost.",
          "Take the quote out, or double it where it is meant.", refuses=True),
    Fault("row-lines", "row with a cell of several lines, one of which may be a row of its own",
          "It was taken as one row.", "Check the quotes around the cell.", advisory=True),
    Fault("row-huge", "row of more than a million characters or a hundred lines",
          "No row about one customer is that long.",
          "Check the line breaks and quotes of the file.", refuses=True),
    Fault("row-json", "line that is no JSON object", "Each line holds one object in braces.",
          "Correct the line; `jq -c .` shows where it breaks.", refuses=True),
    Fault("row-json-twice", "JSON object that has a key twice", "Nobody can tell which of the values holds.",
          "Keep one of them.", refuses=True),
    Fault("row-json-number", "JSON object with a number out of range (such as 1e400 or NaN)",
          "Programs read such a number in different ways, or not at all.",
          "Correct the number, or put quotes around it.", refuses=True),
    Fault("column-late", "key that the first lines do not have",
          "The columns come from the first 1,000 lines.",
          "Put a line with all keys first."),
    Fault("cell-long", "cell of more than 4,000 characters", "No field of a customer is that long.",
          "Shorten the cell, or leave the column out with --ignore."),
    Fault("cell-encoding", "characters that do not belong to the file's encoding",
          "They were damaged before or cannot be read.",
          "Give the right --encoding, or correct the cell."),
    Fault("cell-control", "NUL, control or hidden formatting characters", "They were taken out.",
          "Have a look at the cell.", advisory=True),
    Fault("cell-error", "spreadsheet error (such as #N/A)", "The formula in the cell has no result.",
          "Repair the formula or fill in the value."),
    Fault("cell-formula", "formula without a stored result", "The file holds no value for this cell.",
          "Open the file in a spreadsheet program, save it, and import it again."),
    Fault("zeros-lost", "number that has lost its leading zeros", "They were put back by the country's rule.",
          "Export the column as text.", advisory=True),
    Fault("name-long", "name of more than 200 characters", "No name is that long.",
          "Check whether the columns have moved."),
    Fault("email-at", "e-mail without @", "It is no address.", "Correct it or leave the cell empty."),
    Fault("email-several", "e-mail with more than one @", "It is no address, or several without a separator.",
          "Separate several addresses with a semicolon."),
    Fault("email-domain", "e-mail whose domain cannot exist", "No mail server can take it.",
          "Correct the part after the @."),
    Fault("email-syntax", "e-mail with characters that are not allowed", "No mail server would take it.",
          "Correct the part before the @."),
    Fault("phone-syntax", "telephone number with letters or too few digits", "It is no telephone number.",
          "Write it with its country code, as +49 30 123456."),
    Fault("phone-region", "national telephone number without a country",
          "Without a country nobody can tell whom it calls.",
          "Write it with its country code, fill in the country, or give --default-country."),
    Fault("phone-impossible", "telephone number of an impossible length", "No network has such numbers.",
          "Correct it."),
    Fault("phone-unassigned", "telephone number outside the numbering plan",
          "It was taken, but it may lead nowhere.", "Have a look at it.", advisory=True),
    Fault("phone-scientific", "telephone number cut short by a spreadsheet (such as 4.9E+11)",
          "The spreadsheet has thrown digits away.",
          "Export the column as text from the system it comes from."),
    Fault("locale-unknown", "unknown language or locale", "No such language is known.",
          "Write it as a tag such as de or pt-BR."),
    Fault("locale-territory", "locale whose territory is not known", "Its language was taken alone.",
          "Write it as a tag such as de-AT.", advisory=True),
    Fault("zone-unknown", "unknown time zone", "It is not in the time zone database.",
          "Write it as Europe/Berlin."),
    Fault("country-unknown", "unknown country", "It is no ISO 3166 code and no country's name.",
          "Write its two letters, such as DE."),
    Fault("region-unknown", "unknown region", "The country has no such subdivision in ISO 3166-2.",
          "Write its code, such as DE-BY."),
    Fault("region-country", "region without a country", "The same name stands in several countries.",
          "Fill in the country, or write the code with it, such as DE-BY."),
    Fault("category-unknown", "unknown data category", "The others in the cell were taken.",
          "`notifier customers import --help` names the known ones."),
    Fault("mark-unknown", "unknown mark", "The others in the cell were taken.",
          "Known are minor, deceased, employee and court-protected."),
    Fault("yes-no", "answer that is neither yes nor no", "The mark was left as it is known.",
          "Write yes or no."),
    Fault("role-unknown", "unknown account role", "The others in the cell were taken.",
          "Known are owner, security, privacy and billing."),
    Fault("account-missing", "account name or role without an account number",
          "The account cannot be told from others.", "Fill in the account number."),
    Fault("date-unknown", "date in an unknown form", "It is no day of the calendar.",
          "Write it as 1980-12-31."),
    Fault("date-order", "date whose day and month cannot be told apart", "It may be read in two ways.",
          "Give --date-order dmy or mdy, or write it as 1980-12-31."),
    Fault("attribute-long", "selectable attribute of more than 100 characters",
          "Attributes that criteria select on are short codes.",
          "Shorten it, or do not declare it selectable."),
    Fault("attribute-personal", "selectable attribute that is an e-mail address",
          "Selectable attributes stand unencrypted in the store, so they must not be personal.",
          "Do not declare the column selectable."),
    Fault("guardian-unknown", "guardian's number that no customer has", "The guardian could not be linked.",
          "Import the guardian too, or correct the number."),
    Fault("guardian-self", "guardian's number that is the customer's own", "Nobody is their own guardian.",
          "Correct the number."),
)  # fmt: skip
FAULTS = {fault.code: fault for fault in _KINDS}
