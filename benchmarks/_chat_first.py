"""The first half of the questions: written before the grammar was finished, so it may have learned from them."""

from datetime import date as d

from benchmarks._chat_history import (
    average,
    buckets,
    count,
    extreme,
    listing,
    months,
    ranking,
    total,
    versus,
)

OCT = (d(2025, 10, 1), d(2025, 10, 31))
NOV = (d(2025, 11, 1), d(2025, 11, 30))
YEAR = (d(2025, 1, 1), d(2025, 12, 31))
LAST_YEAR = (d(2024, 1, 1), d(2024, 12, 31))

QUESTIONS = [
    # summary
    ("How much did I spend on groceries last month?", "summary", lambda h: total(h, h.paid(*OCT, category="Groceries"))),
    ("What did I spend this month?", "summary", lambda h: total(h, h.paid(*NOV))),
    ("how much have I spent at Uber this year", "summary", lambda h: total(h, h.paid(*YEAR, seller="Uber"))),
    ("Total spending on transport in March 2024", "summary", lambda h: total(h, h.paid(d(2024, 3, 1), d(2024, 3, 31), category="Transport"))),
    ("How much money went to Swiggy since June?", "summary", lambda h: total(h, h.paid(d(2025, 6, 1), d(2025, 11, 22), seller="Swiggy"))),
    ("How much did I pay by card last week?", "summary", lambda h: total(h, h.paid(d(2025, 11, 10), d(2025, 11, 16), channel="Card"))),
    ("How much did I spend between 1 Jan and 15 Feb?", "summary", lambda h: total(h, h.paid(d(2025, 1, 1), d(2025, 2, 15)))),
    ("What was my spending on food & dining in the last 30 days?", "summary", lambda h: total(h, h.paid(d(2025, 10, 24), d(2025, 11, 22), category="Food & Dining"))),
    ("how much did i spend on weekends in october", "summary", lambda h: total(h, h.paid(*OCT, when=lambda r: r.day.weekday() >= 5))),
    ("How much did I spend in the financial year 2024-25?", "summary", lambda h: total(h, h.paid(d(2024, 4, 1), d(2025, 3, 31)))),
    ("How much did I earn last year?", "summary", lambda h: total(h, h.paid(*LAST_YEAR, income=True))),
    ("What is my total income this year?", "summary", lambda h: total(h, h.paid(*YEAR, income=True))),
    ("How much did I spend yesterday?", "summary", lambda h: total(h, h.paid(d(2025, 11, 21), d(2025, 11, 21)))),
    ("How much did I spend on entertainment in Q3?", "summary", lambda h: total(h, h.paid(d(2025, 7, 1), d(2025, 9, 30), category="Entertainment"))),
    ("How much have I spent on utilities in the last 6 months?", "summary", lambda h: total(h, h.paid(d(2025, 5, 23), d(2025, 11, 22), category="Utilities"))),
    ("How much did I spend with UPI in September?", "summary", lambda h: total(h, h.paid(d(2025, 9, 1), d(2025, 9, 30), channel="UPI"))),
    ("How much did I spend on groceries and transport last month?", "summary", lambda h: total(h, h.paid(*OCT, category=["Groceries", "Transport"]))),
    ("How much in total on purchases over ₹2,000 this year?", "summary", lambda h: total(h, h.paid(*YEAR, when=lambda r: r.currency == "INR" and r.amount > 200_000))),
    ("How much did I spend in dollars last year?", "summary", lambda h: total(h, h.paid(*LAST_YEAR, currency="USD"))),
    ("How much did I spend at Big Bazaar in total?", "summary", lambda h: total(h, h.paid(seller="Big Bazaar"))),
    ("How much did I spend at Dominos in 2024?", "summary", lambda h: total(h, h.paid(*LAST_YEAR, seller="Domino's Pizza"))),
    ("How many transactions did I make at Zomato last month?", "summary", lambda h: count(h, h.paid(*OCT, seller="Zomato"))),
    ("How many times did I use Uber this year?", "summary", lambda h: count(h, h.paid(*YEAR, seller="Uber"))),
    ("How many purchases above 5k did I make in 2024?", "summary", lambda h: count(h, h.paid(*LAST_YEAR, when=lambda r: r.amount > 500_000))),
    ("How often did I pay in cash last quarter?", "summary", lambda h: count(h, h.paid(d(2025, 7, 1), d(2025, 9, 30), channel="Cash"))),
    ("Number of grocery purchases between 500 and 1000 rupees this year", "summary", lambda h: count(h, h.paid(*YEAR, category="Groceries", currency="INR", when=lambda r: 50_000 <= r.amount <= 100_000))),
    ("What is my average spend per month this year?", "summary", lambda h: average(h, h.paid(d(2025, 1, 1), d(2025, 11, 22)), 11)),
    ("What is the average amount of my Starbucks purchases?", "summary", lambda h: average(h, h.paid(seller="Starbucks"))),
    ("On average how much did I spend per day in October?", "summary", lambda h: average(h, h.paid(*OCT), 31)),
    ("Average transaction on groceries last month", "summary", lambda h: average(h, h.paid(*OCT, category="Groceries"))),
    ("What was my largest expense last month?", "summary", lambda h: extreme(h, h.paid(*OCT))),
    ("What's the biggest purchase I made at DMart?", "summary", lambda h: extreme(h, h.paid(seller="DMart"))),
    ("What is the smallest amount I paid to Airtel this year?", "summary", lambda h: extreme(h, h.paid(*YEAR, seller="Airtel"), min)),
    ("Top 5 merchants this year", "summary", lambda h: ranking(h, h.paid(*YEAR), lambda r: r.seller, 5)),
    ("What are my top 3 categories last month?", "summary", lambda h: ranking(h, h.paid(*OCT), lambda r: r.category, 3)),
    ("Which category did I spend the most on in 2024?", "summary", lambda h: ranking(h, h.paid(*LAST_YEAR), lambda r: r.category, 1)),
    ("Where did I spend the most money in September?", "summary", lambda h: ranking(h, h.paid(d(2025, 9, 1), d(2025, 9, 30)), lambda r: r.seller, 1)),
    ("Show me a breakdown by category for last month", "summary", lambda h: ranking(h, h.paid(*OCT), lambda r: r.category, 9)),
    ("Break down my spending by payment method this month", "summary", lambda h: ranking(h, h.paid(*NOV), lambda r: {"BankTransfer": "bank transfer", "Cash": "cash", "Card": "card", "Wallet": "wallet"}.get(r.channel, r.channel), 5)),
    ("Which month did I spend the most this year?", "summary", lambda h: ranking(h, h.paid(*YEAR), lambda r: f"{r.day:%B} 2025", 1)),
    # trend
    ("Show my spending by month this year", "trend", lambda h: buckets(h, months(h, (2025, 1), 11))),
    ("How has my grocery spending changed over the last 6 months?", "trend", lambda h: buckets(h, [[r for r in h.paid(d(2025, 5, 23), d(2025, 11, 22), category="Groceries") if (r.day.year, r.day.month) == (2025, m)] for m in range(5, 12)])),
    ("What's the trend of my transport expenses in 2024?", "trend", lambda h: buckets(h, months(h, (2024, 1), 12, category="Transport"))),
    ("Monthly spending on food and dining since June", "trend", lambda h: buckets(h, months(h, (2025, 6), 6, category="Food & Dining"))),
    ("How much did I spend each week in October?", "trend", lambda h: buckets(h, [h.paid(a, b) for a, b in ((d(2025, 10, 1), d(2025, 10, 5)), (d(2025, 10, 6), d(2025, 10, 12)), (d(2025, 10, 13), d(2025, 10, 19)), (d(2025, 10, 20), d(2025, 10, 26)), (d(2025, 10, 27), d(2025, 10, 31)))])),
    ("Income by month this year", "trend", lambda h: buckets(h, months(h, (2025, 1), 11, income=True))),
    # comparison
    ("Compare this month with last month", "comparison", lambda h: versus(h, h.paid(*NOV), h.paid(*OCT))),
    ("Groceries vs dining this year", "comparison", lambda h: versus(h, h.paid(*YEAR, category="Groceries"), h.paid(*YEAR, category="Food & Dining"))),
    ("Did I spend more on Uber or Ola last year?", "comparison", lambda h: versus(h, h.paid(*LAST_YEAR, seller="Uber"), h.paid(*LAST_YEAR, seller="Ola Cabs"))),
    ("How does my spending in October compare to September?", "comparison", lambda h: versus(h, h.paid(*OCT), h.paid(d(2025, 9, 1), d(2025, 9, 30)))),
    ("Did I spend more on groceries than last month?", "comparison", lambda h: versus(h, h.paid(*NOV, category="Groceries"), h.paid(*OCT, category="Groceries"))),
    ("How much more did I spend in 2025 than in 2024?", "comparison", lambda h: versus(h, h.paid(*YEAR), h.paid(*LAST_YEAR))),
    ("Card versus UPI last quarter", "comparison", lambda h: versus(h, h.paid(d(2025, 7, 1), d(2025, 9, 30), channel="Card"), h.paid(d(2025, 7, 1), d(2025, 9, 30), channel="UPI"))),
    # exact lookup
    ("When did I last shop at Flipkart?", "exact_lookup", lambda h: listing(h, h.paid(seller="Flipkart"), 1)),
    ("Show me my last 5 transactions at Swiggy", "exact_lookup", lambda h: listing(h, h.paid(seller="Swiggy", income=None), 5)),
    ("List all Netflix payments in 2025", "exact_lookup", lambda h: listing(h, h.paid(*YEAR, seller="Netflix"), 10)),
    ("Did I pay Tata Power in October?", "exact_lookup", lambda h: listing(h, h.paid(*OCT, seller="Tata Power"), 10)),
    ("Which transactions were flagged this year?", "exact_lookup", lambda h: listing(h, h.paid(*YEAR, flagged=True, income=None), 10)),
    ("When was the last time I bought from Apollo Pharmacy?", "exact_lookup", lambda h: listing(h, h.paid(seller="Apollo Pharmacy"), 1)),
    ("Find purchases over ₹10,000 in the last 3 months", "exact_lookup", lambda h: listing(h, h.paid(d(2025, 8, 23), d(2025, 11, 22), when=lambda r: r.currency == "INR" and r.amount > 1_000_000), 10)),
]  # fmt: skip

REFUSED = [
    "How much will I spend next month?",
    "Should I invest in mutual funds?",
    "What is the weather in Mumbai?",
    "How much did I spend on shoes last month?",
    "What is my bank balance?",
    "How much did my wife spend last month?",
]
