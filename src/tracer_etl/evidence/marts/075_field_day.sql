-- One row per day (Asia/Jakarta) with work: attempts, complete interviews and refusals of good submissions, submissions of
-- that day set aside now, enumerators at work, and the median length of complete interviews in minutes.
drop table if exists marts.field_day;
create table marts.field_day as
with work as (
  select today, enumerator_id, mode, aapor_code, duration_min, 0 as held from clean.alumni_tracer
  union all
  select today, enumerator_id, mode, aapor_code, duration_min, 1 from quarantine.alumni_tracer
)
select today as date, count(*) as submissions, count(case when held = 0 then 1 end) as attempts,
  count(case when held = 0 and aapor_code = '110' then 1 end) as completes,
  count(case when held = 0 and aapor_code in ('211', '212') then 1 end) as refusals,
  count(case when held = 1 then 1 end) as held,
  count(distinct case when coalesce(mode, '') <> '4' then enumerator_id end) as enumerators,
  percentile_cont(0.5) within group (order by case when aapor_code = '110' then duration_min end) as median_minutes
from work
where today is not null
group by today
order by today;
