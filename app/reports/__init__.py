"""Meeting materials: the figures of a period, told once, as Word, PPT, Excel and PDF.

    periods.py    which days is 2026-W46, 2026-11, 2026-Q4, 2026; which came before
    figures.py    one marts file, a period, an area → Findings: every frame the report draws on, small counts hidden
    totalling.py  do weeks add to months, sources to the total? 勾稽校验 before anything is written
    narrative.py  Findings → Report: sections, sentences, charts, tables, slides
    checking.py   does every number in the text exist in the findings?
    model.py      what a Report is made of
    templates.py  the office's own Word and PPT templates
    settings.py   what the office wants of them: HOME/reports.toml
    register.py   第N期, frozen issues, export log (in the state database)
    make.py       period, area, audience, formats → files

No Streamlit here. Files are written by app/exports/report_*.py.
"""
