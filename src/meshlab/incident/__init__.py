"""From what was seen to why: observe, collect, replay, explain, report.

Modules: `samples` and `observer` watch, `observed` makes a Timeline of what was seen, `collect` and the
readers of logs add events, `record` keeps an incident in a folder, `replay` and `explain` lay the simulator
beside it, `report` says it in words.
"""
