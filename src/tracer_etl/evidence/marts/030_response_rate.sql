-- One row per group of cases: dimension (overall, programme, year, target_group, zone, sex, enumerator) and value.
-- Counts are persons, rates shares 0..1 (null where nothing is in the denominator), unweighted.
-- AAPOR Standard Definitions, specification 2.2 F2-F7: all = I+P+R+NC+O+UH+UO, ne = not eligible.
--   rr1 = I / all           rr2 = (I+P) / all          con1 = (I+P+R+O) / all   coop1 = I / (I+P+R+O)   ref1 = R / all
--   rr3 = I / (I+P+R+NC+O + e(UH+UO))   rr4 = (I+P) / the same
--   e by the CASRO rule = (I+P+R+NC+O) / (I+P+R+NC+O+NE): eligible among cases whose eligibility is known.
-- An open case (900) and one never attempted count as of unknown eligibility (UH): rr1 and rr2 take them as eligible.
drop table if exists marts.response_rate;
create table marts.response_rate as
with cases as (
  select 'overall' as dimension, '' as value, category from marts.case_disposition
  union all select 'programme', programme, category from marts.case_disposition
  union all select 'year', cast(year as varchar), category from marts.case_disposition
  union all select 'target_group', target_group, category from marts.case_disposition
  union all select 'zone', zone, category from marts.case_disposition
  union all select 'sex', sex, category from marts.case_disposition
  union all select 'enumerator', enumerator, category from marts.case_disposition
),
counts as (
  select dimension, coalesce(value, '') as value, count(*) as frame,
    count(case when category = 'I' then 1 end) as i,
    count(case when category = 'P' then 1 end) as p,
    count(case when category = 'R' then 1 end) as r,
    count(case when category = 'NC' then 1 end) as nc,
    count(case when category = 'O' then 1 end) as o,
    count(case when category = 'UH' then 1 end) as uh,
    count(case when category = 'UO' then 1 end) as uo,
    count(case when category = 'NE' then 1 end) as ne
  from cases group by dimension, coalesce(value, '')
),
bases as (
  select counts.*,
    cast(i + p + r + nc + o as double precision) as known,
    cast(i + p + r + nc + o + uh + uo as double precision) as everyone,
    case when i + p + r + nc + o + ne > 0
      then cast(i + p + r + nc + o as double precision) / (i + p + r + nc + o + ne) end as e
  from counts
)
select dimension, value, frame, i, p, r, nc, o, uh, uo, ne, e,
  i / nullif(everyone, 0) as rr1,
  (i + p) / nullif(everyone, 0) as rr2,
  i / nullif(known + e * (uh + uo), 0) as rr3,
  (i + p) / nullif(known + e * (uh + uo), 0) as rr4,
  (i + p + r + o) / nullif(everyone, 0) as con1,
  i / nullif(cast(i + p + r + o as double precision), 0) as coop1,
  r / nullif(everyone, 0) as ref1
from bases
order by dimension, value;
