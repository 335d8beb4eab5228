-- One row per occupation an employer needs in 12 months: mapped to a programme by the reviewed map
-- (seed_programme_term, kind job: whole words of the title, the longest term wins, then the alphabet); null = no
-- programme teaches it. needed: persons; hard: hard to fill; certificate: BNSP required or preferred.
drop table if exists marts.employer_vacancy;
create table marts.employer_vacancy as
with job as (
  select o._row_id as row_id, o._submission_id as submission_id, o.oc_kbji as kbji, o.oc_n as needed, o.oc_wage as wage,
    o.oc_hard = '1' as hard, o.oc_cert = '1' as certificate,
    ' ' || regexp_replace(lower(coalesce(o.oc_title, '')), '\W+', ' ', 'g') || ' ' as title
  from clean.employer_needs__occ o
),
found as (
  select j.row_id, t.programme,
    row_number() over (partition by j.row_id order by length(t.term) desc, t.programme) as place
  from job j
  join marts.seed_programme_term t on t.kind = 'job' and j.title like '% ' || t.term || ' %'
)
select j.row_id, j.submission_id, j.kbji, f.programme, j.needed, j.wage, j.hard, j.certificate
from job j
left join found f on f.row_id = j.row_id and f.place = 1
order by j.row_id;
