"""The closed loop: each warning is followed from 推送 over 签收, 处置 and 反馈 to 销号.

workflow (which steps there are, who may take which, by when), store (where the state is kept), cases (take a step, see
where a case stands), rehearse (the demo city's past cases). Who acts is a role and, for units, the unit's name.
"""
