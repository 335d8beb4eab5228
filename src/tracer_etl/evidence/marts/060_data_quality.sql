-- One row per form and rule violated, and one per form with rule '' for the form as a whole. Counts are submissions:
-- landed = good + set_aside; warned are good ones with a listed remark. submissions: those the rule caught, each once
-- however many of its questions and rows break the rule; one submission may be caught by several rules. why_id and
-- why_en: the reason where all have the same, else its first sentence (the rest names one question).
drop table if exists marts.data_quality;
create table marts.data_quality as
with caught as (
  select form_id, rule, severity, count(distinct _submission_id) as submissions,
    count(distinct why_id) as reasons, min(why_id) as why_id, min(why_en) as why_en
  from quarantine.reason group by form_id, rule, severity
)
select form_id, '' as rule, '' as severity, landed, good, set_aside, warned, set_aside as submissions,
  '' as why_id, '' as why_en
from meta.form_summary
union all
select c.form_id, c.rule, c.severity, f.landed, f.good, f.set_aside, f.warned, c.submissions,
  case when c.reasons > 1 and position('. ' in c.why_id) > 0
    then substr(c.why_id, 1, position('. ' in c.why_id)) else c.why_id end,
  case when c.reasons > 1 and position('. ' in c.why_en) > 0
    then substr(c.why_en, 1, position('. ' in c.why_en)) else c.why_en end
from caught c join meta.form_summary f on f.form_id = c.form_id
order by 1, 2, 3;
