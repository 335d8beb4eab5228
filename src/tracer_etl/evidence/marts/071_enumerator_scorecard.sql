-- One row per enumerator (code, no name): the work of all days, good and set aside together; mode 4 is web and nobody's.
-- attempts, completes: submissions; persons: alumni tried; a complete has aapor_code 110. held: submissions set aside now.
-- reached_share: persons with a complete or partial interview among persons tried; refused_share: persons who refused.
-- median_minutes: of completes; team_minutes: of all completes. short_share: completes under 0.6 x team_minutes.
-- rules: rules on how interviews are made (H..) that found something on this enumerator or on their submissions.
drop table if exists marts.enumerator_scorecard;
create table marts.enumerator_scorecard as
with work as (
  select _submission_id, enumerator_id, alumni_id, today, mode, aapor_code, duration_min, 0 as held from clean.alumni_tracer
  union all
  select _submission_id, enumerator_id, alumni_id, today, mode, aapor_code, duration_min, 1 from quarantine.alumni_tracer
),
own as (select * from work where enumerator_id is not null and coalesce(mode, '') <> '4'),
team as (
  select percentile_cont(0.5) within group (order by duration_min) as minutes
  from own where aapor_code = '110' and duration_min is not null
),
person as (
  select enumerator_id, alumni_id,
    max(case when aapor_code in ('110', '120') then 1 else 0 end) as reached,
    max(case when aapor_code = '211' then 1 else 0 end) as refused
  from own where alumni_id is not null group by enumerator_id, alumni_id
),
share as (
  select enumerator_id, count(*) as persons, cast(sum(reached) as double precision) / count(*) as reached_share,
    cast(sum(refused) as double precision) / count(*) as refused_share
  from person group by enumerator_id
),
pace as (
  select enumerator_id, percentile_cont(0.5) within group (order by duration_min) as median_minutes,
    cast(count(case when duration_min < 0.6 * minutes then 1 end) as double precision) / count(*) as short_share,
    min(minutes) as team_minutes
  from own cross join team where aapor_code = '110' and duration_min is not null group by enumerator_id
),
total as (
  select enumerator_id, count(*) as attempts, count(distinct today) as days, min(today) as first_date, max(today) as last_date,
    count(case when aapor_code = '110' then 1 end) as completes, sum(held) as held,
    count(case when aapor_code = '110' and held = 1 then 1 end) as held_completes
  from own group by enumerator_id
),
caught as (
  select o.enumerator_id, r.rule from quarantine.reason r join own o on o._submission_id = r._submission_id
  where r.form_id = 'alumni_tracer' and r.rule like 'H__' and r.state <> 'released'
  union
  select key, rule from meta.finding where scope = 'enumerator' and rule like 'H__'
),
broken as (select enumerator_id, count(*) as rules from caught group by enumerator_id)
select t.enumerator_id as enumerator, t.days, t.first_date, t.last_date, t.attempts, s.persons, t.completes,
  cast(t.held as bigint) as held, t.held_completes, s.reached_share, s.refused_share, p.median_minutes, p.team_minutes, p.short_share,
  coalesce(b.rules, 0) as rules
from total t
left join share s on s.enumerator_id = t.enumerator_id
left join pace p on p.enumerator_id = t.enumerator_id
left join broken b on b.enumerator_id = t.enumerator_id
order by t.enumerator_id;
