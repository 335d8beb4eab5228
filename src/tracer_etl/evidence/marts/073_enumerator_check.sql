-- One row per enumerator with a complete interview: persons checked again by a supervisor (reached), of how many
-- complete; never: who say there was no interview; type_1, type_2: answers that differ among those compared (rules
-- H17 and H18 say what is compared and how much may differ). Set-aside interviews count, since they are checked, too.
drop table if exists marts.enumerator_check;
create table marts.enumerator_check as
with complete as (
  select enumerator_id, alumni_id, birth_year, edu, duration_min, pre_work, emp_bps, status_emp from clean.alumni_tracer
  where aapor_code = '110' and coalesce(mode, '') <> '4'
  union all
  select enumerator_id, alumni_id, birth_year, edu, duration_min, pre_work, emp_bps, status_emp from quarantine.alumni_tracer
  where aapor_code = '110' and coalesce(mode, '') <> '4'
),
pair as (
  select c.*, b.bc_was_int, b.bc_birth_year, b.bc_edu, b.bc_pre_work, b.bc_emp, b.bc_status
  from complete c join clean.backcheck b on b.bc_alumni = c.alumni_id where b.bc_reached = '1'
),
compared as (
  select enumerator_id, count(distinct alumni_id) as checked, count(case when bc_was_int = '0' then 1 end) as never,
    count(case when bc_birth_year <> birth_year then 1 end) + count(case when bc_edu <> edu then 1 end) as type_1_wrong,
    count(case when bc_birth_year is not null and birth_year is not null then 1 end)
      + count(case when bc_edu is not null and edu is not null then 1 end) as type_1_compared,
    count(case when bc_pre_work <> pre_work then 1 end) + count(case when bc_emp <> emp_bps then 1 end)
      + count(case when bc_status <> status_emp then 1 end) as type_2_wrong,
    count(case when bc_pre_work is not null and pre_work is not null then 1 end)
      + count(case when bc_emp is not null and emp_bps is not null then 1 end)
      + count(case when bc_status is not null and status_emp is not null then 1 end) as type_2_compared
  from pair group by enumerator_id
),
done as (select enumerator_id, count(distinct alumni_id) as completes from complete group by enumerator_id)
select d.enumerator_id as enumerator, d.completes, coalesce(c.checked, 0) as checked, coalesce(c.never, 0) as never,
  coalesce(c.type_1_wrong, 0) as type_1_wrong, coalesce(c.type_1_compared, 0) as type_1_compared,
  coalesce(c.type_2_wrong, 0) as type_2_wrong, coalesce(c.type_2_compared, 0) as type_2_compared
from done d left join compared c on c.enumerator_id = d.enumerator_id
where d.enumerator_id is not null
order by d.enumerator_id;
