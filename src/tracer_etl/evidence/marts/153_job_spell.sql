-- One row per spell of work a respondent told, in the order told; before the training and after it.
-- reads clean.alumni_tracer__job: _position j_status j_start j_end j_end_reason j_match j_income j_hours j_found
-- columns:
--   alumni_id: the person
--   submission_id: the interview
--   position: place among the spells told, from 1
--   programme: code of the person's last class
--   year: its budget year
--   status: status in employment, codes of the list status_emp
--   started: first day
--   ended: last day; null while it lasts
--   ongoing: lasts at the interview
--   end_reason: codes of the list job_end_reason
--   field_match: whether it is of the field of the training, codes of the list field_match
--   income_idr: IDR per month
--   hours: hours a week
--   found: how it was found, codes of the list found_how
--   months_after_training: months of 30.4375 days from the last day of the last class to the first of the spell; negative before
drop table if exists marts.job_spell;
create table marts.job_spell as
select i.alumni_id, i.submission_id, j._position as position, i.programme, i.year, j.j_status as status,
  j.j_start as started, j.j_end as ended, j.j_end is null as ongoing, j.j_end_reason as end_reason, j.j_match as field_match,
  j.j_income as income_idr, j.j_hours as hours, j.j_found as found,
  cast(j.j_start - e.last_day as double precision) / 30.4375 as months_after_training
from clean.alumni_tracer__job j
join marts.interview i on i.submission_id = j._submission_id
left join marts.enrolment e on e.alumni_id = i.alumni_id and e.latest
order by i.alumni_id, j._position;
