-- One row per form and rule violated, and one per form with rule '' for the form as a whole. Counts are submissions:
-- landed = good + set_aside; warned are good ones with a listed remark. submissions: those the rule caught; one
-- submission may be caught by several rules. Source: the loader's own counts (meta).
drop table if exists marts.data_quality;
create table marts.data_quality as
select form_id, '' as rule, '' as severity, landed, good, set_aside, warned, set_aside as submissions
from meta.form_summary
union all
select s.form_id, s.rule, s.severity, f.landed, f.good, f.set_aside, f.warned, cast(sum(s.submissions) as bigint)
from meta.set_aside s join meta.form_summary f on f.form_id = s.form_id
group by s.form_id, s.rule, s.severity, f.landed, f.good, f.set_aside, f.warned
order by 1, 2, 3;
