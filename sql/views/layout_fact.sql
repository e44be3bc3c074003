-- Which facts does each layout tell at all? A layout that never fills a column does not have it.
-- grain: source, layout
-- inputs: known_event, known_batch
select
    e.source,
    b.layout,
    count(e.transferred_at) > 0 as has_transfer,
    count(e.accepted_at) > 0 as has_acceptance,
    count(*) filter (where e.closed_at is not null or e.status in ('replied', 'closed', 'declined')) > 0 as has_outcome,
    count(e.n_returns) > 0 as has_return,
    count(e.satisfaction) > 0 as has_rating,
    count(e.bureau_satisfaction) > 0 as has_bureau_rating
from known_event as e
left join known_batch as b on b.batch_id = e.batch_id
group by e.source, b.layout
