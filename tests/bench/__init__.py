"""The yardstick: our engine beside one as people build it in Node, over the same wire, in turn.

run.py         rounds of turns: baseline, ours, ours --separate; then the other way round, …
scenarios/     what a turn does, one to a file; each gives figures
engines/       what is measured: ours (this checkout or another), the baseline; each with fresh servers
client/        the load, in a process of its own; its CPU counts for neither side
processes.py   CPU and memory of a side's processes, by group
database.py    the same questions to either schema: which orders are done, and when they were
rows.py        figures → rows of medians and ratios, with what they must be and should be
report.py, html.py, svg.py
"""
