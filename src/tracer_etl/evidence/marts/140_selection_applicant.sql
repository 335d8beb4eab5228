-- One row per application of the round with what the applicant declared: each gate of specification 3.2 as true/false
-- (gate_training only by declaration; the check against the registry is by NIK and done apart) and the points of need
-- (status 12 + welfare decile 10 + vulnerability 8 = 30). age: at the reference date of the form.
-- number: how assessors know the person (clean.applicants, the office's list); null = not on the list. place: order
-- of arrival of the applications, first = 1.
-- columns:
--   submission_id: the application
--   number: how assessors know the person
--   round: the round of selection
--   place: order of arrival
--   programme: programme applied for
--   target_group: t1, t2, t3 as declared
--   sex: 1 man, 2 woman
--   kec_code: district
--   desa_code: village
--   age: completed years at the reference date of the form
--   disability: declared
--   gate_resident: has an identity card of the regency
--   gate_age: 17 to 45
--   gate_not_student: no full-time student
--   gate_wants_work: wants to work
--   gate_not_full_time: not in full-time work, except t2
--   gate_training: declares no training of the government in 24 months
--   gate_available: for the whole training
--   gate_statement: signed the statement
--   need_status: points of need by status, 0 to 12
--   need_welfare: points of need by welfare, 0 to 10
--   need_vulnerable: points of need by vulnerability, 0 to 8
drop table if exists marts.selection_applicant;
create table marts.selection_applicant as
select a._submission_id as submission_id, l.applicant_id as number, l.round,
  row_number() over (order by a._submitted_at, a._submission_id) as place,
  a.ap_program as programme, a.ap_tg as target_group, a.ap_sex as sex, a.ap_kec as kec_code, a.ap_desa as desa_code,
  a.ap_age as age, ' ' || coalesce(a.ap_vuln, '') || ' ' like '% 2 %' as disability,
  coalesce(a.ap_ktp_blitar = '1', false) as gate_resident,
  coalesce(a.ap_age >= 17 and a.ap_age <= 45, false) as gate_age,
  coalesce(a.ap_lab <> '6', false) as gate_not_student,
  coalesce(a.ap_lab <> '7', false) as gate_wants_work,
  coalesce(a.ap_lab <> '4' or a.ap_tg = 't2', false) as gate_not_full_time,
  coalesce(a.ap_past = '0', false) as gate_training,
  coalesce(a.ap_full = '1', false) as gate_available,
  coalesce(a.ap_statement = '1', false) as gate_statement,
  case a.ap_lab when '2' then 12 when '1' then 9 when '3' then 7 when '5' then 7 else 0 end as need_status,
  case a.ap_welfare when '1' then 10 when '2' then 7 when '3' then 4 else 0 end as need_welfare,
  case when a.ap_vuln is null or a.ap_vuln = '' or a.ap_vuln = '0' then 0 when a.ap_vuln like '% %' then 8 else 4
    end as need_vulnerable
from clean.applicant_registration a
left join clean.applicants l on l.application_id = a._submission_id
order by a._submission_id;
