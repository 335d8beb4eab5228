-- One row per assessment of an applicant by an assessor: points of each part (specification 3.2).
-- interview: 5 items of 0-4 = 0-20; plan: 3 items of 0-4 x 1.25 = 0-15; judged = interview + plan, 0-35;
-- task 6 and punctual 4 are facts, test 0-25. conflict: the assessor must be replaced; documents: complete and genuine.
drop table if exists marts.selection_mark;
create table marts.selection_mark as
with mark as (
  select _submission_id as submission_id, sa_applicant as number, sa_assessor as assessor, today as date,
    sa_conflict = '1' as conflict, sa_docs = '1' as documents,
    cast(sa_c_goal as bigint) as goal, cast(sa_c_know as bigint) as know, cast(sa_c_effort as bigint) as effort,
    cast(sa_c_obst as bigint) as obstacle, cast(sa_c_persist as bigint) as persist,
    cast(sa_p_real as bigint) as realistic, cast(sa_p_market as bigint) as market, cast(sa_p_asset as bigint) as asset,
    cast(sa_test as double precision) as test,
    case when sa_task = '1' then 6 else 0 end as task, case when sa_ontime = '1' then 4 else 0 end as punctual
  from clean.selection_assessment
)
select mark.*, cast(goal + know + effort + obstacle + persist as double precision) as interview,
  cast(1.25 * (realistic + market + asset) as double precision) as plan,
  cast(goal + know + effort + obstacle + persist + 1.25 * (realistic + market + asset) as double precision) as judged
from mark
order by number, assessor, submission_id;
