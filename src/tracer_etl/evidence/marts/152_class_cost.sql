-- One row per class: what it cost, and what a seat, a completion and a certificate of it cost.
-- A class nobody completed, or nobody was certified in, has no cost of one (null).
-- columns:
--   batch: the class
--   programme: code of the programme
--   provider: the training provider (LPK)
--   year: budget year
--   funding: from which budget
--   training_start: first day
--   last_day: last day of the internship, else of the training
--   seats: persons enrolled, without who withdrew from the study
--   completed: persons who attended at least 80 per cent
--   certified: persons declared competent
--   cost_idr: IDR for the whole class
--   seat_idr: IDR per person enrolled
--   completed_idr: IDR per person who completed
--   certified_idr: IDR per person declared competent
drop table if exists marts.class_cost;
create table marts.class_cost as
with class as (
  select batch, min(programme) as programme, min(provider) as provider, min(year) as year, min(funding) as funding,
    min(training_start) as training_start, max(last_day) as last_day, count(*) as seats,
    cast(sum(case when completed then 1 else 0 end) as bigint) as completed,
    cast(sum(case when certified then 1 else 0 end) as bigint) as certified, max(package_idr) as cost_idr
  from marts.enrolment group by batch
)
select batch, programme, provider, year, funding, training_start, last_day, seats, completed, certified, cost_idr,
  cast(cost_idr as double precision) / seats as seat_idr, cast(cost_idr as double precision) / nullif(completed, 0) as completed_idr,
  cast(cost_idr as double precision) / nullif(certified, 0) as certified_idr
from class
order by batch;
