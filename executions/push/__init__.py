"""What n8n sends by itself: traces (OpenTelemetry) and failures (its Error Trigger).

A push is a hint that comes early; the list that sync reads stays the authority. What was pushed is
stored like a listed row, marked ``RowFlag.PUSHED`` and asked for again, and the first list that
shows it corrects it. A push never changes a run that ended, opens no epoch, moves no position and
covers no time; where it is not sure which run is meant, it stores nothing and the next sync will.
"""
