-- One row per person and class, with dates as dates and the person's share of what the class cost.
-- reads clean.registry_enrolment: batch provider_lpk training_start training_end magang_end planned_hours attended_pct completed cert_result funding package_cost_idr target_group seat_source
-- columns:
--   enrolment_id: class and person
--   alumni_id: the person
--   programme: code of the programme
--   batch: the class
--   provider: the training provider (LPK)
--   year: budget year
--   funding: from which budget, codes of the list funding
--   target_group: t1 tobacco farmers, t2 cigarette workers, t3 general public (DBHCHT)
--   seat_source: how the seat was given: open, APTI, musrenbang, other
--   training_start: first day
--   training_end: last day of training and assessment
--   last_day: last day of the internship, else of the training: from here a graduate could look for work
--   planned_hours: lessons planned (JP)
--   attended_pct: attendance in per cent
--   completed: attended at least 80 per cent
--   certified: declared competent
--   class_size: seats taken in the class; who withdrew from the study, or was erased, is not among them
--   package_idr: IDR for the whole class
--   cost_idr: IDR, the cost of the class divided by the seats taken
--   latest: the person's last class, which the interview is about
drop table if exists marts.enrolment;
create table marts.enrolment as
select enrolment_id, alumni_id, program_code as programme, batch, nullif(provider_lpk, '') as provider,
  cast(nullif(budget_year, '') as bigint) as year, nullif(funding, '') as funding, nullif(target_group, '') as target_group,
  nullif(seat_source, '') as seat_source, cast(nullif(training_start, '') as date) as training_start,
  cast(nullif(training_end, '') as date) as training_end,
  cast(coalesce(nullif(magang_end, ''), nullif(training_end, '')) as date) as last_day,
  cast(nullif(planned_hours, '') as bigint) as planned_hours,
  cast(nullif(attended_pct, '') as double precision) as attended_pct,
  nullif(completed, '') = '1' as completed, coalesce(cert_result = '1', false) as certified,
  count(*) over (partition by batch) as class_size,
  cast(nullif(package_cost_idr, '') as bigint) as package_idr,
  cast(nullif(package_cost_idr, '') as double precision) / count(*) over (partition by batch) as cost_idr,
  row_number() over (partition by alumni_id order by training_end desc, enrolment_id desc) = 1 as latest
from clean.registry_enrolment
order by enrolment_id;
