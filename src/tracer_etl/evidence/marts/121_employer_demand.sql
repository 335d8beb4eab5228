-- One row per programme that an employer needs ('none': needed, taught by no programme): N3 of specification 2.2.
-- vacancies: persons needed in 12 months; hard: those in places hard to fill; employers: asking for the programme or
-- for its occupations; committed: placements employers would sign for, a firm's number shared evenly among the
-- programmes it asked for (the form asks one number per firm). Business data are shown in aggregate only.
drop table if exists marts.employer_demand;
create table marts.employer_demand as
with need as (
  select coalesce(programme, 'none') as programme, sum(needed) as vacancies,
    sum(case when hard then needed else 0 end) as hard
  from marts.employer_vacancy group by coalesce(programme, 'none')
),
asked as (
  select s._submission_id as submission_id, s.choice as programme,
    count(*) over (partition by s._submission_id) as programmes
  from clean.employer_needs__selected s where s.question = 'em_prog'
),
promise as (
  select a.programme, sum(e.em_commit_n / cast(a.programmes as double precision)) as committed
  from asked a join clean.employer_needs e on e._submission_id = a.submission_id
  where e.em_commit = '1' group by a.programme
),
firm as (
  select programme, count(distinct submission_id) as employers
  from (
    select programme, submission_id from asked
    union select coalesce(programme, 'none'), submission_id from marts.employer_vacancy
  ) either
  group by programme
)
select f.programme, f.employers, cast(coalesce(n.vacancies, 0) as bigint) as vacancies,
  cast(coalesce(n.hard, 0) as bigint) as hard, coalesce(p.committed, 0) as committed
from firm f
left join need n on n.programme = f.programme
left join promise p on p.programme = f.programme
order by f.programme;
