-- One row per source (alumni: enrolments of the registry; applicants: applications of the round) and programme.
-- people: enrolments or applications; women, target (t1 or t2) and spread are shares 0..1 of those known;
-- spread = 1 - HHI over kecamatan, HHI = sum of squared shares.
drop table if exists marts.plan_reach;
create table marts.plan_reach as
with person as (
  select alumni_id, min(sex) as sex, min(kec_code) as kec_code from clean.registry_person group by alumni_id
),
one as (
  select 'alumni' as source, e.program_code as programme, p.sex, e.target_group, p.kec_code
  from clean.registry_enrolment e left join person p on p.alumni_id = e.alumni_id
  union all
  select 'applicants', ap_program, ap_sex, ap_tg, ap_kec from clean.applicant_registration
),
per_district as (
  select source, programme, kec_code, count(*) as people,
    count(*) / cast(sum(count(*)) over (partition by source, programme) as double precision) as share
  from one where kec_code is not null group by source, programme, kec_code
),
spread as (
  select source, programme, 1 - sum(share * share) as spread from per_district group by source, programme
)
select o.source, o.programme, count(*) as people,
  avg(case when o.sex = '2' then 1.0 when o.sex is not null then 0.0 end) as women,
  avg(case when o.target_group in ('t1', 't2') then 1.0 when o.target_group is not null then 0.0 end) as target,
  min(s.spread) as spread
from one o
left join spread s on s.source = o.source and s.programme = o.programme
group by o.source, o.programme
order by o.source, o.programme;
