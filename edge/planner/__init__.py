"""24 h ahead in 15 min steps: when each node charges and discharges, why, and what doing nothing would cost.

`schedule.make_plan` plans one node exactly; `shared_limit.make_plans` several nodes behind one link;
`forecast.choose` says which prices there are to plan with; `opinion.plan_action` is what a plan says now.
"""
