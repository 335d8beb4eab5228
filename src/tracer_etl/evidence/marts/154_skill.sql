-- One row per respondent and skill: how well the person says to have had it before and after, and how much work needs it.
-- Skills nobody rated, before or after, have no row.
-- reads clean.alumni_tracer: sk_tech_before sk_tech_after sk_tech_need sk_tool_before sk_tool_after sk_tool_need sk_k3_before sk_k3_after sk_k3_need sk_qual_before sk_qual_after sk_qual_need sk_digi_before sk_digi_after sk_digi_need sk_comm_before sk_comm_after sk_comm_need sk_team_before sk_team_after sk_team_need sk_prob_before sk_prob_after sk_prob_need sk_biz_before sk_biz_after sk_biz_need sk_disc_before sk_disc_after sk_disc_need
-- columns:
--   alumni_id: the person
--   submission_id: the interview
--   programme: code of the person's last class
--   year: its budget year
--   item: tech (technical work of the field), tool (tools and machines), k3 (safety and health at work), qual (quality), digi (digital), comm (communication), team (teamwork), prob (solving problems), biz (running a business), disc (discipline)
--   before: level before the training, 1 very low to 5 very high
--   after: level at the interview, 1 to 5
--   needed: level the work needs, 1 to 5; null for those without work
--   gain: after less before
--   shortfall: needed less after; positive where work asks for more
drop table if exists marts.skill;
create table marts.skill as
with item as (
  select item from (values ('tech'), ('tool'), ('k3'), ('qual'), ('digi'), ('comm'), ('team'), ('prob'), ('biz'), ('disc')) as named(item)
),
rated as (
  select i.alumni_id, i.submission_id, i.programme, i.year, s.item,
    cast(nullif(case s.item
      when 'tech' then a.sk_tech_before when 'tool' then a.sk_tool_before when 'k3' then a.sk_k3_before when 'qual' then a.sk_qual_before
      when 'digi' then a.sk_digi_before when 'comm' then a.sk_comm_before when 'team' then a.sk_team_before when 'prob' then a.sk_prob_before
      when 'biz' then a.sk_biz_before when 'disc' then a.sk_disc_before
      end, '') as bigint) as before,
    cast(nullif(case s.item
      when 'tech' then a.sk_tech_after when 'tool' then a.sk_tool_after when 'k3' then a.sk_k3_after when 'qual' then a.sk_qual_after
      when 'digi' then a.sk_digi_after when 'comm' then a.sk_comm_after when 'team' then a.sk_team_after when 'prob' then a.sk_prob_after
      when 'biz' then a.sk_biz_after when 'disc' then a.sk_disc_after
      end, '') as bigint) as after,
    cast(nullif(case s.item
      when 'tech' then a.sk_tech_need when 'tool' then a.sk_tool_need when 'k3' then a.sk_k3_need when 'qual' then a.sk_qual_need
      when 'digi' then a.sk_digi_need when 'comm' then a.sk_comm_need when 'team' then a.sk_team_need when 'prob' then a.sk_prob_need
      when 'biz' then a.sk_biz_need when 'disc' then a.sk_disc_need
      end, '') as bigint) as needed
  from marts.interview i
  join clean.alumni_tracer a on a._submission_id = i.submission_id
  cross join item s
)
select alumni_id, submission_id, programme, year, item, before, after, needed, after - before as gain,
  needed - after as shortfall
from rated
where before is not null or after is not null
order by alumni_id, item;
