"""Investments as entries of the private book.

Money comes from `payments`, the world behind the provider. A project's account gets what was raised and
gives ownership tokens; the platform's part goes to `fees`. Money that came too late lies in
`<account>/refund` until it has left.
"""

from cloud.investments.model import Investment, Issue
from cloud.ledger.model import Entry, EntryKind, Posting, SystemAccount, fiat, ownership

_REFUND_HOLD = "refund"


def issue_entry(issue: Issue) -> Entry:
    """All the tokens of a project, on its own account."""
    asset = ownership(issue.project_id)
    return Entry(
        kind=EntryKind.ISSUE,
        postings=(
            Posting(SystemAccount.ISSUED, asset, -issue.tokens),
            Posting(issue.account, asset, issue.tokens),
        ),
        facts={"project_id": issue.project_id},
        book="private",
    )


def investment_entry(investment: Investment, issue: Issue) -> Entry:
    money, tokens = fiat(investment.currency), ownership(investment.project_id)
    postings = [
        Posting(SystemAccount.PAYMENTS, money, -investment.charged_minor),
        Posting(issue.account, money, investment.amount_minor),
        Posting(issue.account, tokens, -investment.tokens),
        Posting(investment.account, tokens, investment.tokens),
    ]
    if investment.fee_minor:
        postings.append(Posting(SystemAccount.FEES, money, investment.fee_minor))
    return Entry(
        kind=EntryKind.INVESTMENT,
        postings=tuple(postings),
        facts={"investment_id": investment.id, "payment_id": investment.payment_id},
        book="private",
    )


def refund_owed_entry(investment: Investment) -> Entry:
    """Money came, and must go back."""
    return _between(EntryKind.REFUND, investment, SystemAccount.PAYMENTS, _refund_account(investment))


def refund_paid_entry(investment: Investment) -> Entry:
    return _between(EntryKind.PAYOUT, investment, _refund_account(investment), SystemAccount.PAYMENTS)


def _between(kind: EntryKind, investment: Investment, source: str, target: str) -> Entry:
    money = fiat(investment.currency)
    return Entry(
        kind=kind,
        postings=(
            Posting(source, money, -investment.charged_minor),
            Posting(target, money, investment.charged_minor),
        ),
        facts={"investment_id": investment.id, "payment_id": investment.payment_id},
        book="private",
    )


def _refund_account(investment: Investment) -> str:
    return f"{investment.account}/{_REFUND_HOLD}"
