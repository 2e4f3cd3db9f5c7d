"""Step, Plan, guard, journal and executor; the bring-up and destroy steps of each system.

A Plan is an explicit execution graph, made once and saved; the runner only walks it. Start at `bringup.plan_bringup`,
`attach.start_or_attach` and `step.Step`.
"""
