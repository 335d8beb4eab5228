-- One row per enumerator, rule on how interviews are made (H..) and severity: findings on the enumerator as a whole
-- (submissions is null; value and detail as the check worded them) and on single submissions (their number).
drop table if exists marts.enumerator_finding;
create table marts.enumerator_finding as
with work as (
  select _submission_id, enumerator_id from clean.alumni_tracer where coalesce(mode, '') <> '4'
  union all
  select _submission_id, enumerator_id from quarantine.alumni_tracer where coalesce(mode, '') <> '4'
)
select w.enumerator_id as enumerator, r.rule, r.severity, 'submission' as scope, count(distinct r._submission_id) as submissions,
  '' as value, '' as detail, min(r.why_id) as why_id, min(r.why_en) as why_en
from quarantine.reason r join work w on w._submission_id = r._submission_id
where r.form_id = 'alumni_tracer' and r.rule like 'H__' and r.state <> 'released' and w.enumerator_id is not null
group by w.enumerator_id, r.rule, r.severity
union all
select f.key, f.rule, c.severity, f.scope, cast(null as bigint), f.value, f.detail, c.why_id, c.why_en
from meta.finding f join meta.check_result c on c.rule = f.rule and c.stage = f.stage and c.scope = f.scope
where f.scope = 'enumerator' and f.rule like 'H__'
order by 1, 2, 3, 4;
