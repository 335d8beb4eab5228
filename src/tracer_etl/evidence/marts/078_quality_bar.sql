-- One row per measure the field work holds itself to (specification section 5), from shares that can be worked out: value
-- against target; met says whether it is at least (direction least) or at most (most) that. n: what stands under it.
-- response, contact, refusal: RR2, CON1, REF1 of the frame. income_untold: told earnings neither as a number nor as a band,
-- of those in paid or own work who answered themselves. checked_again: of complete interviews, those a supervisor reached again;
-- representativity: the R-indicator (F9), put in once it is estimated.
-- type_1_error: answers that cannot change (year of birth, school) and were told otherwise, of those compared.
-- columns:
--   measure: what is measured
--   target: share 0..1 it should reach, or stay within
--   direction: least or most
--   value: share 0..1; null where nothing is under it yet
--   n: persons, interviews or answers
--   met: whether the target is met; null without a value
drop table if exists marts.quality_bar;
create table marts.quality_bar as
with checked as (
  select sum(checked) as checked, sum(completes) as completes, sum(type_1_wrong) as wrong, sum(type_1_compared) as compared
  from marts.enumerator_check
),
earner as (
  select count(*) as asked, count(case when earnings_source = 'unknown' then 1 end) as untold
  from marts.interview
  where emp_bps = '1' and status_emp in ('1', '2', '3', '4', '5', '6') and pre_work is not null
),
counted as (
  select 'response' as measure, rr2 as value, frame as n from marts.response_rate where dimension = 'overall'
  union all select 'contact', con1, frame from marts.response_rate where dimension = 'overall'
  union all select 'refusal', ref1, frame from marts.response_rate where dimension = 'overall'
  union all select 'income_untold', untold / cast(nullif(asked, 0) as double precision), asked from earner
  union all select 'checked_again', checked / cast(nullif(completes, 0) as double precision), completes from checked
  union all select 'type_1_error', wrong / cast(nullif(compared, 0) as double precision), compared from checked
)
select s.measure, s.target, s.direction, c.value, cast(coalesce(c.n, 0) as bigint) as n,
  case when s.direction = 'least' then c.value >= s.target else c.value <= s.target end as met
from marts.seed_quality_bar s
left join counted c on c.measure = s.measure
order by s.measure;
