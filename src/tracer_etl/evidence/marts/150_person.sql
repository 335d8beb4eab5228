-- One row per person of the frame: what the registry says of the person, and how many classes the person took.
-- reads clean.registry_person: sex kec_code edu marital disability_flag
-- reads clean.registry_enrolment: batch completed cert_result
-- columns:
--   alumni_id: the person; links to every table of cases and answers
--   sex: 1 man, 2 woman
--   kec_code: district, Kemendagri code of six digits
--   zone: part of the regency the district lies in (seed_zone)
--   education: highest school finished, codes of the list edu
--   marital: codes of the list marital
--   disability: whether the registry notes one; null where it says nothing
--   classes: number of classes taken
--   completed: number of them completed
--   certified: number of them that ended with a certificate of competence
--   first_year: budget year of the first class
--   last_year: budget year of the last class
drop table if exists marts.person;
create table marts.person as
with taken as (
  select alumni_id, count(*) as classes, sum(case when completed = '1' then 1 else 0 end) as completed,
    sum(case when cert_result = '1' then 1 else 0 end) as certified,
    min(cast(nullif(budget_year, '') as bigint)) as first_year, max(cast(nullif(budget_year, '') as bigint)) as last_year
  from clean.registry_enrolment group by alumni_id
)
select p.alumni_id, nullif(p.sex, '') as sex, nullif(p.kec_code, '') as kec_code, z.zone, nullif(p.edu, '') as education,
  nullif(p.marital, '') as marital, nullif(p.disability_flag, '') = '1' as disability,
  coalesce(t.classes, 0) as classes, cast(coalesce(t.completed, 0) as bigint) as completed,
  cast(coalesce(t.certified, 0) as bigint) as certified, t.first_year, t.last_year
from clean.registry_person p
left join taken t on t.alumni_id = p.alumni_id
left join marts.seed_zone z on z.kec_code = p.kec_code
order by p.alumni_id;
