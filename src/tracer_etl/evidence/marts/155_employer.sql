-- One row per employer who agreed to answer: how large, whom it looks for, and what it would do for alumni; no name.
-- reads clean.employer_needs: today em_consent em_form em_kbli em_kec em_workers em_workers_f em_vac_now em_hire_12 em_alumni em_alumni_n em_alumni_sat em_magang em_magang_n em_commit em_commit_n
-- columns:
--   submission_id: the answer
--   date: day of the answer
--   legal_form: codes of the list biz_form
--   industry: section of KBLI
--   kec_code: district, Kemendagri code of six digits
--   zone: part of the regency the district lies in (seed_zone)
--   workers: workers now
--   women: women among them
--   vacancies: open now
--   hires: expected hires of the next 12 months
--   occupations: occupations needed in the next 12 months
--   needed: persons needed in them
--   hard: persons needed in occupations that are hard to fill
--   employed_alumni: whether it ever employed an alumnus
--   alumni: how many of 2024 and 2025
--   satisfaction: with them, 1 to 5
--   hosts_interns: whether it would take interns
--   interns: how many of a class
--   commits: whether it would sign a commitment to place alumni
--   places: how many it would place
drop table if exists marts.employer;
create table marts.employer as
with wanted as (
  select _submission_id, count(*) as occupations, cast(sum(oc_n) as bigint) as needed,
    cast(sum(case when oc_hard = '1' then oc_n else 0 end) as bigint) as hard
  from clean.employer_needs__occ group by _submission_id
)
select e._submission_id as submission_id, e.today as date, e.em_form as legal_form, e.em_kbli as industry, e.em_kec as kec_code,
  z.zone, e.em_workers as workers, e.em_workers_f as women, e.em_vac_now as vacancies, e.em_hire_12 as hires,
  coalesce(w.occupations, 0) as occupations, coalesce(w.needed, 0) as needed, coalesce(w.hard, 0) as hard,
  e.em_alumni = '1' as employed_alumni, e.em_alumni_n as alumni, cast(nullif(e.em_alumni_sat, '') as bigint) as satisfaction,
  e.em_magang = '1' as hosts_interns, e.em_magang_n as interns, e.em_commit = '1' as commits, e.em_commit_n as places
from clean.employer_needs e
left join wanted w on w._submission_id = e._submission_id
left join marts.seed_zone z on z.kec_code = e.em_kec
where e.em_consent = '1'
order by e._submission_id;
