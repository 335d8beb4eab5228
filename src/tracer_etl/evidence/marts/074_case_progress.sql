-- One row per dimension (overall, area = kecamatan of the registry, programme) and value: persons in the frame by where
-- they stand. interviewed: 110 or 120; held: not interviewed, but a complete one of theirs is set aside; closed: refused,
-- not reachable or not eligible; open: tried, to be tried again; untried. The five add up to frame.
drop table if exists marts.case_progress;
create table marts.case_progress as
with held as (select distinct alumni_id from quarantine.alumni_tracer where aapor_code in ('110', '120')),
area as (select alumni_id, min(kec_code) as kec_code from clean.registry_person group by alumni_id),
person as (
  select d.alumni_id, a.kec_code, d.programme,
    case when d.category in ('I', 'P') then 'interviewed' when h.alumni_id is not null then 'held'
      when d.attempts = 0 then 'untried' when d.aapor_code = '900' then 'open' else 'closed' end as standing
  from marts.case_disposition d
  left join held h on h.alumni_id = d.alumni_id
  left join area a on a.alumni_id = d.alumni_id
),
placed as (
  select 'overall' as dimension, '' as value, standing from person
  union all select 'area', coalesce(kec_code, ''), standing from person
  union all select 'programme', coalesce(programme, 'none'), standing from person
)
select dimension, value, count(*) as frame,
  count(case when standing = 'interviewed' then 1 end) as interviewed,
  count(case when standing = 'held' then 1 end) as held,
  count(case when standing = 'open' then 1 end) as open,
  count(case when standing = 'untried' then 1 end) as untried,
  count(case when standing = 'closed' then 1 end) as closed
from placed
group by dimension, value
order by dimension, value;
