-- 调解、诉讼各阶段天数不为负，日期先后不符的案件不计天数
select source, referral_key, accept_days, start_days, handle_days, total_days, has_date_fault
from referral
where
    least(accept_days, start_days, handle_days, total_days) < 0
    or (has_date_fault and coalesce(accept_days, start_days, handle_days, total_days) is not null)
