-- One row per person in the frame (clean.registry_person), with the final disposition over all attempts.
-- Precedence 110 > 120 > 212 > 211 > 231/232/233 > 410 > 220 > 320 > 900 > 000 not attempted
-- (specification 0.3 point 3). Age in completed years at 31 December of the year of the first attempt, by year of
-- birth as the registry gave it to the device; unknown for persons never attempted. programme = latest enrolment.
drop table if exists marts.case_disposition;
create table marts.case_disposition as
with person as (
  select alumni_id, min(sex) as sex, min(kec_code) as kec_code
  from clean.registry_person group by alumni_id
),
enrolment as (
  select alumni_id, program_code, cast(budget_year as bigint) as year, funding, target_group,
    row_number() over (partition by alumni_id order by training_end desc, enrolment_id desc) as latest
  from clean.registry_enrolment
),
ranked as (
  select t.*, s.precedence,
    row_number() over (
      partition by t.alumni_id order by s.precedence, t.aapor_code, t.date, t.attempt_order) as best,
    row_number() over (partition by t.alumni_id order by t.attempt_order desc) as last
  from marts.attempt t join marts.seed_aapor s on s.code = t.aapor_code
),
attempted as (
  select alumni_id,
    max(case when best = 1 then aapor_code end) as aapor_code,
    max(case when last = 1 then enumerator end) as enumerator,
    count(*) as attempts, min(date) as first_date, max(date) as last_date,
    cast(extract(year from min(date)) as bigint) - min(registered_birth_year) as age
  from ranked group by alumni_id
)
select
  p.alumni_id,
  coalesce(t.aapor_code, '000') as aapor_code,
  s.category,
  coalesce(t.attempts, 0) as attempts,
  t.first_date,
  t.last_date,
  t.enumerator,
  e.program_code as programme,
  e.year,
  p.sex,
  case when t.age is null then null when t.age < 25 then '15-24' when t.age < 30 then '25-29'
    when t.age < 40 then '30-39' else '40+' end as age_group,
  z.zone,
  e.target_group,
  e.funding
from person p
left join attempted t on t.alumni_id = p.alumni_id
left join enrolment e on e.alumni_id = p.alumni_id and e.latest = 1
left join marts.seed_zone z on z.kec_code = p.kec_code
join marts.seed_aapor s on s.code = coalesce(t.aapor_code, '000');
