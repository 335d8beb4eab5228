-- One row per submission that is set aside and open reason: what a supervisor looks at. No answer is in it; the key finds
-- the submission on the server. enumerator and date: of the tracer's own, else null. review_state: what the server
-- said last (ODK Central's word; empty: nothing). rule, severity: see the rules; question: the column it is about.
drop table if exists marts.send_back;
create table marts.send_back as
select r.form_id, r._submission_id as submission_id, q.enumerator_id as enumerator, q.today as date,
  coalesce(q._review_state, '') as review_state, r.rule, r.severity, coalesce(r.column_name, '') as question, r.origin,
  r.why_id, r.why_en
from quarantine.reason r
left join quarantine.alumni_tracer q on q._submission_id = r._submission_id and r.form_id = 'alumni_tracer'
where r.state = 'open' and r.severity in ('critical', 'warning')
order by r.form_id, q.enumerator_id, r._submission_id, r.rule, r.column_name;
