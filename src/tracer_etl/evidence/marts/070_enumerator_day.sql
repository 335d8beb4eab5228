-- One row per enumerator and day (Asia/Jakarta) with at least one attempt: field progress, counts of attempts.
drop table if exists marts.enumerator_day;
create table marts.enumerator_day as
select enumerator, date,
  count(*) as attempts,
  count(case when aapor_code in ('110', '120') then 1 end) as interviews,
  count(case when aapor_code in ('211', '212') then 1 end) as refusals,
  count(distinct alumni_id) as persons
from marts.attempt
group by enumerator, date
order by date, enumerator;
