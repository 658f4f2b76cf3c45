"""The project of the document's own example."""

from typing import Any


def described(**changes: Any) -> dict[str, Any]:
    """As an operator sends it. A block that is given is merged."""
    body: dict[str, Any] = {
        "name": "Sunrise Solar Farm - Nevada",
        "description": "50 MW utility-scale solar installation in Nevada desert",
        "technology": "solar",
        "capacity_mw": 50,
        "location": {
            "country": "US",
            "state": "NV",
            "city": "Las Vegas",
            "coordinates": {"lat": 36.1699, "lng": -115.1398},
        },
        "stage": "construction",
        "construction_progress": 60,
        "expected_cod": "2026-06-01",
        "financial": {
            "currency": "USD",
            "target_amount": 2500000,
            "min_investment": 10,
            "max_investment": 100000,
            "total_cost": 65000000,
            "token_supply": 25000000,
            "expected_return_annual": 10.5,
            "exit_timeline_years": 10,
            "funding_deadline": "2026-12-15T23:59:59Z",
        },
        "technical": {
            "panel_type": "Bifacial monocrystalline",
            "panel_manufacturer": "Longi Solar",
            "panel_capacity_w": 570,
            "panel_count": 87719,
            "inverter_type": "String inverters",
            "tracking": "Single-axis horizontal",
            "expected_generation_mwh_annual": 120000,
            "degradation_annual": 0.45,
        },
        "impact": {
            "co2_avoided_tons_annual": 85000,
            "homes_powered": 12000,
            "jobs_construction": 150,
            "jobs_operations": 8,
            "community_benefit_annual": 50000,
        },
        "third_party_validation": [
            {
                "firm": "DNV GL Energy",
                "type": "technical_due_diligence",
                "conclusion": "Sound technical design with proven components",
                "date": "2025-07-15",
            }
        ],
        "rating_breakdown": {
            "financial": 4.7,
            "technical": 4.9,
            "community": 4.8,
            "risk": 4.7,
            "values": 4.9,
        },
    }
    for name, value in changes.items():
        body[name] = body[name] | value if isinstance(value, dict) and name in body else value
    return body
