-- One row per contact attempt (one good submission of alumni_tracer). No name, phone or free text.
-- columns:
--   submission_id: the submission
--   alumni_id: the person sought
--   attempt_no: number of the attempt, as the enumerator says
--   date: day of the attempt, Asia/Jakarta
--   enumerator: code of the enumerator
--   mode: how, codes of the list mode
--   contact_result: codes of the list contact_result
--   aapor_code: the form's own calculation (specification 1.1, row 234), after AAPOR Standard Definitions for named persons
--   registered_birth_year: as the registry gave it to the device
--   attempt_order: place among the attempts at this person, by day
drop table if exists marts.attempt;
create table marts.attempt as
select
  a._submission_id as submission_id,
  a.alumni_id,
  a.attempt_no,
  a.today as date,
  a.enumerator_id as enumerator,
  a.mode,
  a.contact_result,
  a.aapor_code,
  cast(a.reg_birth_year as bigint) as registered_birth_year,
  row_number() over (partition by a.alumni_id order by a.today, a.attempt_no, a._submission_id) as attempt_order
from clean.alumni_tracer a
where a.alumni_id is not null;
